"""A recorded step's tape as the :class:`~garrison.worlds.cc4.draws.Draws` of our engine.

Strict: every recorded draw belongs to a site that is known here, has the kind and range that our state
before the step implies (wherever it can be known before the step), and fills a place of its own.
Not known before the step, and thus only checked to be a choice: the sessions among which one is promoted,
and on hosts that changed earlier in the step the sessions for phishing and escalation to choose among.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from garrison.parity.recording.network import HOST_SLOT, Names
from garrison.parity.recording.trace import Draw, TraceStep
from garrison.parity.replay import red_effects
from garrison.parity.replay.red_decisions import SITES, decide_fsm, decide_random
from garrison.parity.replay.step_draws import (
    StepDrawsBuilder,
    TapeError,
    choice,
    describe,
    integer,
    label,
    rank,
    uniform,
)
from garrison.worlds.cc4 import draws as D
from garrison.worlds.cc4 import reds
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import red as policies
from garrison.worlds.cc4.agents.fsm import FsmMemory
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology


def draws_of(
    step: TraceStep,
    red: str,
    topology: Topology,
    options: Options,
    state: State,
    memory: FsmMemory | None,
    before: dict,
    names: Names,
) -> D.Draws:
    """Lay a recorded step's tape out as draws.

    Args:
        step: the recorded step.
        red: which scripted red was recorded, of ``agents.red.POLICIES``.
        topology, options: of the episode, NumPy leaves.
        state: before the step, NumPy leaves.
        memory: of the finite-state red, brought up to date for this step (``fsm.remember``), NumPy leaves;
            None for others.
        before: the recorded snapshot before the step.
        names: of the network.

    Raises:
        TapeError: for a draw that does not fit.
    """
    turn = StepDrawsBuilder(names, topology, options, state, memory, before, step)
    decisions: dict[str, list[Draw]] = {agent: [] for agent in T.RED_AGENTS}
    for draw in step.tape:
        file = draw.site.partition(":")[0]
        if file in SITES:
            decisions[draw.agent].append(draw)
        elif draw.site in _SITES:
            _SITES[draw.site](turn, draw)
        else:
            raise TapeError(f"{describe(draw)}: unknown site")
    for red_index, agent in enumerate(T.RED_AGENTS):
        _decide(turn, red, red_index, decisions[agent])
    for red_index, rolls in turn.deception.items():
        if red_effects.deception_reports(turn, red_index, rolls):
            turn.fields["red_deception"][red_index] = 0.0
    for red_index, nodes in turn.route.items():
        red_effects.check_route(turn, red_index, nodes)
    return turn.result()


def _decide(turn: StepDrawsBuilder, red: str, index: int, draws: list[Draw]) -> None:
    if policies.remembers([red]):
        decide_fsm(turn, index, draws, "fsm" if red in reds.REDS else red)
    elif red == "random_select":
        decide_random(turn, index, draws)
    elif draws:
        raise TapeError(f"{describe(draws[0])}: red {red!r} draws nothing")


# ---------------------------------------------------------------- green


def _green(turn: StepDrawsBuilder, draw: Draw) -> int:
    if draw.agent not in turn.names.green_slot:
        raise TapeError(f"{describe(draw)}: no such green agent in this network")
    return turn.names.green_slot[draw.agent]


def _green_action(turn: StepDrawsBuilder, draw: Draw) -> None:
    index = choice(draw, len(T.Green))
    label(draw, T.GREEN_NAMES[index])
    turn.put(draw, "green_action", _green(turn, draw), rank(index, len(T.Green)))


def _green_service(turn: StepDrawsBuilder, draw: Draw) -> None:
    slot = _green(turn, draw)
    count = turn.active_services(int(T.GREEN_HOST[slot]))
    turn.put(draw, "green_pick", slot, rank(choice(draw, count), count))


def _green_server(turn: StepDrawsBuilder, draw: Draw) -> None:
    slot = _green(turn, draw)
    reach = T.GREEN_REACH[turn.phase, T.HOST_SUBNET[T.GREEN_HOST[slot]]]
    reach = np.append(reach, False)[T.HOST_SUBNET]
    servers = np.flatnonzero(np.asarray(turn.topology.host_exists) & T.IS_SERVER & reach)
    index = choice(draw, len(servers))
    label(draw, turn.names.ip[servers[index]])
    turn.put(draw, "green_pick", slot, rank(index, len(servers)))


def _green_reliability(turn: StepDrawsBuilder, draw: Draw) -> None:
    turn.put(draw, "green_reliability", _green(turn, draw), integer(draw, 0, 100))


def _green_alarm(turn: StepDrawsBuilder, draw: Draw) -> None:
    turn.put(draw, "green_alarm", _green(turn, draw), uniform(draw))


def _green_phishing(turn: StepDrawsBuilder, draw: Draw) -> None:
    turn.put(draw, "green_phishing", _green(turn, draw), uniform(draw))


def _green_sender(turn: StepDrawsBuilder, draw: Draw) -> None:
    """One of red's (host, agent) pairs; they are those before the step unless something changed since."""
    pairs = turn.session_pairs() if not turn.touched else None
    index = choice(draw, None if pairs is None else len(pairs))
    if pairs:
        host, red = pairs[index]
        label(draw, [T.RED_AGENTS[red], T.HOST_NAMES[host]])
    turn.put(draw, "green_sender", _green(turn, draw), rank(index, draw.range))


# ---------------------------------------------------------------- blue, and pids of every team


def _decoy(turn: StepDrawsBuilder, draw: Draw) -> None:
    host = turn.target(draw.agent)
    candidates = turn.decoy_candidates(host)
    index = choice(draw, len(candidates))
    label(draw, f"{candidates[index].name.capitalize()}DecoyFactory")
    turn.deployed[host] = candidates[index]
    turn.put(draw, "blue_decoy", T.BLUE_AGENTS.index(draw.agent), rank(index, len(candidates)))


def _pid(turn: StepDrawsBuilder, draw: Draw) -> None:
    """How far a new pid lies above the largest one: of a session, a decoy, or a decoy that Remove hit."""
    step, host = integer(draw, 1, 10), HOST_SLOT.get(draw.host or "")
    green = draw.agent.startswith("green")
    expected = int(T.GREEN_HOST[_green(turn, draw)]) if green else turn.target(draw.agent)
    if host != expected:
        raise TapeError(f"{describe(draw)}: a new pid on {draw.host}, where the agent does not act")
    turn.touched.add(expected)
    if green:
        turn.put(draw, "green_pid", _green(turn, draw), step)
    elif draw.agent in T.RED_AGENTS:
        turn.put(draw, "red_pid", red_effects.red_index(draw), step)
    else:
        _blue_pid(turn, draw, T.BLUE_AGENTS.index(draw.agent), step)


def _blue_pid(turn: StepDrawsBuilder, draw: Draw, blue: int, step: int) -> None:
    kind = turn.step.executed[draw.agent][0]
    if kind == "DeployDecoy":
        turn.put(draw, "blue_pid", blue, step)
    elif kind == "Remove" and turn.repids[blue] < D.MAX_REPIDS:
        turn.put(draw, "blue_repid", (blue, int(turn.repids[blue])), step)
        turn.repids[blue] += 1
    else:
        raise TapeError(f"{describe(draw)}: {kind} takes no (more) new pids")


_SITES: dict[str, Callable[[StepDrawsBuilder, Draw], None]] = {
    "EnterpriseGreenAgent.py:60": _green_action,
    "GreenLocalWork.py:101": _green_service,
    "GreenLocalWork.py:102": _green_reliability,
    "GreenLocalWork.py:112": _green_alarm,
    "GreenLocalWork.py:118": _green_phishing,
    "GreenAccessService.py:115": _green_server,
    "GreenAccessService.py:207": _green_alarm,
    "PhishingEmail.py:88": _green_sender,
    "Portscan.py:49": red_effects.scan,
    "DiscoverDeception.py:89": red_effects.deception_first,
    "DiscoverDeception.py:95": red_effects.deception_second,
    "ExploitRemoteService.py:61": red_effects.exploit,
    "ExploitRemoteService.py:65": red_effects.without_effect,
    "SSHBruteForce.py:44": red_effects.route,
    "ExploitAction.py:83": red_effects.without_effect,
    "ExploitAction.py:102": red_effects.alert,
    "PrivilegeEscalate.py:103": red_effects.escalate,
    "RedSessionCheck.py:37": red_effects.promote,
    "DecoyAction.py:84": _decoy,
    "Host.py:200": _pid,
}
