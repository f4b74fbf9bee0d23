"""Networks. A module is a pytree of arrays: it can be saved, stacked and mapped over as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu}
POLICIES = ("shared", "grouped", "separate")


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


class Trunk(eqx.Module):
    """Hidden layers on an observation that is extended by the agent's one-hot index.

    That is the same as adding a vector of the agent's own to the first layer, which is how it is computed:
    it saves copying all observations.
    """

    agent: jax.Array  # f32[agent, width]: the rows of the first layer that the one-hot index selects
    layers: tuple[Dense, ...]
    activation: str = eqx.field(static=True)

    def __init__(self, key: jax.Array, features: int, agents: int, hidden: tuple[int, ...], activation: str):
        if not hidden or min(hidden) < 1:
            raise ValueError(
                f"hidden is {hidden}; it must name at least one layer, each with a width of 1 or more"
            )
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation is {activation!r}; there are: {', '.join(ACTIVATIONS)}")
        keys = jax.random.split(key, len(hidden))
        first = Dense(keys[0], features + agents, hidden[0], math.sqrt(2))
        self.agent = first.weight[features:]
        first = eqx.tree_at(lambda dense: dense.weight, first, first.weight[:features])
        sizes = zip(keys[1:], hidden, hidden[1:], strict=False)
        self.layers = (first, *(Dense(k, before, after, math.sqrt(2)) for k, before, after in sizes))
        self.activation = activation

    def __call__(self, obs: jax.Array, agent: jax.Array) -> jax.Array:
        """The last layer ``f32[width]`` for ``agent`` (int32[], its number) and ``obs`` (f32[feature])."""
        activate = ACTIVATIONS[self.activation]
        first, *others = self.layers
        hidden = activate(first(obs) + self.agent[agent])
        for layer in others:
            hidden = activate(layer(hidden))
        return hidden


class ActorCritic(eqx.Module):
    """One network for all agents: a policy head and a value head on one trunk, or on one each."""

    trunk: Trunk
    critic: Trunk | None  # the value's own trunk; None where it shares the policy's
    policy: Dense
    value: Dense

    def __init__(
        self,
        key: jax.Array,
        observation_size: int,
        num_agents: int,
        num_actions: int,
        hidden: tuple[int, ...],
        activation: str = "tanh",
        separate_critic: bool = False,
    ):
        policy_key, value_key, trunk_key, critic_key = jax.random.split(key, 4)
        self.trunk = Trunk(trunk_key, observation_size, num_agents, hidden, activation)
        self.critic = None
        if separate_critic:
            self.critic = Trunk(critic_key, observation_size, num_agents, hidden, activation)
        self.policy = Dense(policy_key, hidden[-1], num_actions, 0.01)  # nearly uniform at the start
        self.value = Dense(value_key, hidden[-1], 1, 1.0)

    def __call__(self, obs: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Logits ``f32[agent, action]`` and values ``f32[agent]`` of ``obs`` (f32[agent, feature])."""
        return jax.vmap(self.one)(obs, jnp.arange(len(obs)))

    def one(self, obs: jax.Array, agent: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Logits ``f32[action]`` and value ``f32[]`` of one agent."""
        hidden = self.trunk(obs, agent)
        seen = hidden if self.critic is None else self.critic(obs, agent)
        return self.policy(hidden), self.value(seen)[0]


class Grouped(eqx.Module):
    """Several networks of one shape, each for the agents of one group; called as one :class:`ActorCritic`."""

    nets: ActorCritic  # leaves [group, ...]
    groups: tuple[int, ...] = eqx.field(static=True)  # group of each agent

    def __call__(self, obs: jax.Array) -> tuple[jax.Array, jax.Array]:
        own = jax.tree.map(lambda leaf: leaf[np.array(self.groups)], self.nets)
        return jax.vmap(ActorCritic.one)(own, obs, jnp.arange(len(obs)))


Net = ActorCritic | Grouped


def policy_groups(policies: str, kinds: Sequence[Any]) -> tuple[int, ...]:
    """The group of each agent.

    Args:
        policies: ``"shared"`` puts all into one, ``"separate"`` each into its own, ``"grouped"`` those
            together whose ``kinds`` are equal.
        kinds: one value per agent, such as its numbers of features and actions.
    """
    if policies not in POLICIES:
        raise ValueError(f"policies is {policies!r}; there are: {', '.join(POLICIES)}")
    if policies == "shared":
        return (0,) * len(kinds)
    if policies == "separate":
        return tuple(range(len(kinds)))
    order = list(dict.fromkeys(kinds))
    return tuple(order.index(kind) for kind in kinds)


def make(
    key: jax.Array,
    groups: tuple[int, ...],
    observation_size: int,
    num_actions: int,
    hidden: tuple[int, ...],
    activation: str,
    separate_critic: bool,
) -> Net:
    """A network for agents in ``groups``, as :func:`policy_groups` gives them."""

    def one(key: jax.Array) -> ActorCritic:
        return ActorCritic(
            key, observation_size, len(groups), num_actions, hidden, activation, separate_critic
        )

    if max(groups) == 0:
        return one(key)
    return Grouped(jax.vmap(one)(jax.random.split(key, max(groups) + 1)), groups)


def change_value_head(net: Net, change: Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]) -> Net:
    """``net`` with other numbers in the layer that gives values: ``change(weight, bias)``.

    They are f32[width, 1] and f32[1], with a leading [group] where there are groups.
    """

    def head(net: Net) -> tuple[jax.Array, jax.Array]:
        value = net.value if isinstance(net, ActorCritic) else net.nets.value
        return value.weight, value.bias

    return eqx.tree_at(head, net, change(*head(net)))
