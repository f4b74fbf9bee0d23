"""What all of red's actions read and return: the decisions, their sources and targets, the effects (§4.4)."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Iterable

import jax
import jax.numpy as jnp

from garrison.core.struct import struct
from garrison.worlds.cc4 import sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import bounded, value_at
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology


@struct
class RedAction:
    """One decision per red agent, all ``uint8[red]``; fields that a kind does not use are ignored."""

    kind: jax.Array  # tables.Red
    session: jax.Array  # id of the source session
    host: jax.Array  # target, by address or by name
    subnet: jax.Array  # of DiscoverRemoteSystems
    hostname: jax.Array  # host named by Withdraw, whose address is ``host``


@struct
class RedTurn:
    """What each red agent does in this step."""

    action: RedAction  # that executes; Sleep while busy
    busy: jax.Array  # bool[red]: an action is in progress
    executes: jax.Array  # bool[red]: neither busy nor dropped (§3.2.8)


@struct
class Source:
    """The source sessions of red's executing actions, all ``[red]``."""

    slot: jax.Array  # bool[red, session]
    exists: jax.Array  # bool: it may have died since the action was submitted, or in this step
    abstract: jax.Array  # bool: a RedAbstractSession, which alone can scan, exploit and escalate (Q11)
    host: jax.Array  # int32: its host
    blocked: jax.Array  # bool: traffic from its subnet to the target's is blocked (Q12: end subnets only)


@struct
class TargetSessions:
    """Red sessions on each agent's target at the moment when the agent acts, ``int32[red]``."""

    largest_pid: jax.Array  # those made in this step left out
    count: jax.Array


@struct
class RedContext:
    """What red's actions of one step read besides the state, all ``[red]`` unless noted.

    Agents act in ascending order, but the actions are carried out kind by kind for all agents at once.
    ``ot_stopped`` and ``target_sessions`` hold what an agent finds on its target when its turn comes: the
    state before red's part of the step, changed by lower agents only. Actions read these two from here,
    never from the state.
    """

    draws: Draws
    topology: Topology
    options: Options
    turn: RedTurn
    kind: jax.Array  # uint8: tables.Red; SLEEP for agents that do not execute
    target: jax.Array  # int32: host
    source: Source
    meets: jax.Array  # bool[lower agent, agent]: both have the same target
    ot_stopped: jax.Array  # bool: the OT service of the target is stopped
    target_sessions: TargetSessions | None = None  # None until Withdraw has been carried out


@struct
class RedEffect:
    """What a red action did besides the new state, all ``[red]`` unless noted. None: nothing of the sort."""

    success: jax.Array | None = None  # bool
    # the report on it (§4.5)
    found: jax.Array | None = None  # bool: the target is reported
    named: jax.Array | None = None  # bool: by name
    session: jax.Array | None = None  # bool: with a session
    others: jax.Array | None = None  # bool[red, host]: further hosts reported
    others_named: jax.Array | None = None  # bool: by name
    reported: jax.Array | None = None  # bool[red, session]: existing session that the report lists
    # a new session on the target
    made: jax.Array | None = None  # bool
    pid: jax.Array | None = None  # int32
    # exploits
    exploit: jax.Array | None = None  # uint8: tables.Exploit tried
    trapped: jax.Array | None = None  # bool: it hit a decoy
    # what blue can notice
    alert: jax.Array | None = None  # bool: a process event with the new pid
    noticed: jax.Array | None = None  # bool[red, host]: network events caused there


def union(effects: Iterable[RedEffect]) -> RedEffect:
    """The effects of all kinds of actions as one: each agent carries out one kind, the rest is False or 0."""
    effects = tuple(effects)

    def either(name: str) -> jax.Array:
        values = (getattr(effect, name) for effect in effects)
        return functools.reduce(operator.or_, (value for value in values if value is not None))

    return RedEffect(**{field.name: either(field.name) for field in dataclasses.fields(RedEffect)})


def narrow(action: RedAction) -> RedAction:
    """The decisions with fields of any integer dtype as ``uint8``.

    Numbers outside 0..254 become 255, which stands for none of kind, session, host and subnet.
    """

    def field(values: jax.Array) -> jax.Array:
        values = jnp.asarray(values)
        return values if values.dtype == jnp.uint8 else bounded(values, 255).astype(jnp.uint8)

    return RedAction(**{name: field(values) for name, values in vars(action).items()})


def source_of(state: State, session: jax.Array, target: jax.Array) -> Source:
    """Look up the source sessions ``uint8[red]`` of actions on hosts ``[red]``."""
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


def own_sessions_on(state: State, host: jax.Array) -> jax.Array:
    """``bool[red, session]``: each agent's own sessions on a host of its choice ``[red]``."""
    return sessions.live(state) & (state.session_host == host[:, None])
