"""Starting actions (``soc-rules.md §2.4``): legality, cost, source, duration, and what happens at once."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Float32, Int32, UInt32
from garrison.worlds.soc import access
from garrison.worlds.soc.actions.effects import SIDE
from garrison.worlds.soc.cancel import cancel_at
from garrison.worlds.soc.clock import Game, draw
from garrison.worlds.soc.emitted import of_start
from garrison.worlds.soc.ports import ALL_PORTS, way
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import actions as A
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.telemetry import Entries, sensed

KINDS = max(B.NUM_KINDS, R.NUM_KINDS)


def _both(blue: np.ndarray, red: np.ndarray) -> np.ndarray:
    """A column of both sides' tables: ``int32[side, kind]``."""
    return np.stack([np.pad(x.astype(np.int32), (0, KINDS - len(x))) for x in (blue, red)])


class Source(IntEnum):
    """Which sessions a kind may act from (``§3.3``)."""

    NONE = 0  #: none is needed
    PASSAGE = 1  #: one from which the target is reached; the internet is the last resort
    TARGET = 2  #: that on the target itself
    ANY = 3


TARGETS = _both(B.TARGET, R.TARGET)
ENERGY = _both(B.ENERGY, R.ENERGY) * A.ENERGY_UNIT
FUNDS = _both(B.FUNDS, R.FUNDS) * A.FUNDS_UNIT
ZERO_DAY = T.ZERO_DAY_FUNDS * A.FUNDS_UNIT
LAW = np.stack([_both(blue, L.RED_LAW) for blue in (L.BLUE_LAW, L.BLUE_LAW_PLC)], axis=-1)
WAIT = np.array([B.Blue.WAIT, R.Red.WAIT], np.uint32)
SOURCES = np.full(KINDS, Source.PASSAGE, np.uint8)
SOURCES[[R.Red.NONE, R.Red.WAIT, R.Red.LIE_LOW, R.Red.SPEAR_PHISHING]] = Source.NONE
SOURCES[list(R.LOCAL)] = Source.TARGET
SOURCES[R.Red.SHARE_INTELLIGENCE] = Source.ANY


class Approach(NamedTuple):
    """How a red agent goes about an action, as it believes the network to be."""

    source: Int32[Array, ""]  # slot; NO_HOST: the internet, or none
    zero_day: Bool[Array, ""]
    port: Int32[Array, ""]  # bit of the port class that it will use, 0 where it uses none


def start(
    game: Game,
    state: State,
    when: Bool[Array, ""],
    agent: UInt32[Array, ""],
    kind: UInt32[Array, ""],
    target: UInt32[Array, ""],
    u: Float32[Array, ""],
    first: Float32[Array, "2"],
) -> tuple[State, Entries]:
    """An agent starts, where ``when``, an action that its mask allowed.

    What it cannot pay any more, because an agent before it spent what they share, becomes ``wait``.

    Args:
        agent: 0-2 blue, then red.
        kind: of :class:`~garrison.worlds.soc.tables.blue.Blue` or ``Red``.
        target: slot, zone or scope; ``NO_HOST`` for kinds without one.
        u: draw of the duration.
        first: draws of the token that the start may leave.

    Returns:
        The state, and that token, which is not in its ring yet.
    """
    acts_red = agent >= T.NUM_BLUE
    side = acts_red.astype(jnp.uint32)
    red = jnp.where(acts_red, agent - T.NUM_BLUE, jnp.uint32(0))
    approach = plan(game, state, red, kind, target)
    energy = jnp.asarray(ENERGY)[side, kind]
    funds = jnp.asarray(FUNDS)[side, kind] + jnp.where(acts_red & approach.zero_day, ZERO_DAY, 0)
    waits = (state.energy[agent] < energy) | (state.funds[side] < funds)
    kind = jnp.where(waits, jnp.asarray(WAIT)[side], kind)
    target = jnp.where(waits, jnp.uint32(T.NO_HOST), target)
    host = jnp.minimum(target, game.static.hosts - 1)
    on_host = jnp.asarray(TARGETS)[side, kind] == A.Target.HOST
    acts = acts_red & ~waits
    agents = when & (np.arange(game.static.num_agents, dtype=np.uint32) == agent)
    sides = when & ~waits & (np.arange(2, dtype=np.uint32) == side)
    duration = _duration(game, state, side, kind, host, u)

    def put(field: Array, value: Array | int) -> Array:
        return jnp.where(agents, jnp.asarray(value).astype(field.dtype), field)

    state = state.replace(
        energy=state.energy - jnp.where(agents & ~waits, energy, 0),
        funds=state.funds - jnp.where(sides, funds, 0),
        agent_kind=put(state.agent_kind, kind),
        agent_target=put(state.agent_target, target),
        agent_source=put(state.agent_source, jnp.where(acts, approach.source, T.NO_HOST)),
        agent_start=put(state.agent_start, state.time),
        agent_done=put(state.agent_done, state.time + duration),
        agent_lease=put(state.agent_lease, jnp.where(on_host, state.host_lease[host], 0)),
        agent_status=put(state.agent_status, jnp.where(on_host, state.host_status[host], 0)),
    )
    code = kind + jnp.where(acts_red, SIDE, 0).astype(jnp.uint32)
    left = sensed(game, state, of_start(game, state, when, agent, code, approach.port, first))
    restores = when & ~acts_red & ((kind == B.Blue.RESTORE) | (kind == B.Blue.RESTORE_FROM_BACKUP))
    down = restores & (np.arange(game.static.hosts, dtype=np.uint32) == host)
    state = state.replace(
        host_status=jnp.where(down, jnp.uint8(T.Status.REIMAGING), state.host_status),
        host_until=jnp.where(down, L.NEVER, state.host_until),
    )
    return cancel_at(game, state, down), left


def plan(
    game: Game, state: State, red: UInt32[Array, ""], kind: UInt32[Array, ""], target: UInt32[Array, ""]
) -> Approach:
    """Source and port class of a red action (``§3.3``)."""
    host = jnp.minimum(target, game.static.hosts - 1)
    of_zone = jnp.asarray(R.TARGET)[kind] == A.Target.ZONE
    zone = jnp.where(of_zone, target, game.zone[host].astype(jnp.uint32))
    passages = access.believed(game, state, red)
    reach = access.into(passages, access.footing(game, state, red))[zone]
    used = way(kind, state.red_scan[red, host], reach)
    # which sessions may be the source, and in which order
    how, mine = jnp.asarray(SOURCES)[kind], access.usable(game, state, red)
    here = game.zone.astype(jnp.uint32) == zone
    through = passages[:, zone][game.zone] & jnp.where(used.bit > 0, used.bit, ALL_PORTS) > 0
    fits = ((how == Source.ANY) | through) & mine & (how != Source.NONE)
    score = 4 * (here & (how == Source.PASSAGE)).astype(jnp.uint8) + state.host_priv
    best = jnp.argmax(jnp.where(fits, score, 0)).astype(jnp.uint32)
    source = jnp.where(jnp.any(fits), best, jnp.uint32(T.NO_HOST))
    source = jnp.where(how == Source.TARGET, target, source)
    zero_day = (kind == R.Red.EXPLOIT_REMOTE_SERVICE) & (used.weakness == T.bits(T.Weakness.S7_ZERO_DAY))
    return Approach(source.astype(jnp.int32), zero_day, used.bit)


def _duration(
    game: Game,
    state: State,
    side: UInt32[Array, ""],
    kind: UInt32[Array, ""],
    host: UInt32[Array, ""],
    u: Float32[Array, ""],
) -> Int32[Array, ""]:
    plc = (state.host_role[host] == T.Role.PLC).astype(jnp.uint32)
    time = draw(jnp.asarray(LAW)[side, kind, plc], u)
    dwell = jnp.maximum(time * jnp.asarray(game.options.dwell_scale, jnp.int32) // 1000, L.LEAST_MS)
    return jnp.where((side == 1) & (kind == R.Red.LIE_LOW), dwell, time)
