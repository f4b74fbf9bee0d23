"""The state as critics see it (``soc-rules.md §6.4``). No player is given this."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Float32
from garrison.worlds.soc import blocks
from garrison.worlds.soc.choose import unpacked
from garrison.worlds.soc.clock import Game, free
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables import routes
from garrison.worlds.soc.tables import scenarios as S

_KINDS = max(B.NUM_KINDS, R.NUM_KINDS)
_PER_HOST = 4 + len(T.Status) + 6 + T.NUM_SCOPES
_PER_AGENT = _KINDS + 3
_PER_SCOPE = 2
_GENERAL = 1 + 1 + len(S.Scenario) + T.NUM_ZONES * len(routes.Level) + 6 + 2 + 1


def size(static: Static) -> int:
    """Length of :func:`vector`."""
    scopes = T.NUM_SCOPES * (_PER_SCOPE + 2 * static.reds)
    return _PER_HOST * static.hosts + _PER_AGENT * static.num_agents + scopes + _GENERAL


def vector(game: Game, state: State) -> Float32[Array, "number"]:
    """Hosts, credentials, levels, the plant, budgets, and actions in flight with their age."""
    options, now = game.options, state.time
    flags = (
        state.host_exists,
        state.host_priv == T.Privilege.USER,
        state.host_priv == T.Privilege.ROOT,
        state.host_owner > 0,
        *unpacked_status(state),
        state.host_implant,
        state.host_encrypted,
        state.host_edr,
        state.host_sensor_killed,
    )
    amounts = (
        state.host_weight.astype(jnp.float32) / 100,
        (state.host_data - state.host_taken).astype(jnp.float32) / T.DATA_UNITS,
    )
    hosts = [flag.astype(jnp.float32) for flag in flags] + list(amounts)
    cached = unpacked(state.host_cached, T.NUM_SCOPES).astype(jnp.float32)
    kinds = blocks.one_hot(state.agent_kind, _KINDS)
    age = jnp.where(free(state), 0, now - state.agent_start)
    left = jnp.where(free(state), 0, state.agent_done - now)
    energy = blocks.energy_share(state, slice(None))
    valid = state.token_epoch == state.scope_epoch[None]
    parts = [
        jnp.stack(hosts),
        cached,
        kinds,
        jnp.stack([blocks.log_age(age), blocks.log_age(left), energy]),
        blocks.log_age(now - state.scope_rotated),
        state.reauth_until != L.NEVER,
        state.token_epoch >= 0,
        valid,
        (now / jnp.asarray(options.horizon, jnp.int32))[None],
        (state.hold_until != L.NEVER)[None],
        blocks.one_hot(jnp.asarray(options.scenario), len(S.Scenario)),
        blocks.one_hot(state.zone_level, len(routes.Level)),
        state.plant_value.astype(jnp.float32) / 100_000,
        state.plant_setpoint.astype(jnp.float32) / 100_000,
        jnp.stack([blocks.funds_share(state, side) for side in (0, 1)]),
        (state.loot.astype(jnp.float32) / T.DATA_UNITS)[None],
    ]
    return jnp.concatenate([part.astype(jnp.float32).reshape(-1) for part in parts])


def unpacked_status(state: State) -> list[Array]:
    """One flag of hosts per status."""
    return [state.host_status == np.uint8(status) for status in T.Status]
