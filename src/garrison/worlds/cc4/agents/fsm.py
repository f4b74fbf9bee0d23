"""The finite-state reds (§5): a memory of hosts, and an action for one of them.

All variants keep the same memory. It belongs to whoever decides, not to the engine: :func:`remember` takes
in the last reports, :func:`choose` decides from it. Reds that differ from the stock one in numbers alone are
options (:mod:`garrison.worlds.cc4.reds`).
"""

from __future__ import annotations

import functools
import operator

import jax.numpy as jnp

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, Int16, Int32, Shaped, UInt8, UInt16
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedAction
from garrison.worlds.cc4.agents import failures
from garrison.worlds.cc4.agents.failures import FailureMemory
from garrison.worlds.cc4.choose import first, has, is_index, nth, nth_host, pick, weighted, weighted_host
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.state import NO_RANK, State


class FsmMemory(Struct):
    """What the six agents remember of hosts (§5.1)."""

    calls: Int16[Array, "*env red"]  # decisions taken; CybORG's ``step``
    host_state: UInt8[Array, "*env red host"]  # tables.Fsm
    order: UInt16[Array, "*env red host"]  # ticket of first sight
    hostname: Bool[Array, "*env red host"]  # known by name
    role: UInt8[Array, "*env host"] | None = None  # tables.Role, the same to all; None where no red asks
    failures: FailureMemory | None = None  # None where no red asks


def initial_memory() -> FsmMemory:
    """Nothing is known yet, not even the own host."""
    shape = (T.NUM_RED, T.NUM_HOSTS)
    return FsmMemory(
        calls=jnp.zeros(T.NUM_RED, jnp.int16),
        host_state=jnp.zeros(shape, jnp.uint8),
        order=jnp.zeros(shape, jnp.uint16),
        hostname=jnp.zeros(shape, bool),
    )


def remember(memory: FsmMemory, state: State) -> FsmMemory:
    """The memories of active agents after their last reports, and one more call of each (§5.3.1–3)."""
    active = state.red_active[:, None]
    host_state = _transition(memory, state)
    known = host_state > 0
    fresh = ~known & (state.seen_order > 0)
    entry = jnp.where(memory.calls == 0, T.Fsm.U, T.Fsm.K)[:, None]
    host_state = jnp.where(fresh, entry, host_state)
    shell = (host_state >= T.Fsm.U) & (host_state <= T.Fsm.RD)
    host_state = jnp.where(shell & ~state.seen_session, T.Fsm.KD, host_state)

    # hosts that share a place in the report come in host order
    shared, order = T.ReportPlace.OTHERS, state.seen_order.astype(jnp.int32)
    place = jnp.where(order == shared, shared + jnp.arange(T.NUM_HOSTS)[None], order)
    place = jnp.where(order > shared, T.NUM_HOSTS + place, place)
    last = jnp.max(memory.order, axis=1, keepdims=True).astype(jnp.int32)
    return FsmMemory(
        calls=memory.calls + state.red_active.astype(jnp.int16),
        host_state=jnp.where(active, host_state, memory.host_state).astype(jnp.uint8),
        order=jnp.where(active & fresh, last + place, memory.order).astype(jnp.uint16),
        hostname=memory.hostname | (active & (state.seen_order > 0) & state.seen_hostname),
        role=memory.role,
        failures=None if memory.failures is None else failures.remember(memory.failures, state),
    )


def _transition(memory: FsmMemory, state: State) -> UInt8[Array, "red host"]:
    """States after the result of the last action; a plain U on a foreign host becomes F (Q15)."""
    kind = state.seen_kind
    at_target = is_index(state.seen_host, T.NUM_HOSTS)
    by_name = has(kind, T.RED_TARGET_BY_NAME)
    at_target = at_target & (~by_name[:, None] | memory.hostname)
    in_subnet = jnp.asarray(T.HOST_SUBNET)[None] == state.seen_subnet[:, None]
    affected = jnp.where((kind == T.Red.DISCOVER)[:, None], in_subnet, at_target)
    affected = affected & (kind != T.Red.SLEEP)[:, None]

    success = (state.seen_outcome == T.Outcome.TRUE)[:, None]
    row = jnp.where(success, jnp.asarray(T.FSM_SUCCESS.T)[kind], jnp.asarray(T.FSM_FAILURE.T)[kind])
    after = lookup(row, memory.host_state)
    after = jnp.where((after == T.Fsm.U) & ~jnp.asarray(T.RED_OWNS_HOST), T.Fsm.F, after)
    return jnp.where(affected & (after > 0), after, memory.host_state)


def lookup(row: Shaped[Array, "#red entry"], index: UInt8[Array, "#red host"]) -> Shaped[Array, "_ host"]:
    """``row[r, index[r, k]]`` for short rows, by comparison: cheaper than a gather."""
    out = jnp.zeros(index.shape, row.dtype)
    for i in range(row.shape[1]):
        out = jnp.where(index == i, row[:, i : i + 1], out)
    return out


def choose(
    draws: Draws, options: Options, state: State, memory: FsmMemory, variant: str = "fsm"
) -> RedAction:
    """One decision per agent from memories that are up to date: a host, and an action for it (§5.3).

    Busy and inactive agents sleep. ``variant``: ``"fsm"``; ``"discovery"``, which prefers hosts that it knows
    least (§5.5); or one of :data:`failures.POLICIES`.
    """
    free = state.red_active & (state.red_ticks == 0)
    candidates = (memory.host_state > 0) & (memory.host_state != T.Fsm.F)
    if variant == "discovery":
        candidates = _look_first(draws, options, memory, candidates)
    weight = host_weight(options, memory, variant)
    if weight is None:
        host = nth_host(candidates, draws.red_host)
    else:
        host = weighted_host(jnp.where(candidates, weight, 0), draws.red_host)
    kind = _choose_kind(action_weight(options, memory, host, variant), draws.red_action)
    free = free & jnp.any(candidates, axis=1)
    return RedAction(
        kind=jnp.where(free, kind, T.Red.SLEEP).astype(jnp.uint8),
        session=nth_known_session(state, draws.red_session),
        host=host.astype(jnp.uint8),
        subnet=nth(state.red_known_subnet, draws.red_subnet).astype(jnp.uint8),
        hostname=host.astype(jnp.uint8),
    )


def host_weight(
    options: Options, memory: FsmMemory, variant: str = "fsm"
) -> Float32[Array, "red host"] | None:
    """The weights with which the agents choose among hosts (§5.6, §5.7); None: all equal."""
    if variant == "discovery":
        return None
    weights = [_by_state(options, memory), _by_role(options, memory)]
    if variant in failures.POLICIES and memory.failures is not None:
        weights.append(failures.host_weight(memory.failures))
    weights = [weight for weight in weights if weight is not None]
    return functools.reduce(operator.mul, weights) if weights else None


def _by_state(options: Options, memory: FsmMemory) -> Float32[Array, "red host"] | None:
    if options.red_host_weight is None:
        return None
    place = _group(options, memory) * jnp.uint8(len(T.Fsm)) + memory.host_state
    return lookup(jnp.asarray(options.red_host_weight).reshape(1, -1), place)


def _by_role(options: Options, memory: FsmMemory) -> Float32[Array, "red host"] | None:
    if options.red_role_weight is None or memory.role is None:
        return None
    weight = lookup(jnp.asarray(options.red_role_weight)[None], memory.role[None])
    named = memory.hostname
    if options.red_sees_roles is not None:
        named = named | (jnp.asarray(options.red_sees_roles) > 0)
    return jnp.where(named, weight, 1)


def _group(options: Options, memory: FsmMemory) -> UInt8[Array, "red host"]:
    """tables.Group of each host, as its agent knows it."""
    target = jnp.zeros(T.NUM_HOSTS, jnp.uint8)
    if options.red_target is not None:
        target = jnp.asarray(options.red_target)[T.HOST_SUBNET]  # of zeros and ones, as the groups are
    return jnp.where(memory.hostname, target[None], jnp.uint8(T.Group.UNNAMED))


def action_weight(
    options: Options, memory: FsmMemory, host: Int32[Array, "red"], variant: str = "fsm"
) -> Float32[Array, "red kind"]:
    """The weights with which each agent chooses an action for ``host`` (§5.3)."""
    table = options.red_discovery_probability if variant == "discovery" else options.red_probability
    assert table is not None  # as this variant may decide
    table = jnp.asarray(table)
    at = jnp.take_along_axis(memory.host_state, host[:, None], axis=1)[:, 0]
    if table.ndim == 2:
        weight = table[at]
    else:
        weight = table[jnp.take_along_axis(_group(options, memory), host[:, None], axis=1)[:, 0], at]
    if variant not in failures.POLICIES:
        return weight
    assert memory.failures is not None  # likewise
    return failures.action_weight(variant, weight, memory.failures, host, at)


def _choose_kind(weight: Float32[Array, "red kind"], u: Float32[Array, "red"]) -> Int32[Array, "red"]:
    """The kinds of actions. They are drawn in the engine's order."""
    order = jnp.array(T.RED_ORDER)
    return order[weighted(weight[:, order], u)]


def _look_first(
    draws: Draws, options: Options, memory: FsmMemory, candidates: Bool[Array, "red host"]
) -> Bool[Array, "red host"]:
    """The discovery variant: first a state by priority, then servers before others (§5.5)."""
    present = jnp.any(candidates[:, :, None] & is_index(memory.host_state, len(T.Fsm)), axis=1)
    weight = present * jnp.asarray(options.red_priority)[None]
    weight = jnp.where(jnp.sum(weight, axis=1, keepdims=True) > 0, weight, present)
    chosen = weighted(weight, draws.red_group)
    group = candidates & (memory.host_state == chosen[:, None])
    servers = group & memory.hostname & jnp.asarray(T.IS_SERVER)[None]
    rest = group & ~servers
    prefer = (draws.red_server <= options.red_server_preference)[:, None]
    some, others = jnp.any(servers, axis=1, keepdims=True), jnp.any(rest, axis=1, keepdims=True)
    return jnp.where(some & (prefer | ~others), servers, rest)


def nth_known_session(state: State, u: Float32[Array, "red"]) -> UInt8[Array, "red"]:
    """A session id among all ever seen, dead ones included, in order of first sight (Q10)."""
    count = jnp.sum(state.red_known_session != NO_RANK, axis=1, dtype=jnp.int32)
    return first(state.red_known_session == pick(u, count)[:, None]).astype(jnp.uint8)
