"""What goes on between two events: losses and budgets (``soc-rules.md §2.6, §7.2, §4.1``)."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Int32
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import actions as A
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import scenarios as S

#: what losses consist of; the first two are those that red inflicts. Availability is encryption and downtime
PARTS = ("encryption", "ownership", "downtime", "friction")
_DOWN = np.isin(np.arange(len(T.Status)), (T.Status.ISOLATED, T.Status.PANIC, T.Status.REIMAGING))


def losses(game: Game, state: State) -> Int32[Array, "part"]:
    """Loss points per millisecond of each of :data:`PARTS`, at most ``LOSS_CAP`` in all.

    Beyond the cap the later parts give way, so that parts always sum to the whole.
    """
    scenario, role, zone = game.options.scenario, state.host_role, game.zone
    weight = jnp.where(state.host_exists, state.host_weight, 0).astype(jnp.int32)
    encrypted = state.host_encrypted
    down = jnp.asarray(_DOWN)[state.host_status] & ~encrypted
    root = state.host_priv == T.Privilege.ROOT
    owned = jnp.asarray(S.LOSS_OWNED)[state.host_priv]
    controller = root & (role == T.Role.DOMAIN_CONTROLLER) & (scenario == S.Scenario.IOT_GRID)
    secure = root & (zone == T.Zone.SECURE) & (scenario == S.Scenario.CLOUD_HYBRID)
    owned = jnp.where(controller, S.LOSS_ROOT_CONTROLLER, jnp.where(secure, S.LOSS_ROOT_SECURE, owned))
    zones = jnp.arange(T.NUM_ZONES)
    by_zone = jnp.sum(jnp.where(zone[None] == zones[:, None], weight[None], 0), axis=1)
    level = jnp.asarray(S.LOSS_LEVEL)[state.zone_level.astype(jnp.int32)]
    friction = jnp.sum(by_zone * level[:, 0] // level[:, 1])
    reauth = (state.reauth_until != L.NEVER)[:, None] & jnp.asarray(T.SCOPE_ZONES)
    friction = friction + S.LOSS_REAUTH * jnp.sum(jnp.where(reauth, by_zone[None], 0))
    parts = (
        S.LOSS_DOWN * jnp.sum(weight * encrypted),
        jnp.sum(weight * owned),
        S.LOSS_DOWN * jnp.sum(weight * down),
        friction,
    )
    room, kept = jnp.int32(S.LOSS_CAP), []
    for part in parts:
        kept.append(jnp.minimum(part, room))
        room = room - kept[-1]
    return jnp.stack(kept).astype(jnp.int32)


def refill(state: State, dt: Int32[Array, ""]) -> State:
    """Budgets after ``dt`` milliseconds."""
    funds = state.funds + jnp.asarray(A.FUNDS_RATE) * dt
    return state.replace(
        energy=jnp.minimum(A.ENERGY_CAP, state.energy + A.ENERGY_RATE * dt),
        funds=jnp.minimum(jnp.asarray(A.FUNDS_CAP), funds),
    )
