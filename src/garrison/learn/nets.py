"""Networks. A module is a pytree of arrays: it can be saved, stacked and mapped over as it is."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp


def orthogonal(key: jax.Array, shape: tuple[int, int], scale: float) -> jax.Array:
    """An orthogonal matrix ``f32[in, out]`` times ``scale`` (Saxe et al. 2014)."""
    return jax.nn.initializers.orthogonal(scale)(key, shape)


class Dense(eqx.Module):
    """``x @ weight + bias`` for one vector; ``vmap`` it over more."""

    weight: jax.Array  # f32[in, out]
    bias: jax.Array  # f32[out]

    def __init__(self, key: jax.Array, inputs: int, outputs: int, scale: float):
        self.weight = orthogonal(key, (inputs, outputs), scale)
        self.bias = jnp.zeros(outputs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return x @ self.weight + self.bias


class ActorCritic(eqx.Module):
    """One tanh trunk for all agents, with a policy head and a value head.

    Each agent's observation is extended by its one-hot index. That is the same as adding a vector of its own
    to the first layer, which is how it is computed: it saves copying all observations.
    """

    agent: jax.Array  # f32[agent, width]: the rows of the first layer that the one-hot index selects
    trunk: tuple[Dense, ...]
    policy: Dense
    value: Dense

    def __init__(
        self,
        key: jax.Array,
        observation_size: int,
        num_agents: int,
        num_actions: int,
        hidden: tuple[int, ...],
    ):
        if not hidden or min(hidden) < 1:
            raise ValueError(
                f"hidden is {hidden}; it must name at least one layer, each with a width of 1 or more"
            )
        policy_key, value_key, *keys = jax.random.split(key, 2 + len(hidden))
        first = Dense(keys[0], observation_size + num_agents, hidden[0], math.sqrt(2))
        self.agent = first.weight[observation_size:]
        first = eqx.tree_at(lambda dense: dense.weight, first, first.weight[:observation_size])
        sizes = zip(keys[1:], hidden, hidden[1:], strict=False)
        self.trunk = (first, *(Dense(k, before, after, math.sqrt(2)) for k, before, after in sizes))
        self.policy = Dense(policy_key, hidden[-1], num_actions, 0.01)  # nearly uniform at the start
        self.value = Dense(value_key, hidden[-1], 1, 1.0)

    def __call__(self, obs: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Logits ``f32[agent, action]`` and values ``f32[agent]`` of ``obs`` (f32[agent, feature])."""
        return jax.vmap(self._one)(obs, self.agent)

    def _one(self, obs: jax.Array, agent: jax.Array) -> tuple[jax.Array, jax.Array]:
        first, *others = self.trunk
        hidden = jnp.tanh(first(obs) + agent)
        for layer in others:
            hidden = jnp.tanh(layer(hidden))
        return self.policy(hidden), self.value(hidden)[0]
