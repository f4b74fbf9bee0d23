"""What changes by itself: clocks, and the plant (``soc-rules.md §3.5, §3.6``)."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Float32, Int32
from garrison.worlds.soc import laws
from garrison.worlds.soc.cancel import cancel_at
from garrison.worlds.soc.choose import below, first, permille, pick
from garrison.worlds.soc.clock import Game, gap
from garrison.worlds.soc.draws import Rows
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import scenarios as S

_WORKLOAD = ("host_role", "host_weight", "host_data", "host_taken", "host_home", "host_cached")


def tick(game: Game, row: Rows, state: State, clock: Bool[Array, "clock"]) -> tuple[State, Int32[Array, ""]]:
    """The clock that is marked strikes, if one is; its next time is drawn.

    Returns:
        The state, and the host at which somebody logged on, ``NO_HOST`` where nobody did.
    """
    mean = jnp.asarray(game.options.clock_mean, jnp.int32)
    following = state.time + gap(mean, jnp.broadcast_to(row.gap, mean.shape))
    state = state.replace(clock=jnp.where(clock, following, state.clock))
    logs_on, toggles, moves = (clock[c] for c in (L.Clock.LOGON, L.Clock.CHURN, L.Clock.MIGRATE))
    online = state.host_exists & (state.host_status == T.Status.ONLINE)
    off = state.host_exists & (state.host_status == T.Status.OFF)
    healthy = online & ~state.host_encrypted
    users = healthy & (state.host_role != T.Role.BYOD) & (state.host_home > 0)
    devices = (online | off) & jnp.asarray(T.TOGGLES)[state.host_role]
    fellows = _fellows(game, state, healthy)
    fits = jnp.where(logs_on, users, jnp.where(toggles, devices, jnp.any(fellows, axis=1)))
    chosen = pick(row.pick, fits).astype(jnp.uint32)
    here = fits & (np.arange(game.static.hosts, dtype=np.uint32) == chosen)
    cached = jnp.where(logs_on & here, state.host_home, 0)
    state = state.replace(host_cached=state.host_cached | cached.astype(jnp.uint8))
    state = _toggle(game, state, toggles & here)
    state = _migrate(state, moves & jnp.any(here), chosen, pick(row.chance, fellows[chosen]))
    state = _new_addresses(game, row, state, clock[L.Clock.DHCP])
    logged_on = jnp.where(logs_on & jnp.any(here), chosen, jnp.uint32(T.NO_HOST))
    return _arrive(game, row, state, clock[L.Clock.ARRIVE]), logged_on.astype(jnp.int32)


def _fellows(game: Game, state: State, online: Bool[Array, "host"]) -> Bool[Array, "host host"]:
    """The other online servers in the zone of each online server."""
    server = online & jnp.asarray(T.IS_SERVER)[state.host_role]
    same_zone = game.zone[None] == game.zone[:, None]
    other = ~np.eye(game.static.hosts, dtype=bool)
    return server[None] & server[:, None] & same_zone & other


def _new_addresses(game: Game, row: Rows, state: State, when: Bool[Array, ""]) -> State:
    """Red and its C2 lose sight of hosts with a new address, except under its own session."""
    zone = below(row.pick, T.NUM_ZONES)
    fits = state.host_exists & jnp.asarray(T.TAKES_NEW_ADDRESS)[state.host_role] & (game.zone == zone)
    new = when & fits & (permille(row.host) < L.DHCP_CHANCE)
    reds = np.arange(game.static.reds, dtype=np.uint8)[:, None]
    sees = (state.host_priv > 0)[None] & (state.host_owner[None] == reds)
    lost = new[None] & ~sees
    return state.replace(
        host_lease=state.host_lease + new.astype(jnp.uint16),
        red_known=state.red_known & ~lost,
        red_scan=jnp.where(lost, jnp.uint16(0), state.red_scan),
        red_scan_false=state.red_scan_false & ~lost,
        c2_known=state.c2_known & ~lost,
        c2_scan=jnp.where(lost, jnp.uint16(0), state.c2_scan),
        c2_scan_false=state.c2_scan_false & ~lost,
    )


def _toggle(game: Game, state: State, here: Bool[Array, "host"]) -> State:
    """A device is switched off, which ends a session without an implant, or on."""
    online = state.host_status == T.Status.ONLINE
    ends = here & online & ~state.host_implant
    status = jnp.where(online, jnp.uint8(T.Status.OFF), jnp.uint8(T.Status.ONLINE))
    state = state.replace(
        host_status=jnp.where(here, status, state.host_status),
        host_priv=jnp.where(ends, jnp.uint8(0), state.host_priv),
        host_owner=jnp.where(ends, jnp.uint8(0), state.host_owner),
    )
    return cancel_at(game, state, here & online)


def _migrate(state: State, when: Bool[Array, ""], one: Array, other: Array) -> State:
    """Two servers swap their workload."""
    slots = np.arange(state.host_priv.shape[0], dtype=np.uint32)
    origin = jnp.where(when & (slots == one), other.astype(jnp.uint32), slots)
    origin = jnp.where(when & (slots == other), one, origin)
    return state.replace(**{name: getattr(state, name)[origin] for name in _WORKLOAD})


def _arrive(game: Game, row: Rows, state: State, when: Bool[Array, ""]) -> State:
    """A device appears in the lowest spare slot, now and then with a session of the first red agent."""
    spare = game.topology.host_spare & ~state.host_exists
    here = when & spare & (jnp.arange(spare.shape[0]) == first(spare, 0))
    session = here & (permille(row.chance) < L.ARRIVE_SESSION_CHANCE)
    mine = (jnp.arange(game.static.reds) == 0)[:, None] & session[None]
    return state.replace(
        host_exists=state.host_exists | here,
        host_priv=jnp.where(session, T.Privilege.USER, state.host_priv).astype(jnp.uint8),
        red_known=state.red_known | mine,
        red_visited=state.red_visited | mine,
    )


def relax(game: Game, u: Float32[Array, "variable"], state: State, when: Bool[Array, ""]) -> State:
    """The plant moves towards its setpoints, with noise, where the network has OT."""
    has_ot = jnp.any(game.topology.start_exists & (game.zone == T.Zone.OT))
    table = jnp.asarray(laws.normal())
    word = jnp.floor(u * jnp.float32(2**24)).astype(jnp.int32)
    low, high = table[word >> 18], table[(word >> 18) + 1]
    z = low + ((high - low) * (word >> 10 & 255) >> 8)
    noise = jnp.asarray(S.PLANT_NOISE) * z >> 10
    towards = (state.plant_setpoint - state.plant_value) * jnp.asarray(S.PLANT_K) >> 16
    value = state.plant_value + towards + noise
    return state.replace(plant_value=jnp.where(when & has_ot, value, state.plant_value))


def critical(state: State) -> Bool[Array, ""]:
    """Whether a variable of the plant is beyond what it bears."""
    bounds = jnp.asarray(S.PLANT_CRITICAL)
    return jnp.any((state.plant_value < bounds[:, 0]) | (state.plant_value > bounds[:, 1]))


def first_times(game: Game, u: Float32[Array, "clock"]) -> Int32[Array, "clock"]:
    """When each clock strikes first; ``NEVER`` where its mean is 0."""
    mean = jnp.asarray(game.options.clock_mean, jnp.int32)
    return jnp.where(mean > 0, gap(mean, u), L.NEVER).astype(jnp.int32)
