"""What red does with hosts it is on: escalate, degrade, impact, withdraw (§4.4)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.worlds.cc4 import sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import Source, own_sessions_on
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology


def escalate(
    draws: Draws, state: State, source: Source, kind: jax.Array, target: jax.Array
) -> tuple[State, jax.Array, jax.Array]:
    """PrivilegeEscalate: one of the own sessions on the target, drawn at random, becomes root (Q8).

    Returns:
        The state, the success ``bool[red]`` (True as well where root was there before), and the session
        that is reported, ``bool[red, session]``.
    """
    here = own_sessions_on(state, target) & (kind == T.Red.ESCALATE)[:, None]
    root = here & (state.session_user == T.User.ROOT)
    had_root = jnp.any(root, axis=1)
    chosen = sessions.nth_by_order(here, state.session_order, draws.red_escalate)
    raised = jnp.any(here, axis=1) & ~had_root & source.exists & source.abstract
    becomes = chosen & raised[:, None]
    order = jnp.where(root, state.session_order, jnp.iinfo(jnp.int16).max)
    first_root = root & (order == jnp.min(order, axis=1, keepdims=True))
    return (
        state.replace(
            session_user=jnp.where(becomes, T.User.ROOT, state.session_user).astype(jnp.uint8),
            host_escalate_files=state.host_escalate_files.at[target].add(raised.astype(jnp.uint8)),
        ),
        had_root | raised,
        jnp.where(had_root[:, None], first_root, becomes),
    )


def _has_root(state: State, target: jax.Array) -> jax.Array:
    root = own_sessions_on(state, target) & (state.session_user == T.User.ROOT)
    return jnp.any(root, axis=1)


def degrade(topology: Topology, state: State, kind: jax.Array, target: jax.Array) -> tuple[State, jax.Array]:
    """DegradeServices: every active service on the target loses 20 points of reliability (Q17)."""
    active = jnp.concatenate([topology.service_kind[target] > 0, state.host_decoy[target] > 0], axis=1)
    stopped = (topology.service_kind[target] == T.Service.OTSERVICE) & state.host_ot_stopped[target][:, None]
    active = active & ~jnp.pad(stopped, ((0, 0), (0, T.NUM_DECOYS)))
    success = (kind == T.Red.DEGRADE) & _has_root(state, target) & jnp.any(active, axis=1)
    now = state.host_reliability[target]
    less = jnp.where(active, now - jnp.minimum(now, 20), now)
    rows = jnp.where(success, target, T.NUM_HOSTS)  # only one agent can be root on a host
    return state.replace(host_reliability=state.host_reliability.at[rows].set(less, mode="drop")), success


def impact(
    topology: Topology, state: State, source: Source, kind: jax.Array, target: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Impact: stops the OT service for good, until Restore.

    Returns:
        The new ``host_ot_stopped``, the success ``bool[red]``, and whether root was there and OT ran
        ``bool[red]``: then the target is reported even if the source session is gone and the action
        fails (Q24).
    """
    running = jnp.any(topology.service_kind[target] == T.Service.OTSERVICE, axis=1)
    running = running & ~state.host_ot_stopped[target]
    possible = (kind == T.Red.IMPACT) & _has_root(state, target) & running
    success = possible & source.exists
    rows = jnp.where(success, target, T.NUM_HOSTS)
    return state.host_ot_stopped.at[rows].set(True, mode="drop"), success, possible


def withdraw(state: State, source: Source, kind: jax.Array, hostname: jax.Array) -> tuple[State, jax.Array]:
    """Withdraw from a host ``[red]``: with a source other than 0 on it, it stops at the source itself.

    The list is: sessions with a parent, then those without except id 0, then the source if it is there.
    A source on the host with another id than 0 is met before the end of the list; it is removed, what
    follows is not, and the result is FALSE.
    """
    here = own_sessions_on(state, hostname) & ((kind == T.Red.WITHDRAW) & source.exists)[:, None]
    from_here = jnp.any(here & source.slot, axis=1)
    is_zero = jnp.any(source.slot & (state.session_id == 0), axis=1)
    listed = (here & (state.session_parent | (state.session_id != 0))) | (here & source.slot)

    order = state.session_order.astype(jnp.int32) + jnp.where(state.session_parent, 0, 1 << 16)
    last = sessions.pick_value(source.slot, order)
    cut = from_here & ~is_zero
    gone = listed & (~cut[:, None] | (order <= last[:, None]))
    success = jnp.any(listed, axis=1) & ~cut
    return sessions.remove(state, gone), success
