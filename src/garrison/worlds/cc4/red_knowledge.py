"""What red is told at the end of a step, and what it knows from then on (§2.4, §4.5).

A report is a set of host entries in an order, because the finite-state red remembers hosts in the order in
which it first saw them: the action's own target, its other hosts, sessions handed over by other agents,
then the hosts of all own sessions.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.core.struct import struct
from garrison.worlds.cc4 import sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import is_index, rank
from garrison.worlds.cc4.state import NO_RANK, State

# places in the order of entries
TARGET, OTHERS, HANDED, OWN = 1, 2, 2, 64


@struct
class Findings:
    """What the executed actions of this step showed, before sessions are handed over."""

    kind: jax.Array  # uint8[red]: executed action with a result, SLEEP = none
    outcome: jax.Array  # uint8[red]
    host: jax.Array  # uint8[red]
    subnet: jax.Array  # uint8[red]
    target: jax.Array  # bool[red]: the target has an entry
    target_named: jax.Array  # bool[red]: by name
    target_session: jax.Array  # bool[red]: with a session
    others: jax.Array  # bool[red, host]: further hosts
    others_named: jax.Array  # bool[red]: those are given by name
    reported: jax.Array  # bool[red, session]: session that an escalation reports
    exploited: jax.Array  # bool[red]: a new session on the target


def inform(state: State, before: State, findings: Findings, given: jax.Array, given_id: jax.Array) -> State:
    """Write the reports and extend red's knowledge.

    Args:
        before: the state at the start of the step; tickets from its ``red_next_order`` on are new.
        given: from :func:`sessions.reassign`. given_id: the ids ``uint8[red, session]`` at that moment.
    """
    target = findings.target[:, None] & is_index(findings.host, T.NUM_HOSTS)
    since = state.session_order - before.red_next_order[:, None]
    place = OWN + jnp.clip(since, 0, 126).astype(jnp.uint8)
    used = sessions.live(state)
    entry = jnp.where(given > 0, HANDED + given, place)
    own_order = _least(jnp.where(used, entry, NO_RANK), state.session_host, T.NUM_HOSTS)
    own = own_order != NO_RANK

    order = jnp.where(own, own_order, 0)
    order = jnp.where(findings.others, OTHERS, order)
    order = jnp.where(target, TARGET, order)
    named = own | (target & findings.target_named[:, None])
    named = named | (findings.others & findings.others_named[:, None])
    exploited = target & findings.exploited[:, None]
    zones = own[:, : T.ROOT_HOST].reshape(T.NUM_RED, T.NUM_ZONES, T.ZONE_SLOTS)
    subnets = jnp.concatenate([jnp.any(zones, axis=2), own[:, T.ROOT_HOST :]], axis=1)
    return state.replace(
        seen_kind=findings.kind,
        seen_outcome=findings.outcome,
        seen_host=findings.host,
        seen_subnet=findings.subnet,
        seen_order=order.astype(jnp.uint8),
        seen_hostname=named,
        seen_session=own | (target & findings.target_session[:, None]),
        red_known_ip=state.red_known_ip | (order > 0),
        red_known_hostname=state.red_known_hostname | own | exploited,
        red_known_subnet=state.red_known_subnet | subnets,
        red_known_session=_meet(state, findings, used, place, given, given_id),
    )


def _meet(
    state: State,
    findings: Findings,
    used: jax.Array,
    place: jax.Array,
    given: jax.Array,
    given_id: jax.Array,
) -> jax.Array:
    """Ranks of first sight with the abstract sessions of this report added, in its order (Q25).

    A session that was handed over and then promoted is met under both of its ids; an agent has at most one.
    """
    known = state.red_known_session
    abstract = used & (state.session_kind == T.Session.ABSTRACT)
    promoted = (given > 0) & (given_id != state.session_id)
    order = jnp.where((given > 0) & ~promoted, HANDED + given, place)
    order = jnp.where(findings.reported, TARGET, order)

    ids = jnp.concatenate([state.session_id, _only(promoted, given_id)], axis=1)
    order = jnp.concatenate([order, HANDED + _only(promoted, given)], axis=1)
    met = jnp.concatenate([abstract, jnp.any(promoted, axis=1, keepdims=True)], axis=1)
    new = met & ~sessions.bit_of(known != NO_RANK, ids)
    count = jnp.sum(known != NO_RANK, axis=1, dtype=jnp.uint8)
    ranks = count[:, None] + rank(jnp.where(new, order, NO_RANK))
    rows = jnp.arange(T.NUM_RED)[:, None]
    return known.at[rows, ids].min(jnp.where(new, ranks, NO_RANK))


def _only(mask: jax.Array, values: jax.Array) -> jax.Array:
    """``[red, 1]``: the value under a mask that marks at most one entry per agent, else 0."""
    return jnp.max(jnp.where(mask, values, 0), axis=1, keepdims=True)


def _least(values: jax.Array, index: jax.Array, size: int) -> jax.Array:
    """``uint8[red, size]``: per row the least value at each index, NO_RANK where there is none."""
    rows = jnp.arange(T.NUM_RED)[:, None]
    return jnp.full((T.NUM_RED, size), NO_RANK, jnp.uint8).at[rows, index].min(values.astype(jnp.uint8))
