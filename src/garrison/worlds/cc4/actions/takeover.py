"""Red on hosts where it holds sessions: escalate, degrade, impact, withdraw (§4.4)."""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core.typing import Array, Bool, Int32
from garrison.worlds.cc4 import sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedContext, RedEffect, own_sessions_on
from garrison.worlds.cc4.choose import nth_by_order, value_at
from garrison.worlds.cc4.state import State


def escalate(context: RedContext, state: State) -> tuple[State, RedEffect]:
    """PrivilegeEscalate: one of the own sessions on the target, drawn at random, becomes root (Q8).

    It succeeds as well where root was there before, and then reports the oldest session of root.
    """
    source, target = context.source, context.target
    here = own_sessions_on(state, target) & (context.kind == T.Red.ESCALATE)[:, None]
    root = here & (state.session_user == T.User.ROOT)
    had_root = jnp.any(root, axis=1)
    chosen = nth_by_order(here, state.session_order, context.draws.red_escalate)
    raised = jnp.any(here, axis=1) & ~had_root & source.exists & source.abstract
    becomes = chosen & raised[:, None]
    order = jnp.where(root, state.session_order, jnp.iinfo(jnp.int16).max)
    first_root = root & (order == jnp.min(order, axis=1, keepdims=True))
    state = state.replace(
        session_user=jnp.where(becomes, T.User.ROOT, state.session_user).astype(jnp.uint8),
        host_escalate_files=state.host_escalate_files.at[target].add(raised.astype(jnp.uint8)),
    )
    success = had_root | raised
    explored = success & source.exists
    return state, RedEffect(
        success=success,
        found=success,
        named=success,
        session=success,
        others=jnp.asarray(T.REVEALS)[target] & explored[:, None],
        others_named=explored,
        reported=jnp.where(had_root[:, None], first_root, becomes),
    )


def _has_root(state: State, target: Int32[Array, "red"]) -> Bool[Array, "red"]:
    root = own_sessions_on(state, target) & (state.session_user == T.User.ROOT)
    return jnp.any(root, axis=1)


def degrade(context: RedContext, state: State) -> tuple[State, RedEffect]:
    """DegradeServices: every active service on the target loses 20 points of reliability (Q17).

    It does not depend on the source session.
    """
    target = context.target
    real = context.topology.service_kind[target]
    active = jnp.concatenate([real > 0, state.host_decoy[target] > 0], axis=1)
    stopped = (real == T.Service.OTSERVICE) & context.ot_stopped[:, None]
    active = active & ~jnp.pad(stopped, ((0, 0), (0, T.NUM_DECOYS)))
    success = (context.kind == T.Red.DEGRADE) & _has_root(state, target) & jnp.any(active, axis=1)
    now = state.host_reliability[target]
    less = jnp.where(active, now - jnp.minimum(now, 20), now)
    rows = jnp.where(success, target, T.NUM_HOSTS)  # only one agent can be root on a host
    state = state.replace(host_reliability=state.host_reliability.at[rows].set(less, mode="drop"))
    return state, RedEffect(success=success, found=success, named=success)


def impact(context: RedContext, state: State) -> tuple[State, RedEffect]:
    """Impact: stops the OT service until Restore.

    Where root is there and the OT service runs, the target is reported even if the source session is gone and
    the action fails (Q24).
    """
    target = context.target
    running = jnp.any(context.topology.service_kind[target] == T.Service.OTSERVICE, axis=1)
    running = running & ~context.ot_stopped
    possible = (context.kind == T.Red.IMPACT) & _has_root(state, target) & running
    success = possible & context.source.exists
    rows = jnp.where(success, target, T.NUM_HOSTS)
    state = state.replace(host_ot_stopped=state.host_ot_stopped.at[rows].set(True, mode="drop"))
    return state, RedEffect(success=success, found=possible, named=possible)


def withdraw(context: RedContext, state: State) -> tuple[State, RedEffect]:
    """Withdraw from the host named: with a source other than 0 on it, it stops at the source itself.

    The list is: sessions with a parent, then those without except id 0, then the source if it is there.
    A source on the host with another id than 0 comes before the end of the list; it is removed, what
    follows is not, and the result is FALSE.
    """
    source = context.source
    acting = (context.kind == T.Red.WITHDRAW) & source.exists
    here = own_sessions_on(state, context.turn.action.hostname) & acting[:, None]
    from_here = jnp.any(here & source.slot, axis=1)
    is_zero = jnp.any(source.slot & (state.session_id == 0), axis=1)
    listed = (here & (state.session_parent | (state.session_id != 0))) | (here & source.slot)

    order = state.session_order.astype(jnp.int32) + jnp.where(state.session_parent, 0, 1 << 16)
    last = value_at(source.slot, order)
    cut = from_here & ~is_zero
    gone = listed & (~cut[:, None] | (order <= last[:, None]))
    success = jnp.any(listed, axis=1) & ~cut
    return sessions.remove(state, gone), RedEffect(success=success)
