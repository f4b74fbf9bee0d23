"""The state at reset (``soc-rules.md §4.2``): red on its footholds, everybody free, everything full."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from garrison.core.typing import Array, Float32
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.dynamics import first_times
from garrison.worlds.soc.identity import known_at_start
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import actions as A
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables.tokens import GROUPS


def initial_state(game: Game, u: Float32[Array, "clock"]) -> State:
    """The state at reset; ``u`` draws when each clock strikes first."""
    static = game.static
    return State(
        time=_zeros(jnp.int32),
        terminated=_zeros(bool),
        truncated=_zeros(bool),
        batch_next=jnp.int32(L.BATCH_MS),
        clock=first_times(game, u),
        hold_until=jnp.int32(L.NEVER),
        **_agents(static),
        **_hosts(game),
        **_identity(static.reds),
        zone_level=_zeros(jnp.uint8, T.NUM_ZONES),
        **_red(game),
        loot=_zeros(jnp.uint8),
        plant_value=game.topology.plant_nominal,
        plant_setpoint=game.topology.plant_nominal,
        **_view(static),
    )


def _zeros(dtype: Any, *shape: int) -> Array:
    return jnp.zeros(shape, dtype)


def _agents(static: Static) -> dict[str, Array]:
    agents = static.num_agents
    return {
        "agent_kind": _zeros(jnp.uint8, agents),
        "agent_target": jnp.full(agents, T.NO_HOST, jnp.uint8),
        "agent_source": jnp.full(agents, T.NO_HOST, jnp.uint8),
        "agent_start": _zeros(jnp.int32, agents),
        "agent_done": jnp.full(agents, L.NEVER, jnp.int32),
        "agent_cancelled": _zeros(bool, agents),
        "agent_lease": _zeros(jnp.uint16, agents),
        "agent_status": _zeros(jnp.uint8, agents),
        "last_kind": _zeros(jnp.uint8, agents),
        "last_target": jnp.full(agents, T.NO_HOST, jnp.uint8),
        "last_outcome": _zeros(jnp.uint8, agents),
        "last_duration": _zeros(jnp.int32, agents),
        "energy": jnp.full(agents, A.ENERGY_CAP, jnp.int32),
        "funds": jnp.asarray(A.FUNDS_CAP),
    }


def _hosts(game: Game) -> dict[str, Array]:
    topology, hosts = game.topology, game.static.hosts
    return {
        "host_role": topology.start_role,
        "host_weight": topology.start_weight,
        "host_data": topology.start_data,
        "host_taken": _zeros(jnp.uint8, hosts),
        "host_home": topology.start_home,
        "host_cached": topology.start_home,
        "host_exists": topology.start_exists,
        "host_status": _zeros(jnp.uint8, hosts),
        "host_until": jnp.full(hosts, L.NEVER, jnp.int32),
        "host_lease": _zeros(jnp.uint16, hosts),
        "host_encrypted": _zeros(bool, hosts),
        "host_priv": topology.start_priv,
        "host_owner": _zeros(jnp.uint8, hosts),
        "host_implant": topology.start_implant,
        "host_sensor_killed": _zeros(bool, hosts),
        "host_edr": _zeros(bool, hosts),
        "host_decoy": topology.start_decoy,
        "host_honeytoken": _zeros(bool, hosts),
        "host_false_scans": _zeros(jnp.uint8, hosts),
        "host_phishability": topology.host_phishability,
        "host_frag_until": _zeros(jnp.int32, hosts),
        "host_rooted": topology.start_priv == T.Privilege.ROOT,
    }


def _identity(reds: int) -> dict[str, Array]:
    scopes = T.NUM_SCOPES
    return {
        "scope_epoch": _zeros(jnp.int16, scopes),
        "scope_rotated": _zeros(jnp.int32, scopes),
        "reauth_until": jnp.full(scopes, L.NEVER, jnp.int32),
        "token_epoch": jnp.full((reds, scopes), -1, jnp.int16),
        "token_expiry": jnp.full((reds, scopes), L.NEVER, jnp.int32),
        "token_honey": _zeros(bool, reds),
    }


def _red(game: Game) -> dict[str, Array]:
    """Knowledge; C2 has nothing yet, so it gives back what red knew at reset."""
    hosts, reds = game.static.hosts, game.static.reds
    footholds = (jnp.arange(reds) == 0)[:, None] & (game.topology.start_priv > 0)[None]
    return {
        "red_known": known_at_start(game),
        "red_scan": _zeros(jnp.uint16, reds, hosts),
        "red_scan_false": _zeros(bool, reds, hosts),
        "red_visited": footholds,
        "red_tried": _zeros(jnp.uint8, reds, T.NUM_ZONES, T.NUM_PORTS),
        "c2_known": _zeros(bool, reds, hosts),
        "c2_scan": _zeros(jnp.uint16, reds, hosts),
        "c2_scan_false": _zeros(bool, reds, hosts),
        "c2_token_epoch": jnp.full((reds, T.NUM_SCOPES), -1, jnp.int16),
        "c2_token_expiry": jnp.full((reds, T.NUM_SCOPES), L.NEVER, jnp.int32),
        "c2_token_honey": _zeros(bool, reds),
        "c2_time": _zeros(jnp.int32, reds),
    }


def _view(static: Static) -> dict[str, Array]:
    """What blue's agents saw, and the tokens on their way: nothing."""
    hosts, ring = static.hosts, static.ring
    return {
        "view_verdict": _zeros(jnp.uint8, hosts),
        "view_verdict_time": _zeros(jnp.int32, hosts),
        "view_fast": _zeros(jnp.uint16, hosts, len(GROUPS)),
        "view_slow": _zeros(jnp.uint16, hosts, len(GROUPS)),
        "view_severe": _zeros(jnp.uint16, hosts),
        "view_heartbeat": _zeros(jnp.uint16, hosts),
        "message_sent": _zeros(jnp.uint8, T.NUM_BLUE),
        "message_heard": _zeros(jnp.uint8, T.NUM_BLUE),
        "ring_what": _zeros(jnp.uint32, ring),
        "ring_where": _zeros(jnp.uint32, ring),
        "ring_recorded": _zeros(jnp.uint16, ring),
        "ring_deliver": _zeros(jnp.uint16, ring),
        "ring_next": _zeros(jnp.uint16),
        "tokens_lost": _zeros(jnp.int32),
    }
