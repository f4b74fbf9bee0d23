"""One step of the engine, in CybORG's order (§3.2).

Everything is deterministic given :class:`~garrison.worlds.cc4.draws.Draws`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Int, Integer, UInt8
from garrison.worlds.cc4 import red_knowledge, sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions import decoy, green, remove, restore, traffic
from garrison.worlds.cc4.actions.blue import BlueAction, BlueContext, decode
from garrison.worlds.cc4.actions.green import GreenContext, GreenEffect
from garrison.worlds.cc4.actions.red import RedAction, RedTurn, narrow
from garrison.worlds.cc4.choose import bounded, has
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.red_turn import RedResult, act_red, context_of
from garrison.worlds.cc4.state import NO_RANK, State
from garrison.worlds.cc4.topology import Topology


class BlueResult(Struct):
    """Blue's actions of a step."""

    submitted: BlueAction
    action: BlueAction  # that executes in this step
    outcome: UInt8[Array, "blue"]  # tables.Outcome


def turn(
    draws: Draws,
    topology: Topology,
    options: Options,
    state: State,
    blue: Int[Array, "blue"],
    red: RedAction,
    green_kind: Integer[Array, "green"],
) -> tuple[State, Events]:
    """One step.

    Args:
        draws: the random numbers.
        topology, options: of the episode.
        state: before the step.
        blue: action indices (§7.1); outside the list: Sleep.
        red: one decision per agent; invalid ones become InvalidAction (§3.2.3).
        green_kind: tables.Green; other numbers: Sleep.

    Returns:
        The state after the step and its events.
    """
    # the scopes are the rows of a profile: garrison bench --profile
    with jax.named_scope("queue"):
        state = before = start_step(options, state)
        blue, submitted = bounded(blue, T.MAX_BLUE_ACTIONS), decode(topology, blue)
        state, blue_action = queue_blue(topology, state, blue)
        state, red_turn = queue_red(options, state, narrow(red))
    with jax.named_scope("blue"):
        state, outcome = act_blue(BlueContext(draws, topology, blue_action), state)
    with jax.named_scope("green"):
        state, greens = green.act(GreenContext(draws, topology, options, green.narrow(green_kind)), state)
        state = sessions.drop_stale_scans(state, before)
    before_red = state
    with jax.named_scope("red"):
        state, reds = act_red(context_of(draws, topology, options, state, red_turn), state)
    with jax.named_scope("reassign"):
        state, reassigned = sessions.reassign(state)
        state = sessions.drop_stale_scans(state, before_red)
        state = state.replace(red_active=jnp.any(sessions.live(state), axis=1))
    with jax.named_scope("report"):
        state = monitor(state, reds)
        reassigned_id = state.session_id
        state = sessions.promote(state, draws.red_promote)
        state = red_knowledge.inform(state, before, reds, reassigned, reassigned_id)
    state = state.replace(step=state.step + jnp.int16(1))
    return state, _events(BlueResult(submitted, blue_action, outcome), greens, reds)


def start_step(options: Options, state: State) -> State:
    """Raise the phase (§6.1), and clear last step's events where blue's Monitor has reported them (Q21)."""
    starts = jnp.asarray(options.phase_start)
    phase = jnp.sum(state.step >= starts, dtype=jnp.uint8)
    watched = jnp.asarray(T.HOST_BLUE != T.NO_AGENT)
    return state.replace(
        phase=jnp.maximum(state.phase, phase),
        host_network_events=jnp.where(watched, 0, state.host_network_events).astype(jnp.int16),
        host_process_events=jnp.where(watched, 0, state.host_process_events).astype(jnp.int16),
    )


def queue_blue(topology: Topology, state: State, index: Int[Array, "blue"]) -> tuple[State, BlueAction]:
    """An idle agent starts the action ``index``, a busy one continues (§3.2.4-5).

    Returns the state and the actions that execute in this step.
    """
    idle = state.blue_ticks == 0
    index = jnp.where(idle, index, state.blue_action).astype(jnp.int16)
    action = decode(topology, index)
    ticks = jnp.where(idle, jnp.asarray(T.BLUE_DURATION)[action.kind], state.blue_ticks) - jnp.uint8(1)
    now = ticks == 0
    return state.replace(blue_action=index, blue_ticks=ticks), BlueAction(
        kind=jnp.where(now, action.kind, T.Blue.SLEEP).astype(jnp.uint8),
        host=jnp.where(now, action.host, T.NO_HOST).astype(jnp.uint8),
        source=jnp.where(now, action.source, T.NO_SUBNET).astype(jnp.uint8),
        target=jnp.where(now, action.target, T.NO_SUBNET).astype(jnp.uint8),
    )


def queue_red(options: Options, state: State, action: RedAction) -> tuple[State, RedTurn]:
    """Check, queue and tick red's actions."""
    kind = jnp.where(_is_valid(state, action), action.kind, T.Red.INVALID)
    kind = jnp.where(state.red_active, kind, T.Red.SLEEP)
    idle = state.red_ticks == 0

    def stored(new: Array, old: Array) -> Array:
        return jnp.where(idle, new, old).astype(jnp.uint8)

    kind = stored(kind, state.red_kind)
    duration = jnp.asarray(T.RED_DURATION if options.red_duration is None else options.red_duration)
    ticks = stored(duration[kind], state.red_ticks) - jnp.uint8(1)
    now = RedAction(
        kind=kind,
        session=stored(action.session, state.red_session),
        host=stored(action.host, state.red_host),
        subnet=stored(action.subnet, state.red_subnet),
        hostname=stored(action.hostname, state.red_hostname),
    )
    busy = ticks > 0
    state = state.replace(
        red_kind=now.kind,
        red_session=now.session,
        red_host=now.host,
        red_subnet=now.subnet,
        red_hostname=now.hostname,
        red_ticks=ticks,
    )
    now = now.replace(kind=jnp.where(busy, T.Red.SLEEP, kind).astype(jnp.uint8))
    # the source session is looked up once, before any agent acts (§3.2.8)
    ran = (now.kind == T.Red.SLEEP) | (now.kind == T.Red.INVALID)
    ran = ran | jnp.any(sessions.find(state, now.session), axis=1)
    return state, RedTurn(action=now, busy=busy, executes=ran & ~busy)


def _is_valid(state: State, action: RedAction) -> Bool[Array, "red"]:
    """Whether each agent knows all that its action names (§3.2.3)."""
    agents = jnp.arange(T.NUM_RED)
    host = jnp.minimum(action.host, T.NUM_HOSTS - 1)
    name = jnp.minimum(action.hostname, T.NUM_HOSTS - 1)
    session = jnp.minimum(action.session, T.MAX_SESSION_ID - 1)
    knows_session = (state.red_known_session[agents, session] != NO_RANK) & (action.session == session)
    knows_ip = state.red_known_ip[agents, host] & (action.host == host)
    knows_host = state.red_known_hostname[agents, host] & (action.host == host)
    knows_name = state.red_known_hostname[agents, name] & (action.hostname == name)
    knows_subnet = state.red_known_subnet[agents, jnp.minimum(action.subnet, T.NUM_SUBNETS - 1)]
    knows_subnet = knows_subnet & (action.subnet < T.NUM_SUBNETS)

    def names(target: T.RedTarget) -> Array:
        return has(action.kind, T.RED_TARGET == target)

    knows = names(T.RedTarget.SUBNET) & knows_subnet
    knows = knows | (names(T.RedTarget.ADDRESS) & knows_ip)
    knows = knows | (names(T.RedTarget.NAME) & knows_host)
    knows = knows | (names(T.RedTarget.ADDRESS_AND_NAME) & knows_ip & knows_name)
    return names(T.RedTarget.NONE) | (knows & knows_session)


def act_blue(context: BlueContext, state: State) -> tuple[State, UInt8[Array, "blue"]]:
    """Carry out blue's actions; returns the state and the outcomes.

    Traffic comes first (Q26). Agents own different hosts, so the order of the others is free.
    """
    failed = jnp.zeros(T.NUM_BLUE, bool)
    for act in (traffic.control_traffic, remove.remove, restore.restore, decoy.deploy):
        state, effect = act(context, state)
        if effect.failed is not None:
            failed = failed | effect.failed
    outcome = jnp.where(failed, T.Outcome.FALSE, T.Outcome.TRUE)
    outcome = jnp.where(context.action.kind == T.Blue.SLEEP, T.Outcome.UNKNOWN, outcome)
    return state, jnp.where(state.blue_ticks > 0, T.Outcome.IN_PROGRESS, outcome).astype(jnp.uint8)


def monitor(state: State, reds: RedResult) -> State:
    """The end-turn Monitor: pids of this step's process events join blue's lists, in order (Q6)."""
    blue = jnp.asarray(T.HOST_BLUE)[reds.target]
    seen = reds.effect.alert & (blue != T.NO_AGENT)
    same = seen[:, None] & (blue[:, None] == blue[None]) & np.tri(T.NUM_RED, k=-1, dtype=bool).T
    used = jnp.sum(state.suspicious_host != T.NO_HOST, axis=1, dtype=jnp.int32)
    place = used[jnp.minimum(blue, T.NUM_BLUE - 1)] + jnp.sum(same, axis=0, dtype=jnp.int32)
    full = jnp.any(seen & (place >= T.MAX_SUSPICIOUS))
    rows = jnp.where(seen, blue, T.NUM_BLUE).astype(jnp.int32)
    host, pid = reds.target.astype(jnp.uint8), reds.effect.pid.astype(jnp.int16)
    return state.replace(
        suspicious_host=state.suspicious_host.at[rows, place].set(host, mode="drop"),
        suspicious_pid=state.suspicious_pid.at[rows, place].set(pid, mode="drop"),
        overflow=state.overflow | (full * T.Overflow.SUSPICIOUS).astype(jnp.uint8),
    )


def _events(blue: BlueResult, greens: GreenEffect, reds: RedResult) -> Events:
    green_outcome = jnp.where(greens.failed, T.Outcome.FALSE, T.Outcome.TRUE)
    green_outcome = jnp.where(greens.kind == T.Green.SLEEP, T.Outcome.UNKNOWN, green_outcome)
    red, busy = reds.turn.action, reds.turn.busy
    return Events(
        blue_kind=blue.action.kind,
        blue_host=blue.action.host,
        blue_from=blue.action.source,
        blue_to=blue.action.target,
        blue_outcome=blue.outcome,
        blue_submitted=blue.submitted.kind,
        blue_submitted_host=blue.submitted.host,
        blue_submitted_from=blue.submitted.source,
        blue_submitted_to=blue.submitted.target,
        green_kind=greens.kind,
        green_target=greens.target,
        green_outcome=green_outcome.astype(jnp.uint8),
        green_alarm=greens.alarm,
        green_phished=greens.phished,
        red_kind=red.kind,
        red_host=red.host,
        red_subnet=red.subnet,
        red_session=red.session,
        red_outcome=jnp.where(busy, T.Outcome.IN_PROGRESS, reds.outcome).astype(jnp.uint8),
        red_ran=reds.turn.executes | busy,
        red_exploit=reds.effect.exploit,
        red_trapped=reds.effect.trapped,
        red_alert=reds.effect.alert,
        red_source=reds.source.astype(jnp.uint8),
        red_noticed=reds.effect.noticed,
    )
