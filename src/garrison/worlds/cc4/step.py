"""The turn: what happens in one step, in CybORG's order (§3.2). Reads like the specification.

Everything is deterministic given :class:`~garrison.worlds.cc4.draws.Draws`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.struct import struct
from garrison.worlds.cc4 import red_knowledge, sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions import decoy, green, remove, restore, traffic
from garrison.worlds.cc4.actions.red import RedAction
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.red_turn import RedResult, act_red
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology


@struct
class BlueAction:
    """Decoded blue actions, all ``uint8[blue]``."""

    kind: jax.Array  # tables.Blue
    host: jax.Array
    source: jax.Array  # subnet, of traffic actions
    target: jax.Array


def turn(
    draws: Draws,
    topology: Topology,
    options: Options,
    state: State,
    blue: jax.Array,
    red: RedAction,
    green_kind: jax.Array,
) -> tuple[State, Events]:
    """One step. ``blue``: action indices ``int[blue]``; ``green_kind``: tables.Green ``[green]``."""
    # the scopes are the rows of a profile: garrison bench --profile
    with jax.named_scope("queue"):
        state = before = start_step(options, state)
        state, blue_now = queue_blue(topology, state, blue)
        state, red_now, busy = queue_red(state, red)
        ran = (red_now.kind == T.Red.SLEEP) | (red_now.kind == T.Red.INVALID)
        ran = ran | jnp.any(sessions.find(state, red_now.session), axis=1)  # once, before anything acts
    with jax.named_scope("blue"):
        state, blue_outcome = act_blue(draws, topology, state, blue_now)
    with jax.named_scope("green"):
        state, greens = green.act(draws, topology, options, state, green_kind)
        state = sessions.forget_scans(state, before)
    middle = state
    with jax.named_scope("red"):
        state, reds = act_red(draws, topology, options, state, red_now, ran & ~busy)
    with jax.named_scope("reassign"):
        state, given = sessions.reassign(state)
        state = sessions.forget_scans(state, middle)
        state = state.replace(red_active=jnp.any(sessions.live(state), axis=1))
    with jax.named_scope("report"):
        state = monitor(state, reds)
        given_id = state.session_id
        state = sessions.promote(state, draws.red_promote)
        state = red_knowledge.inform(state, before, reds.findings, given, given_id)
    state = state.replace(step=state.step + jnp.int16(1))
    return state, _events(topology, blue, blue_now, blue_outcome, greens, red_now, ran, busy, reds)


def start_step(options: Options, state: State) -> State:
    """Raise the phase (§6.1); the end-turn Monitor will have moved last step's events out of sight (Q21)."""
    starts = jnp.asarray(options.phase_start)
    phase = jnp.sum(state.step >= starts, dtype=jnp.uint8)
    watched = jnp.asarray(T.HOST_BLUE != T.NO_AGENT)
    return state.replace(
        phase=jnp.maximum(state.phase, phase),
        host_network_events=jnp.where(watched, 0, state.host_network_events).astype(jnp.int16),
        host_process_events=jnp.where(watched, 0, state.host_process_events).astype(jnp.int16),
    )


def decode_blue(topology: Topology, index: jax.Array) -> BlueAction:
    """Look up action indices ``int[blue]``. Outside the list, and on hosts that do not exist: Sleep."""
    rows = jnp.asarray(T.BLUE_ACTIONS)
    inside = (index >= 0) & (index < T.MAX_BLUE_ACTIONS)
    entry = rows[jnp.arange(T.NUM_BLUE), jnp.clip(index, 0, T.MAX_BLUE_ACTIONS - 1)]
    host = entry[:, 1]
    absent = (host != T.NO_HOST) & ~topology.host_exists[jnp.minimum(host, T.NUM_HOSTS - 1)]
    sleep = ~inside | absent
    return BlueAction(
        kind=jnp.where(sleep, T.Blue.SLEEP, entry[:, 0]).astype(jnp.uint8),
        host=jnp.where(sleep, T.NO_HOST, host).astype(jnp.uint8),
        source=entry[:, 2],
        target=entry[:, 3],
    )


def queue_blue(topology: Topology, state: State, index: jax.Array) -> tuple[State, BlueAction]:
    """A busy agent goes on with what it does, an idle one starts; returns what executes now (§3.2.4–5)."""
    idle = state.blue_ticks == 0
    index = jnp.where(idle, index, state.blue_action).astype(jnp.int16)
    action = decode_blue(topology, index)
    ticks = jnp.where(idle, jnp.asarray(T.BLUE_DURATION)[action.kind], state.blue_ticks) - jnp.uint8(1)
    now = ticks == 0
    return state.replace(blue_action=index, blue_ticks=ticks), BlueAction(
        kind=jnp.where(now, action.kind, T.Blue.SLEEP).astype(jnp.uint8),
        host=jnp.where(now, action.host, T.NO_HOST).astype(jnp.uint8),
        source=jnp.where(now, action.source, T.NO_SUBNET).astype(jnp.uint8),
        target=jnp.where(now, action.target, T.NO_SUBNET).astype(jnp.uint8),
    )


def queue_red(state: State, action: RedAction) -> tuple[State, RedAction, jax.Array]:
    """Check, queue and tick red's actions; returns what executes now and who is busy ``bool[red]``."""
    kind = jnp.where(is_valid(state, action), action.kind, T.Red.INVALID)
    kind = jnp.where(state.red_active, kind, T.Red.SLEEP)
    idle = state.red_ticks == 0

    def stored(new: jax.Array, old: jax.Array) -> jax.Array:
        return jnp.where(idle, new, old).astype(jnp.uint8)

    kind = stored(kind, state.red_kind)
    ticks = stored(jnp.asarray(T.RED_DURATION)[kind], state.red_ticks) - jnp.uint8(1)
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
    return state, now.replace(kind=jnp.where(busy, T.Red.SLEEP, kind).astype(jnp.uint8)), busy


def is_valid(state: State, action: RedAction) -> jax.Array:
    """``bool[red]``: does each agent know all that its action names (§3.2.3)?"""
    agents = jnp.arange(T.NUM_RED)
    host = jnp.minimum(action.host, T.NUM_HOSTS - 1)
    name = jnp.minimum(action.hostname, T.NUM_HOSTS - 1)
    session = jnp.minimum(action.session, T.MAX_SESSION_ID - 1)
    kind = action.kind
    knows_session = (state.red_known_session[agents, session] != 255) & (action.session == session)
    knows_ip = state.red_known_ip[agents, host] & (action.host == host)
    knows_host = state.red_known_hostname[agents, host] & (action.host == host)
    knows_name = state.red_known_hostname[agents, name] & (action.hostname == name)
    knows_subnet = state.red_known_subnet[agents, jnp.minimum(action.subnet, T.NUM_SUBNETS - 1)]
    knows_subnet = knows_subnet & (action.subnet < T.NUM_SUBNETS)
    by_ip = (kind == T.Red.AGGRESSIVE) | (kind == T.Red.STEALTH)
    by_ip = by_ip | (kind == T.Red.DECEPTION) | (kind == T.Red.EXPLOIT)
    by_name = (kind == T.Red.ESCALATE) | (kind == T.Red.IMPACT) | (kind == T.Red.DEGRADE)
    named = ((kind == T.Red.DISCOVER) & knows_subnet) | (by_ip & knows_ip) | (by_name & knows_host)
    named = named | ((kind == T.Red.WITHDRAW) & knows_ip & knows_name)
    return (kind == T.Red.SLEEP) | (named & knows_session)


def act_blue(draws: Draws, topology: Topology, state: State, action: BlueAction) -> tuple[State, jax.Array]:
    """Traffic first (Q26), then the others; agents own different hosts, so their order is free."""
    state, moved = traffic.control_traffic(state, action.kind, action.source, action.target)
    state = remove.remove(draws, topology, state, action.kind == T.Blue.REMOVE, action.host)
    state = restore.restore(state, action.kind == T.Blue.RESTORE, action.host)
    state = decoy.deploy(draws, topology, state, action.kind == T.Blue.DECOY, action.host)
    is_traffic = (action.kind == T.Blue.BLOCK) | (action.kind == T.Blue.ALLOW)
    outcome = jnp.where(is_traffic & ~moved, T.Outcome.FALSE, T.Outcome.TRUE)
    outcome = jnp.where(action.kind == T.Blue.SLEEP, T.Outcome.UNKNOWN, outcome)
    return state, jnp.where(state.blue_ticks > 0, T.Outcome.IN_PROGRESS, outcome).astype(jnp.uint8)


def monitor(state: State, reds: RedResult) -> State:
    """The end-turn Monitor: pids of this step's process events join blue's lists, in order (Q6)."""
    blue = jnp.asarray(T.HOST_BLUE)[reds.target]
    seen = reds.alert & (blue != T.NO_AGENT)
    same = seen[:, None] & (blue[:, None] == blue[None]) & np.tri(T.NUM_RED, k=-1, dtype=bool).T
    used = jnp.sum(state.suspicious_host != T.NO_HOST, axis=1, dtype=jnp.int32)
    place = used[jnp.minimum(blue, T.NUM_BLUE - 1)] + jnp.sum(same, axis=0, dtype=jnp.int32)
    full = jnp.any(seen & (place >= T.MAX_SUSPICIOUS))
    rows = jnp.where(seen, blue, T.NUM_BLUE).astype(jnp.int32)
    return state.replace(
        suspicious_host=state.suspicious_host.at[rows, place].set(reds.target.astype(jnp.uint8), mode="drop"),
        suspicious_pid=state.suspicious_pid.at[rows, place].set(reds.pid.astype(jnp.int16), mode="drop"),
        overflow=state.overflow | (full * T.Overflow.SUSPICIOUS).astype(jnp.uint8),
    )


def _events(topology, blue, blue_now, blue_outcome, greens, red_now, ran, busy, reds) -> Events:
    outcome = jnp.where(greens.failed, T.Outcome.FALSE, T.Outcome.TRUE)
    outcome = jnp.where(greens.kind == T.Green.SLEEP, T.Outcome.UNKNOWN, outcome)
    return Events(
        blue_kind=blue_now.kind,
        blue_host=blue_now.host,
        blue_from=blue_now.source,
        blue_to=blue_now.target,
        blue_outcome=blue_outcome,
        blue_submitted=decode_blue(topology, blue).kind,
        green_kind=greens.kind,
        green_target=greens.target,
        green_outcome=outcome.astype(jnp.uint8),
        green_alarm=greens.alarm,
        green_phished=greens.phished,
        red_kind=red_now.kind,
        red_host=red_now.host,
        red_subnet=red_now.subnet,
        red_session=red_now.session,
        red_outcome=jnp.where(busy, T.Outcome.IN_PROGRESS, reds.findings.outcome).astype(jnp.uint8),
        red_ran=ran | busy,
        red_exploit=reds.exploit,
        red_trapped=reds.trapped,
        red_alert=reds.alert,
        red_source=reds.source.astype(jnp.uint8),
        red_noticed=reds.noticed,
    )
