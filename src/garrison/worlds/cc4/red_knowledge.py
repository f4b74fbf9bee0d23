"""What red learns at the end of a step, and what it knows from then on (§2.4, §4.5).

A report is a set of host entries in an order (:class:`tables.ReportPlace`), because the finite-state red
remembers hosts in the order of first sight: the target of its own action, the further hosts that the action
revealed, sessions reassigned from other agents, then the hosts of all own sessions.
"""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core.typing import Array, Bool, Integer, UInt8
from garrison.worlds.cc4 import sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import bit_at, is_index, rank
from garrison.worlds.cc4.red_turn import RedResult
from garrison.worlds.cc4.state import NO_RANK, State
from garrison.worlds.cc4.tables import ReportPlace


def inform(
    state: State,
    before: State,
    reds: RedResult,
    reassigned: UInt8[Array, "red session"],
    reassigned_id: UInt8[Array, "red session"],
) -> State:
    """Write the reports and extend red's knowledge.

    Args:
        state: at the end of the step, after promotion.
        before: at the start of the step; tickets from its ``red_next_order`` on are new.
        reds: results of red's actions.
        reassigned: places in reports, from :func:`sessions.reassign`.
        reassigned_id: session ids between reassignment and promotion.
    """
    action, effect = reds.turn.action, reds.effect
    target = effect.found[:, None] & is_index(action.host, T.NUM_HOSTS)
    tickets = state.session_order - before.red_next_order[:, None]
    place = jnp.clip(tickets, 0, T.MAX_OWN_PLACE - ReportPlace.OWN).astype(jnp.uint8)
    place = ReportPlace.OWN + place
    used = sessions.live(state)
    entry = jnp.where(reassigned > 0, ReportPlace.REASSIGNED + reassigned, place)
    own_order = _least(jnp.where(used, entry, NO_RANK), state.session_host, T.NUM_HOSTS)
    own = own_order != NO_RANK

    order = jnp.where(own, own_order, ReportPlace.NONE)
    order = jnp.where(effect.others, ReportPlace.OTHERS, order)
    order = jnp.where(target, ReportPlace.TARGET, order)
    named = own | (target & effect.named[:, None])
    named = named | (effect.others & effect.others_named[:, None])
    exploited = target & effect.made[:, None]
    zones = own[:, : T.ROOT_HOST].reshape(T.NUM_RED, T.NUM_ZONES, T.ZONE_SLOTS)
    subnets = jnp.concatenate([jnp.any(zones, axis=2), own[:, T.ROOT_HOST :]], axis=1)
    kind = jnp.where(reds.turn.executes, action.kind, T.Red.SLEEP)
    return state.replace(
        seen_kind=jnp.where(kind == T.Red.INVALID, T.Red.SLEEP, kind).astype(jnp.uint8),
        seen_outcome=reds.outcome,
        seen_host=action.host,
        seen_subnet=action.subnet,
        seen_order=order.astype(jnp.uint8),
        seen_hostname=named,
        seen_session=own | (target & effect.session[:, None]),
        red_known_ip=state.red_known_ip | (order > 0),
        red_known_hostname=state.red_known_hostname | own | exploited,
        red_known_subnet=state.red_known_subnet | subnets,
        red_known_session=_learn_sessions(state, effect.reported, used, place, reassigned, reassigned_id),
    )


def _learn_sessions(
    state: State,
    reported: Bool[Array, "red session"],
    used: Bool[Array, "red session"],
    place: UInt8[Array, "red session"],
    reassigned: UInt8[Array, "red session"],
    reassigned_id: UInt8[Array, "red session"],
) -> UInt8[Array, "red id"]:
    """Ranks of first sight with the abstract sessions of this report added, in its order (Q25).

    A session that was reassigned and then promoted is seen under both of its ids; an agent has at most one.
    """
    known = state.red_known_session
    abstract = used & (state.session_kind == T.Session.ABSTRACT)
    promoted = (reassigned > 0) & (reassigned_id != state.session_id)
    first = ReportPlace.REASSIGNED + reassigned
    order = jnp.where((reassigned > 0) & ~promoted, first, place)
    order = jnp.where(reported, ReportPlace.TARGET, order)

    ids = jnp.concatenate([state.session_id, _only(promoted, reassigned_id)], axis=1)
    order = jnp.concatenate([order, ReportPlace.REASSIGNED + _only(promoted, reassigned)], axis=1)
    seen = jnp.concatenate([abstract, jnp.any(promoted, axis=1, keepdims=True)], axis=1)
    new = seen & ~bit_at(known != NO_RANK, ids)
    count = jnp.sum(known != NO_RANK, axis=1, dtype=jnp.uint8)
    ranks = count[:, None] + rank(jnp.where(new, order, NO_RANK))
    rows = jnp.arange(T.NUM_RED)[:, None]
    return known.at[rows, ids].min(jnp.where(new, ranks, NO_RANK))


def _only(mask: Bool[Array, "red entry"], values: UInt8[Array, "red entry"]) -> UInt8[Array, "red 1"]:
    """The value under a mask that marks at most one entry per agent, else 0."""
    return jnp.max(jnp.where(mask, values, 0), axis=1, keepdims=True)


def _least(
    values: Integer[Array, "red entry"], index: Integer[Array, "red entry"], size: int
) -> UInt8[Array, "red {size}"]:
    """Per row the least value at each index, NO_RANK where there is none."""
    rows = jnp.arange(T.NUM_RED)[:, None]
    return jnp.full((T.NUM_RED, size), NO_RANK, jnp.uint8).at[rows, index].min(values.astype(jnp.uint8))
