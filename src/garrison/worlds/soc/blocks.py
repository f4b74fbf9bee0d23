"""What the observations of both sides have in common (``soc-rules.md §6.1``): vectors of float32."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Float32, Int32, Integer
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import actions as A
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import noise

UNIT_MS = 10_000  #: unit of time of observations and of the world
LONGEST_MS = 7_200_000  #: age of what never happened: the longest horizon
CLIP = 60.0  #: of the linear time since the last decision, in units

TIME_LABELS = (
    "share of the time left",
    "log time since the last decision",
    "time since the last decision, at most 60 units",
    "log duration of the last action",
    "sine of the day",
    "cosine of the day",
)


def units(ms: Int32[Array, "*shape"]) -> Float32[Array, "*shape"]:
    """Milliseconds in units of 10 s."""
    return ms.astype(jnp.float32) / UNIT_MS


def log_age(ms: Int32[Array, "*shape"]) -> Float32[Array, "*shape"]:
    """The logarithm of 1 + a time in units."""
    return jnp.log1p(units(ms))


def age_of(
    now: Int32[Array, ""], then: Int32[Array, "*shape"], happened: Bool[Array, "*shape"]
) -> Float32[Array, "*shape"]:
    """Logarithmic age of what happened ``then``; of what never did, that of the longest horizon."""
    return log_age(jnp.where(happened, now - then, LONGEST_MS))


def one_hot(value: Integer[Array, "*shape"], count: int) -> Float32[Array, "*shape {count}"]:
    return jax.nn.one_hot(value, count, dtype=jnp.float32)


def time_block(game: Game, state: State, agents: slice) -> Float32[Array, "agent 6"]:
    """Time as some agents see it (:data:`TIME_LABELS`)."""
    horizon = jnp.asarray(game.options.horizon, jnp.int32)
    since = state.time - state.agent_start[agents]
    phase = (state.time + game.topology.day_offset) % noise.CYCLE_MS
    angle = phase.astype(jnp.float32) * np.float32(2 * np.pi / noise.CYCLE_MS)
    same = lambda value: jnp.broadcast_to(value, since.shape)  # noqa: E731
    return jnp.stack(
        [
            same((horizon - state.time).astype(jnp.float32) / horizon),
            log_age(since),
            jnp.minimum(units(since), CLIP),
            log_age(state.last_duration[agents]),
            same(jnp.sin(angle)),
            same(jnp.cos(angle)),
        ],
        axis=-1,
    )


def last_block(state: State, agents: slice, kinds: int) -> Float32[Array, "agent feature"]:
    """Kind and outcome of the last action of some agents."""
    kind = one_hot(state.last_kind[agents], kinds)
    return jnp.concatenate([kind, one_hot(state.last_outcome[agents], len(A.Outcome))], axis=-1)


def last_labels(names: Sequence[str]) -> list[str]:
    """Labels of :func:`last_block`."""
    outcomes = [outcome.name.lower() for outcome in A.Outcome]
    return [f"last: {name}" for name in names] + [f"last outcome: {name}" for name in outcomes]


def energy_share(state: State, agents: slice) -> Float32[Array, "agent"]:
    return state.energy[agents].astype(jnp.float32) / A.ENERGY_CAP


def funds_share(state: State, side: int) -> Float32[Array, ""]:
    return state.funds[side].astype(jnp.float32) / float(A.FUNDS_CAP[side])


def side_agents(num_agents: int) -> tuple[slice, slice]:
    """The agents of blue and of red."""
    return slice(0, T.NUM_BLUE), slice(T.NUM_BLUE, num_agents)
