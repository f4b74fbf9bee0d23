"""What aborts red's actions in flight (``soc-rules.md §2.4``).

The action then completes at once, with the outcome ``ABORTED``: its completion pops next, at ``dt = 0``.
"""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core.typing import Array, Bool, Integer
from garrison.worlds.soc.access import zone_of
from garrison.worlds.soc.clock import Game, free
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import actions as A
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R


def cancel_at(game: Game, state: State, hosts: Bool[Array, "host"]) -> State:
    """Abort red actions whose source or host target is one of ``hosts``."""
    slots = jnp.arange(game.static.hosts)
    source = state.agent_source[T.NUM_BLUE :]
    target = jnp.where(_target_kind(state) == A.Target.HOST, state.agent_target[T.NUM_BLUE :], T.NO_HOST)
    touched = (source[:, None] == slots[None]) | (target[:, None] == slots[None])
    return _abort(state, jnp.any(touched & hosts[None], axis=1))


def cancel_across(game: Game, state: State, when: Bool[Array, ""], zone: Integer[Array, ""]) -> State:
    """Abort red actions that come from a zone which closed, or go into it from elsewhere."""
    kind, hosts = _target_kind(state), game.static.hosts
    target, source = state.agent_target[T.NUM_BLUE :], state.agent_source[T.NUM_BLUE :]
    into = jnp.where(kind == A.Target.HOST, game.zone[jnp.minimum(target, hosts - 1)], T.Zone.INTERNET)
    into = jnp.where(kind == A.Target.ZONE, target, into)
    touched = (into == zone) | (zone_of(game, source) == zone)
    return _abort(state, when & touched)


def _target_kind(state: State) -> Array:
    return jnp.asarray(R.TARGET)[state.agent_kind[T.NUM_BLUE :]]


def _abort(state: State, reds: Bool[Array, "red"]) -> State:
    blue = jnp.zeros(T.NUM_BLUE, bool)
    hit = jnp.concatenate([blue, reds]) & ~free(state) & ~state.agent_cancelled
    return state.replace(
        agent_cancelled=state.agent_cancelled | hit,
        agent_done=jnp.where(hit, state.time, state.agent_done),
    )
