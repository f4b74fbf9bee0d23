"""The finite-state reds (§5): a memory of hosts, and an action for one of them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedAction
from garrison.worlds.cc4.choose import first, is_index, nth, nth_host, pick, weighted
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.state import NO_RANK, State


def remember(state: State) -> State:
    """Update the memories of active agents by their last reports (§5.3.1–3)."""
    active = state.red_active[:, None]
    fsm = _transition(state)
    known = fsm > 0
    fresh = ~known & (state.seen_order > 0)
    entry = jnp.where(state.fsm_calls == 0, T.Fsm.U, T.Fsm.K)[:, None]
    fsm = jnp.where(fresh, entry, fsm)
    shell = (fsm >= T.Fsm.U) & (fsm <= T.Fsm.RD)
    fsm = jnp.where(shell & ~state.seen_session, T.Fsm.KD, fsm)

    # hosts that share a place in the report come in host order
    shared, order = T.ReportPlace.OTHERS, state.seen_order.astype(jnp.int32)
    place = jnp.where(order == shared, shared + jnp.arange(T.NUM_HOSTS)[None], order)
    place = jnp.where(order > shared, T.NUM_HOSTS + place, place)
    last = jnp.max(state.fsm_order, axis=1, keepdims=True).astype(jnp.int32)
    return state.replace(
        fsm_state=jnp.where(active, fsm, state.fsm_state).astype(jnp.uint8),
        fsm_order=jnp.where(active & fresh, last + place, state.fsm_order).astype(jnp.uint16),
        fsm_hostname=state.fsm_hostname | (active & (state.seen_order > 0) & state.seen_hostname),
    )


def _transition(state: State) -> jax.Array:
    """States after the result of the last action; a plain U on a foreign host becomes F (Q15)."""
    kind = state.seen_kind
    at_target = is_index(state.seen_host, T.NUM_HOSTS)
    by_name = jnp.asarray(T.RED_TARGET_BY_NAME)[kind]
    at_target = at_target & (~by_name[:, None] | state.fsm_hostname)
    in_subnet = jnp.asarray(T.HOST_SUBNET)[None] == state.seen_subnet[:, None]
    affected = jnp.where((kind == T.Red.DISCOVER)[:, None], in_subnet, at_target)
    affected = affected & (kind != T.Red.SLEEP)[:, None]

    success = (state.seen_outcome == T.Outcome.TRUE)[:, None]
    row = jnp.where(success, jnp.asarray(T.FSM_SUCCESS.T)[kind], jnp.asarray(T.FSM_FAILURE.T)[kind])
    after = lookup(row, state.fsm_state)
    after = jnp.where((after == T.Fsm.U) & ~jnp.asarray(T.RED_OWNS_HOST), T.Fsm.F, after)
    return jnp.where(affected & (after > 0), after, state.fsm_state)


def lookup(row: jax.Array, index: jax.Array) -> jax.Array:
    """``row[r, index[r, k]]`` for short rows, by comparison: cheaper than a gather."""
    out = jnp.zeros(index.shape, row.dtype)
    for i in range(row.shape[1]):
        out = jnp.where(index == i, row[:, i : i + 1], out)
    return out


def decide(draws: Draws, options: Options, state: State, *, discovery: bool) -> tuple[RedAction, State]:
    """One decision per agent: remember, then choose a host and an action for it (§5.3, §5.5).

    Busy and inactive agents sleep. ``discovery`` selects the variant that prefers hosts it knows least.
    """
    state = remember(state)
    free = state.red_active & (state.red_ticks == 0)
    candidates = (state.fsm_state > 0) & (state.fsm_state != T.Fsm.F)
    if discovery:
        candidates = _look_first(draws, options, state, candidates)
    host = nth_host(candidates, draws.red_host)
    at = jnp.take_along_axis(state.fsm_state, host[:, None], axis=1)[:, 0]
    kind = choose_kind(options, at, draws.red_action)
    free = free & jnp.any(candidates, axis=1)
    state = state.replace(fsm_calls=state.fsm_calls + state.red_active.astype(jnp.int16))
    return RedAction(
        kind=jnp.where(free, kind, T.Red.SLEEP).astype(jnp.uint8),
        session=nth_known_session(state, draws.red_session),
        host=host.astype(jnp.uint8),
        subnet=nth(state.red_known_subnet, draws.red_subnet).astype(jnp.uint8),
        hostname=host.astype(jnp.uint8),
    ), state


def choose_kind(options: Options, at: jax.Array, u: jax.Array) -> jax.Array:
    """The action kind ``[red]`` for hosts in states ``at``, with probabilities in the engine's order."""
    order = jnp.array(T.RED_ORDER)
    chances = jnp.asarray(options.red_probability)[at][:, order]
    return order[weighted(chances, u)]


def _look_first(draws: Draws, options: Options, state: State, candidates: jax.Array) -> jax.Array:
    """The discovery variant: first a state by priority, then servers before others (§5.5)."""
    present = jnp.any(candidates[:, :, None] & is_index(state.fsm_state, len(T.Fsm)), axis=1)
    weight = present * jnp.asarray(options.red_priority)[None]
    weight = jnp.where(jnp.sum(weight, axis=1, keepdims=True) > 0, weight, present)
    chosen = weighted(weight, draws.red_group)
    group = candidates & (state.fsm_state == chosen[:, None])
    servers = group & state.fsm_hostname & jnp.asarray(T.IS_SERVER)[None]
    rest = group & ~servers
    prefer = (draws.red_server <= options.red_server_preference)[:, None]
    some, others = jnp.any(servers, axis=1, keepdims=True), jnp.any(rest, axis=1, keepdims=True)
    return jnp.where(some & (prefer | ~others), servers, rest)


def nth_known_session(state: State, u: jax.Array) -> jax.Array:
    """A session id ``uint8[red]`` among all ever seen, dead ones included, in order of first sight (Q10)."""
    count = jnp.sum(state.red_known_session != NO_RANK, axis=1, dtype=jnp.int32)
    return first(state.red_known_session == pick(u, count)[:, None]).astype(jnp.uint8)
