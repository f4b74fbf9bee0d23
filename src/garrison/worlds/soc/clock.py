"""Time: draws from laws, pending events in their order, and who may decide (``§2.2, §2.4, §2.5``)."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from garrison.core.typing import Array, Bool, Float32, Int32, Integer
from garrison.worlds.soc import laws
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.options import Options, Static
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.topology import Topology


class Game(NamedTuple):
    """What an episode keeps: sizes, numbers, network. Passed within traced code, not into it."""

    static: Static
    options: Options
    topology: Topology

    @property
    def zone(self) -> Int32[Array, "host"]:
        return jnp.asarray(layout(self.static).zone, jnp.int32)


def draw(law: Integer[Array, "*shape"] | int, u: Float32[Array, "*shape"]) -> Int32[Array, "*shape"]:
    """Milliseconds from a law by a uniform: its quantiles, interpolated in integers."""
    table = jnp.asarray(laws.quantiles())
    word = jnp.floor(u * jnp.float32(2**24)).astype(jnp.int32)
    place, rest = word >> 18, word >> 10 & 255
    low, high = table[law, place], table[law, place + 1]
    return low + ((high - low) * rest >> 8)


def gap(mean: Integer[Array, "*shape"], u: Float32[Array, "*shape"]) -> Int32[Array, "*shape"]:
    """Time to the next occurrence of a clock of a mean in seconds, at least two of them."""
    return jnp.maximum(mean.astype(jnp.int32) * draw(L.EXP_LAW, u), L.CLOCK_LEAST_MS)


def pending(game: Game, state: State) -> Int32[Array, "slot"]:
    """Times of all event slots in order of precedence (:func:`tables.laws.event_slots`)."""
    timer = jnp.minimum(jnp.min(state.host_until), jnp.min(state.reauth_until))
    parts = [
        jnp.asarray(game.options.horizon, jnp.int32)[None],
        state.agent_done,
        jnp.min(state.token_expiry)[None],
        timer[None],
        state.hold_until[None],
        state.clock,
        state.batch_next[None],
    ]
    return jnp.concatenate(parts)


def ended(state: State) -> Bool[Array, ""]:
    return state.terminated | state.truncated


def free(state: State) -> Bool[Array, "agent"]:
    """Agents without an action in flight."""
    return state.agent_done == L.NEVER


def deciding(game: Game, state: State) -> Bool[Array, "agent"]:
    """Agents that choose now: free, nothing else is due at this instant, and the episode goes on."""
    return free(state) & (jnp.min(pending(game, state)) > state.time) & ~ended(state)
