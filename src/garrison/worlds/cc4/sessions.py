"""Red's session table: adding, removing, looking up (§2.2).

All functions work on the six red agents at once, one entry each.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.core.typing import Array, Bool, Float32, Integer, UInt8
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import bit_at, first, is_index, nth_by_order
from garrison.worlds.cc4.state import State


def live(state: State) -> Bool[Array, "red session"]:
    """Slots that hold a session."""
    return state.session_kind > 0


def find(state: State, session_id: Integer[Array, "red"]) -> Bool[Array, "red session"]:
    """The slot of each agent's session with the given id, if it lives."""
    return live(state) & (state.session_id == session_id[:, None])


def add(
    state: State,
    enable: Bool[Array, "red"],
    *,
    host: Integer[Array, "*#red"],
    pid: Integer[Array, "*#red"],
    kind: Integer[Array, "*#red"],
    user: UInt8[Array, "*#red"],
    parent: Bool[Array, "*#red"] | bool,
    suspicious: Bool[Array, "*#red"],
) -> State:
    """Add a session to each enabled agent. Arguments broadcast.

    The id is 0 for the first session, else the largest id plus one (State.py:312). Where the table or the
    ids are full, nothing is added and the overflow flag is set.
    """
    used = live(state)
    largest = jnp.max(jnp.where(used, state.session_id, 0), axis=1).astype(jnp.int32)
    new_id = jnp.where(jnp.any(used, axis=1), largest + 1, 0)
    full = enable & jnp.all(used, axis=1)
    no_id = enable & (new_id >= T.MAX_SESSION_ID)
    enable = enable & ~full & ~no_id
    slot = first(~used)
    at = enable[:, None] & is_index(slot, T.MAX_SESSIONS)

    def put(array: Array, value: Array | int) -> Array:
        value = jnp.broadcast_to(jnp.asarray(value), (T.NUM_RED,))[:, None]
        return jnp.where(at, value.astype(array.dtype), array)

    overflow = jnp.any(full) * T.Overflow.SESSIONS | jnp.any(no_id) * T.Overflow.SESSION_IDS
    return state.replace(
        session_kind=put(state.session_kind, kind),
        session_id=put(state.session_id, new_id),
        session_host=put(state.session_host, host),
        session_pid=put(state.session_pid, pid),
        session_user=put(state.session_user, user),
        session_order=put(state.session_order, state.red_next_order),
        session_parent=put(state.session_parent, parent),
        session_suspicious=put(state.session_suspicious, suspicious),
        red_next_order=state.red_next_order + enable.astype(jnp.int16),
        red_session_count=state.red_session_count + enable.astype(jnp.int16),
        overflow=state.overflow | overflow.astype(jnp.uint8),
    )


def remove(state: State, mask: Bool[Array, "red session"]) -> State:
    """Delete sessions and lower CybORG's counter."""
    count = jnp.sum(mask, axis=1, dtype=jnp.int16)
    return drop(state, mask).replace(red_session_count=state.red_session_count - count)


def drop(state: State, mask: Bool[Array, "red session"]) -> State:
    """Delete sessions as Restore does: CybORG's counter keeps its value (§2.2)."""
    return state.replace(session_kind=jnp.where(mask, T.Session.NONE, state.session_kind).astype(jnp.uint8))


def reassign(state: State) -> tuple[State, UInt8[Array, "red session"]]:
    """Move every session on a foreign host to the red agent that owns the host's subnet (§3.3).

    Agents go in order, and so do the sessions of each in CybORG's map. They are moved one by one, because
    each new id depends on the sessions that the new owner holds at that moment.

    Returns:
        The state, and the place (1, 2, ...) of the reassigned session in the new owner's
        report, 0 = no entry. Only sessions of exploits are reported, those of phishing are not.
    """
    owners = jnp.asarray(T.HOST_RED)
    agents = jnp.arange(T.NUM_RED)

    def foreign(state: State) -> Array:
        return live(state) & (owners[state.session_host] != agents[:, None])

    def move(carry):
        state, left, place, reassigned = carry
        agent = jnp.argmax(jnp.any(left, axis=1))
        order = jnp.where(left[agent], state.session_order[agent], jnp.iinfo(jnp.int16).max)
        slot = jnp.argmin(order)
        host, kind = state.session_host[agent, slot], state.session_kind[agent, slot]
        moved = (agents == agent)[:, None] & is_index(slot, T.MAX_SESSIONS)[None]
        row = {
            "pid": state.session_pid[agent, slot],
            "user": state.session_user[agent, slot],
            "suspicious": state.session_suspicious[agent, slot],
        }
        state = remove(state, moved)
        owner = agents == owners[host]
        held = live(state)
        state = add(state, owner, host=host, kind=jnp.uint8(T.Session.ABSTRACT), parent=False, **row)
        reported = owner & (kind != T.Session.ABSTRACT)
        place = place + jnp.any(reported).astype(jnp.uint8)  # at most one per red agent in a step
        reassigned = jnp.where(live(state) & ~held & reported[:, None], place, reassigned)
        return state, left & ~moved, place, reassigned

    nowhere = jnp.zeros((T.NUM_RED, T.MAX_SESSIONS), jnp.uint8)
    carry = (state, foreign(state), jnp.uint8(0), nowhere)
    state, _, _, reassigned = jax.lax.while_loop(lambda c: jnp.any(c[1]), move, carry)
    return state, reassigned


def promote(state: State, u: Float32[Array, "red"]) -> State:
    """RedSessionCheck: an agent without session 0 makes a random survivor its session 0 (§3.4, Q11).

    It goes to the end of the map, and all sessions of the agent lose their parent.
    """
    used = live(state)
    lost = jnp.any(used, axis=1) & ~jnp.any(used & (state.session_id == 0), axis=1)
    chosen = nth_by_order(used, state.session_order, u) & lost[:, None]
    return state.replace(
        session_id=jnp.where(chosen, 0, state.session_id).astype(jnp.uint8),
        session_order=jnp.where(chosen, state.red_next_order[:, None], state.session_order),
        session_parent=state.session_parent & ~lost[:, None],
        red_next_order=state.red_next_order + lost.astype(jnp.int16),
    )


def drop_stale_scans(state: State, before: State) -> State:
    """Free the remembered ports of sessions that died or whose slot holds another one since ``before``."""
    gone = ~live(state) | (state.session_order != before.session_order)
    stale = bit_at(gone, state.scan_session)
    return state.replace(scan_session=jnp.where(stale, T.NO_HOST, state.scan_session).astype(jnp.uint8))
