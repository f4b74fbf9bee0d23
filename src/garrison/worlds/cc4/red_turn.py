"""Red's part of a step: all six agents' actions, carried out on one state (§4.4).

Agents act in CybORG's order, but what a lower one does reaches a higher one in two ways only: sessions it
made or gave up on the same host (they set the next pid and are processes), and an OT service it stopped.
Both are passed on explicitly, so the six need no loop.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.struct import struct
from garrison.worlds.cc4 import processes, sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions import discover, exploit, takeover
from garrison.worlds.cc4.actions.red import RedAction, source_of
from garrison.worlds.cc4.choose import is_index
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.red_knowledge import Findings
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology


@struct
class RedResult:
    """What the rest of the step needs of red's actions, all ``[red]``."""

    target: jax.Array  # int32: host
    pid: jax.Array  # int32: of the new session
    alert: jax.Array  # bool: the new process was noticed with its pid
    exploit: jax.Array  # uint8
    trapped: jax.Array  # bool
    source: jax.Array  # int32: host that it came from
    noticed: jax.Array  # bool[red, host]: a network event of its own there
    findings: Findings


def act_red(
    draws: Draws, topology: Topology, options: Options, state: State, action: RedAction, ran: jax.Array
) -> tuple[State, RedResult]:
    """Execute the actions of agents that ``ran`` (not busy, not dropped)."""
    kind = jnp.where(ran, action.kind, T.Red.SLEEP).astype(jnp.uint8)
    target = jnp.minimum(action.host, T.NUM_HOSTS - 1).astype(jnp.int32)
    source = source_of(state, action.session, target)
    together = target[:, None] == target[None]  # [agent, agent]
    lower = jnp.asarray(np.tri(T.NUM_RED, k=-1, dtype=bool).T)  # [earlier, later]

    ot_stopped, stopped, ot_ran = takeover.impact(topology, state, source, kind, target)
    ot_gone = jnp.any(together & lower & stopped[:, None], axis=0)
    before = state
    state, withdrew = takeover.withdraw(state, source, kind, action.hostname)
    there = _sessions_there(before, state, lower, target)
    state, hit = exploit.exploit(draws, topology, options, state, source, kind, target)
    made_there = jnp.sum(together & lower & hit.success[:, None], axis=0, dtype=jnp.int32)
    deceived, reported = discover.deceive(
        draws, topology, options, state, source, kind, target, there.count + made_there, ot_gone
    )
    state, scanned, found, seen = discover.scan(
        draws, topology, options, state, source, kind, target, ot_gone
    )
    state, escalated, shown = takeover.escalate(draws, state, source, kind, target)
    state, degraded = takeover.degrade(topology, state, kind, target)
    state = state.replace(host_ot_stopped=ot_stopped)

    floor = jnp.maximum(processes.static_max_pid(topology, state, target), there.largest_pid)
    pid = exploit.new_pids(together & lower, hit.success, floor, draws.red_pid)
    state = _add_exploited(state, hit, target, pid)

    discovered = (kind == T.Red.DISCOVER) & source.exists
    success = discovered | scanned | deceived | hit.success | escalated | degraded | stopped | withdrew
    outcome = jnp.where(success, T.Outcome.TRUE, T.Outcome.FALSE)
    outcome = jnp.where(kind == T.Red.SLEEP, T.Outcome.UNKNOWN, outcome)
    outcome = jnp.where(ran, outcome, T.Outcome.NONE)
    others, others_named = _further_hosts(topology, action, source, target, discovered, hit, escalated)
    findings = Findings(
        kind=jnp.where(kind == T.Red.INVALID, T.Red.SLEEP, kind).astype(jnp.uint8),
        outcome=outcome.astype(jnp.uint8),
        host=action.host,
        subnet=action.subnet,
        target=found | reported | hit.found | escalated | degraded | ot_ran,
        target_named=reported | hit.success | escalated | degraded | ot_ran,
        target_session=hit.success | escalated,
        others=others,
        others_named=others_named,
        reported=shown,
        exploited=hit.success,
    )
    return state, RedResult(
        target=target,
        pid=pid,
        alert=hit.alert,
        exploit=hit.exploit,
        trapped=hit.trapped,
        source=source.host,
        noticed=hit.noticed | (is_index(target, T.NUM_HOSTS) & seen[:, None]),
        findings=findings,
    )


@struct
class _There:
    """Red sessions on each agent's target at the moment of its action, without those just made."""

    largest_pid: jax.Array  # int32[red]
    count: jax.Array  # int32[red]


def _sessions_there(before: State, after: State, lower: jax.Array, target: jax.Array) -> _There:
    """Lower agents have withdrawn by then (``after``), higher ones not yet (``before``)."""
    on_target = before.session_host[:, None, :] == target[None, :, None]  # [owner, agent, session]
    still = jnp.where(lower[:, :, None], sessions.live(after)[:, None, :], sessions.live(before)[:, None, :])
    here = on_target & still
    pids = jnp.where(here, before.session_pid[:, None, :], 0)
    return _There(
        largest_pid=jnp.max(pids, axis=(0, 2)).astype(jnp.int32),
        count=jnp.sum(here, axis=(0, 2), dtype=jnp.int16).astype(jnp.int32),
    )


def _add_exploited(state: State, hit: exploit.ExploitResult, target: jax.Array, pid: jax.Array) -> State:
    ssh = hit.exploit == T.Exploit.SSH_BRUTE_FORCE
    return sessions.add(
        state,
        hit.success,
        host=target,
        pid=pid,
        kind=jnp.where(ssh, T.Session.SSH, T.Session.REVERSE_SHELL),
        user=jnp.uint8(T.User.USER),
        parent=True,
        suspicious=hit.alert | processes.is_suspicious(state, target, pid),
    )


def _further_hosts(
    topology, action, source, target, discovered, hit, escalated
) -> tuple[jax.Array, jax.Array]:
    """Hosts reported beside the target, ``bool[red, host]``, and whether they are given by name."""
    answers = topology.host_exists & (T.IS_USER | T.IS_SERVER)
    in_subnet = answers[None] & (jnp.asarray(T.HOST_SUBNET)[None] == action.subnet[:, None])
    others = in_subnet & discovered[:, None]
    own_end = is_index(source.host, T.NUM_HOSTS)
    others = others | (own_end & hit.success[:, None])
    explored = escalated & source.exists
    others = others | (jnp.asarray(T.REVEALS)[target] & explored[:, None])
    return others, explored
