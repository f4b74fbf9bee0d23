"""Centralized critics of joint actions: ``Q_i(x, a_1 .. a_n)``, a value for each agent i.

Actions are one-hot vectors of one length, the largest number of actions; a critic reads the entries of
actions that exist, one agent after another.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from garrison.core.typing import Array, Float32, PRNGKeyArray
from garrison.core.world import World
from garrison.learn import encoders
from garrison.learn.encoders import Dense, Trunk

#: How agents share a critic: one trunk that is given the agent's index, or a network for each.
SHARING = ("shared", "separate")


def options(config: Any) -> Any:
    """The settings of a critic's network: those of the actor, with ``critic_hidden_sizes`` where given."""
    sizes = config.critic_hidden_sizes
    return config if sizes is None else config.replace(hidden_sizes=sizes)


class ActionCritic(eqx.Module):
    """Values of a global state and a joint action, one for each agent (Lowe et al. 2017)."""

    trunk: Trunk  # leaves [agent, ...] where each agent has a network
    value: Dense  # likewise
    counts: tuple[int, ...] = eqx.field(static=True)  # actions of each agent
    separate: bool = eqx.field(static=True)  # whether each agent has a network

    def __call__(
        self,
        state: Float32[Array, "number"],
        actions: Float32[Array, "agent action"],
        own: Float32[Array, "agent action"] | None = None,
    ) -> Float32[Array, "agent"]:
        """The values of a joint action; with ``own``, each agent's action is replaced by it in its own value.

        That changes the first layer by what the two actions differ, so it need not read all again.
        """
        seen = jnp.concatenate([state, *(actions[i, :count] for i, count in enumerate(self.counts))])

        def one(trunk: Trunk, value: Dense, agent: Array, change: Array | None) -> Array:
            hidden = trunk.inward(seen, agent)
            return value(trunk.onward(hidden if change is None else hidden + change))[0]

        changes = None if own is None else self._first_layer(own - actions)
        axis, agents = 0 if self.separate else None, jnp.arange(len(self.counts), dtype=jnp.int32)
        return jax.vmap(one, in_axes=(axis, axis, 0, 0))(self.trunk, self.value, agents, changes)

    def _first_layer(self, actions: Float32[Array, "agent action"]) -> Float32[Array, "agent hidden"]:
        """What each agent's action adds to the first layer of its critic."""
        weight = self.trunk.layers[0].weight

        def added(agent: int, count: int) -> Array:
            end = weight.shape[-2] - sum(self.counts[agent + 1 :])
            rows = (weight[agent] if self.separate else weight)[end - count : end]
            return actions[agent, :count] @ rows

        return jnp.stack([added(*counted) for counted in enumerate(self.counts)])


def make(
    key: PRNGKeyArray, world: World, features: int, options: encoders.Options, sharing: str, number: int
) -> ActionCritic:
    """``number`` critics of the agents of ``world`` for states of ``features`` numbers: leaves [critic, ...].

    They have no memory: ``options`` gives widths and activation.
    """
    counts, separate = tuple(world.action_counts), sharing == "separate"
    inputs, agents = features + sum(counts), 0 if separate else len(counts)

    def parts(key: Array) -> tuple[Trunk, Dense]:
        trunk_key, value_key = jax.random.split(key)
        trunk = Trunk.make(trunk_key, inputs, agents, options, None)
        return trunk, Dense(value_key, trunk.width, 1, 0.01)  # values begin near 0

    def one(key: Array) -> ActionCritic:
        own = jax.vmap(parts)(jax.random.split(key, len(counts))) if separate else parts(key)
        return ActionCritic(*own, counts, separate)

    return jax.vmap(one)(jax.random.split(key, number))


def values(
    critics: ActionCritic,
    state: Float32[Array, "*batch number"],
    actions: Float32[Array, "*batch agent action"],
    own: Float32[Array, "*batch agent action"] | None = None,
) -> Float32[Array, "critic *batch agent"]:
    """Values of many rows by several critics; ``own`` as for :class:`ActionCritic`."""

    def one(critic: ActionCritic) -> Array:
        of = critic.__call__
        for _ in state.shape[:-1]:
            of = jax.vmap(of)
        return of(state, actions, own)

    return jax.vmap(one)(critics)
