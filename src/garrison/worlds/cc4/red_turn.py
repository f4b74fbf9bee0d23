"""Red's part of a step: the actions of all six agents, carried out kind by kind (§4.4).

In CybORG agents act in ascending order, but an action affects a higher agent in two ways only: by sessions
made or removed on the same host (they set the next pid and are processes), and by a stopped OT service.
Both are passed on in :class:`RedContext`, so no loop over the agents is needed.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from garrison.core.struct import Struct
from garrison.core.typing import Array, Int32, UInt8
from garrison.worlds.cc4 import sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions import discover, takeover
from garrison.worlds.cc4.actions.exploit import exploit
from garrison.worlds.cc4.actions.red import (
    RedContext,
    RedEffect,
    RedTurn,
    TargetSessions,
    source_of,
    union,
)
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology


class RedResult(Struct):
    """Red's actions of a step and their results."""

    turn: RedTurn
    target: Int32[Array, "red"]  # host
    source: Int32[Array, "red"]  # host of the source session
    outcome: UInt8[Array, "red"]  # tables.Outcome; NONE for agents that did not execute
    effect: RedEffect


def context_of(draws: Draws, topology: Topology, options: Options, state: State, turn: RedTurn) -> RedContext:
    """What red's actions read, from the state before red's part of the step."""
    target = jnp.minimum(turn.action.host, T.NUM_HOSTS - 1).astype(jnp.int32)
    lower = jnp.asarray(np.tri(T.NUM_RED, k=-1, dtype=bool).T)  # [lower agent, agent]
    return RedContext(
        draws=draws,
        topology=topology,
        options=options,
        turn=turn,
        kind=jnp.where(turn.executes, turn.action.kind, T.Red.SLEEP).astype(jnp.uint8),
        target=target,
        source=source_of(state, turn.action.session, target),
        meets=(target[:, None] == target[None]) & lower,
        ot_stopped=state.host_ot_stopped[target],
    )


def act_red(context: RedContext, state: State) -> tuple[State, RedResult]:
    """Carry out red's actions.

    Impact and Withdraw come first, as what they change on a target reaches higher agents, and then exploits,
    as their sessions may be reported by DiscoverDeception. Apart from that the order of kinds is free.
    """
    before = state
    state, impact = takeover.impact(context, state)
    state, withdrawal = takeover.withdraw(context, state)
    context = context.replace(
        ot_stopped=context.ot_stopped | jnp.any(context.meets & impact.success[:, None], axis=0),
        target_sessions=_target_sessions(context, before, state),
    )
    state, hit = exploit(context, state)
    context = context.replace(target_sessions=_with_new(context, hit))
    effects = [impact, withdrawal, hit]
    for act in (
        discover.remote_systems,
        discover.scan,
        discover.deception,
        takeover.escalate,
        takeover.degrade,
    ):
        state, effect = act(context, state)
        effects.append(effect)
    return state, _result(context, union(effects))


def _result(context: RedContext, effect: RedEffect) -> RedResult:
    outcome = jnp.where(effect.success, T.Outcome.TRUE, T.Outcome.FALSE)
    outcome = jnp.where(context.kind == T.Red.SLEEP, T.Outcome.UNKNOWN, outcome)
    outcome = jnp.where(context.turn.executes, outcome, T.Outcome.NONE)
    return RedResult(
        turn=context.turn,
        target=context.target,
        source=context.source.host,
        outcome=outcome.astype(jnp.uint8),
        effect=effect,
    )


def _target_sessions(context: RedContext, before: State, after: State) -> TargetSessions:
    """Lower agents have withdrawn by then (``after``), higher ones not yet (``before``)."""
    lower = np.tri(T.NUM_RED, k=-1, dtype=bool).T[:, :, None]  # [owner, agent, session]
    on_target = before.session_host[:, None, :] == context.target[None, :, None]
    still = jnp.where(lower, sessions.live(after)[:, None, :], sessions.live(before)[:, None, :])
    here = on_target & still
    pids = jnp.where(here, before.session_pid[:, None, :], 0)
    return TargetSessions(
        largest_pid=jnp.max(pids, axis=(0, 2)).astype(jnp.int32),
        count=jnp.sum(here, axis=(0, 2), dtype=jnp.int16).astype(jnp.int32),
    )


def _with_new(context: RedContext, hit: RedEffect) -> TargetSessions:
    """The sessions on the targets with those that exploits of lower agents have just made."""
    made = jnp.sum(context.meets & hit.made[:, None], axis=0, dtype=jnp.int32)
    return context.target_sessions.replace(count=context.target_sessions.count + made)
