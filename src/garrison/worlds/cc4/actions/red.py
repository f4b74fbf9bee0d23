"""What all of red's actions read and return: the decisions, their sources and targets, the effects (§4.4)."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Int32, Integer, UInt8
from garrison.worlds.cc4 import sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import bounded, value_at
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology

NOTHING: Any = None  # a field that nobody reads


class RedAction(Struct):
    """One decision per red agent, ``uint8`` in the engine; fields that a kind does not use are ignored."""

    kind: Integer[Array, "*env red"]  # tables.Red
    session: Integer[Array, "*env red"]  # id of the source session
    host: Integer[Array, "*env red"]  # target, by address or by name
    subnet: Integer[Array, "*env red"]  # of DiscoverRemoteSystems
    hostname: Integer[Array, "*env red"]  # host named by Withdraw, whose address is ``host``


class RedTurn(Struct):
    """What each red agent does in this step."""

    action: RedAction  # that executes; Sleep while busy
    busy: Bool[Array, "red"]  # an action is in progress
    executes: Bool[Array, "red"]  # neither busy nor dropped (§3.2.8)


class Source(Struct):
    """The source sessions of red's executing actions."""

    slot: Bool[Array, "red session"]
    exists: Bool[Array, "red"]  # it may have died since the action was submitted, or in this step
    abstract: Bool[Array, "red"]  # a RedAbstractSession, which alone can scan, exploit and escalate (Q11)
    host: Int32[Array, "red"]  # its host
    blocked: Bool[Array, "red"]  # traffic from its subnet to the target's (Q12: end subnets only)


class TargetSessions(Struct):
    """Red sessions on each agent's target at the moment when the agent acts."""

    largest_pid: Int32[Array, "red"]  # those made in this step left out
    count: Int32[Array, "red"]


class RedContext(Struct):
    """What red's actions of one step read besides the state.

    Agents act in ascending order, but the actions are carried out kind by kind for all agents at once.
    ``ot_stopped`` and ``target_sessions`` hold what an agent finds on its target when its turn comes: the
    state before red's part of the step, changed by lower agents only. Actions read these two from here,
    never from the state.
    """

    draws: Draws
    topology: Topology
    options: Options
    turn: RedTurn
    kind: UInt8[Array, "red"]  # tables.Red; SLEEP for agents that do not execute
    target: Int32[Array, "red"]  # host
    source: Source
    meets: Bool[Array, "red red"]  # [lower agent, agent]: both have the same target
    ot_stopped: Bool[Array, "red"]  # the OT service of the target is stopped
    target_sessions: TargetSessions = NOTHING  # until Withdraw has been carried out


class RedEffect(Struct):
    """What a red action did besides the new state."""

    success: Bool[Array, "red"] = NOTHING
    # the report on it (§4.5)
    found: Bool[Array, "red"] = NOTHING  # the target is reported
    named: Bool[Array, "red"] = NOTHING  # by name
    session: Bool[Array, "red"] = NOTHING  # with a session
    others: Bool[Array, "red host"] = NOTHING  # further hosts reported
    others_named: Bool[Array, "red"] = NOTHING  # by name
    reported: Bool[Array, "red session"] = NOTHING  # existing session that the report lists
    # a new session on the target
    made: Bool[Array, "red"] = NOTHING
    pid: Int32[Array, "red"] = NOTHING
    # exploits
    exploit: UInt8[Array, "red"] = NOTHING  # tables.Exploit tried
    trapped: Bool[Array, "red"] = NOTHING  # it hit a decoy
    # what blue can notice
    alert: Bool[Array, "red"] = NOTHING  # a process event with the new pid
    noticed: Bool[Array, "red host"] = NOTHING  # network events caused there


def union(effects: Iterable[RedEffect]) -> RedEffect:
    """The effects of all kinds of actions as one: each agent carries out one kind, the rest is False or 0."""
    effects = tuple(effects)

    def either(name: str) -> Array:
        values = (getattr(effect, name) for effect in effects)
        return functools.reduce(operator.or_, (value for value in values if value is not None))

    return RedEffect(**{field.name: either(field.name) for field in dataclasses.fields(RedEffect)})


def narrow(action: RedAction) -> RedAction:
    """The decisions with fields of any integer dtype as ``uint8``.

    Numbers outside 0..254 become 255, which stands for none of kind, session, host and subnet.
    """

    def field(values: Array) -> Array:
        values = jnp.asarray(values)
        return values if values.dtype == jnp.uint8 else bounded(values, 255).astype(jnp.uint8)

    return RedAction(**{name: field(values) for name, values in vars(action).items()})


def source_of(state: State, session: UInt8[Array, "red"], target: Int32[Array, "red"]) -> Source:
    """Look up the source sessions of actions on hosts."""
    slot = sessions.find(state, session)
    host = value_at(slot, state.session_host)
    subnet = jnp.asarray(T.HOST_SUBNET)
    return Source(
        slot=slot,
        exists=jnp.any(slot, axis=1),
        abstract=jnp.any(slot & (state.session_kind == T.Session.ABSTRACT), axis=1),
        host=host,
        blocked=state.blocked[subnet[target], subnet[host]],
    )


def own_sessions_on(state: State, host: Integer[Array, "red"]) -> Bool[Array, "red session"]:
    """Each agent's own sessions on a host of its choice."""
    return sessions.live(state) & (state.session_host == host[:, None])
