"""Red's goals (``soc-rules.md §7.1``): all five are computed, and the scenario's is selected."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.dynamics import critical
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import scenarios as S

_RULES = tuple(S.SCENARIOS[scenario] for scenario in S.Scenario)
_HOLD = np.array([rules.hold_ms for rules in _RULES], np.int32)
_NEED = np.array([rules.need for rules in _RULES], np.int32)


def holds(game: Game, state: State) -> Bool[Array, ""]:
    """Whether the condition of the scenario's goal is met now."""
    scenario, role = game.options.scenario, state.host_role
    weight = state.host_weight.astype(jnp.int32)
    root = state.host_priv == T.Privilege.ROOT
    server = jnp.asarray(T.IS_SERVER)[role] & state.host_exists
    secure = (game.zone == T.Zone.SECURE) & state.host_exists
    controller = (role == T.Role.DOMAIN_CONTROLLER) & state.host_exists
    need = jnp.asarray(_NEED)[scenario]

    def share(of: Array, have: Array) -> Bool[Array, ""]:
        return 1000 * jnp.sum(weight * (of & have)) >= need * jnp.sum(weight * of)

    met = jnp.stack(
        [  # in the order of Scenario
            share(server, state.host_encrypted),
            state.loot >= need,
            share(secure, root),
            jnp.all(root | ~controller),
            critical(state),
        ]
    )
    return met[scenario]


def check(game: Game, state: State) -> State:
    """After an event: the goal is reached at once, or is held from now on, or is not held any more."""
    met, hold = holds(game, state), jnp.asarray(_HOLD)[game.options.scenario]
    going_on = ~state.truncated
    since = jnp.where(state.hold_until == L.NEVER, state.time + hold, state.hold_until)
    return state.replace(
        terminated=state.terminated | met & (hold == 0) & going_on,
        hold_until=jnp.where(met & (hold > 0), since, L.NEVER).astype(jnp.int32),
    )
