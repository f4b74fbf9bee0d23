"""The draws of red's executed actions: scans, deception, exploits, escalation, promotion (§4.4)."""

from __future__ import annotations

import numpy as np

from garrison.parity.recording.trace import Draw
from garrison.parity.replay.step_draws import (
    StepDrawsBuilder,
    TapeError,
    choice,
    describe,
    label,
    rank,
    uniform,
)
from garrison.worlds.cc4 import tables as T


def red_index(draw: Draw) -> int:
    if draw.agent not in T.RED_AGENTS:
        raise TapeError(f"{describe(draw)}: not a red agent")
    return T.RED_AGENTS.index(draw.agent)


def scan(turn: StepDrawsBuilder, draw: Draw) -> None:
    turn.put(draw, "red_scan", red_index(draw), uniform(draw))


def deception_first(turn: StepDrawsBuilder, draw: Draw) -> None:
    turn.deception.setdefault(red_index(draw), []).append([uniform(draw), None])


def deception_second(turn: StepDrawsBuilder, draw: Draw) -> None:
    rolls = turn.deception.get(red_index(draw))
    if not rolls or rolls[-1][1] is not None:
        raise TapeError(f"{describe(draw)}: a second roll without a first one")
    rolls[-1][1] = uniform(draw)


def deception_reports(turn: StepDrawsBuilder, red: int, rolls: list[list]) -> bool:
    """Whether DiscoverDeception reports anything: a decoy by its first roll, another by its second."""
    decoys = _decoy_flags(turn, red, len(rolls))
    true_rate, false_rate = (float(rate) for rate in turn.options.red_deception_rates)
    for (first, second), decoy in zip(rolls, decoys, strict=True):
        if (second is None) != (decoy and first <= true_rate):
            raise TapeError(f"{T.RED_AGENTS[red]}: the rolls of DiscoverDeception do not fit its target")
    return any(
        second is None or (second <= false_rate and not decoy)
        for (_, second), decoy in zip(rolls, decoys, strict=True)
    )


def _decoy_flags(turn: StepDrawsBuilder, red: int, count: int) -> list[bool]:
    """Which of the target's processes were decoys when DiscoverDeception looked at them.

    That is the list before the step, to which phishing and exploits may have appended sessions, unless blue
    or an earlier red changed the host: then it is the list after the step.
    """
    host = turn.target(T.RED_AGENTS[red])
    lists = [
        [process[3] for process in snapshot["hosts"][T.HOST_NAMES[host]]["processes"]]
        for snapshot in (turn.before, turn.step.snapshot)
    ]
    if any(host in hosts for hosts in turn.blue_hosts.values()):
        lists.reverse()
    for flags in lists:
        if len(flags) == count:
            return flags
    raise TapeError(
        f"{T.RED_AGENTS[red]}: DiscoverDeception looked at {count} processes of {T.HOST_NAMES[host]}, "
        f"which has {len(lists[0])} or {len(lists[1])}"
    )


_EXPLOIT_PORTS = {
    T.Exploit.HTTP_RFI: lambda ports: ports & T.PORT_WEB,
    T.Exploit.HTTPS_RFI: lambda ports: ports & T.PORT_TLS,
    T.Exploit.SSH_BRUTE_FORCE: lambda ports: ports & T.PORT_SSH,
    T.Exploit.SQL_INJECTION: lambda ports: ports & T.PORT_SQL and ports & (T.PORT_WEB | T.PORT_TLS),
    T.Exploit.HARAKA_RCE: lambda ports: ports & T.PORT_MAIL,
}


def exploit(turn: StepDrawsBuilder, draw: Draw) -> None:
    """The choice among all options but the best (Q4)."""
    red = red_index(draw)
    ports = turn.scanned_ports(red)
    options = [exploit for exploit, possible in _EXPLOIT_PORTS.items() if possible(ports)]
    best = next((exploit for exploit in T.EXPLOIT_BY_WEIGHT if exploit in options), None)
    options = [exploit for exploit in options if exploit != best]
    index = choice(draw, len(options))
    label(draw, T.EXPLOIT_NAMES[options[index]])
    turn.put(draw, "red_exploit", red, rank(index, len(options)))


def route(turn: StepDrawsBuilder, draw: Draw) -> None:
    red = red_index(draw)
    node = turn.route.get(red, 0)
    if node >= T.MAX_ROUTE:
        raise TapeError(f"{describe(draw)}: more than {T.MAX_ROUTE} nodes on a route")
    turn.put(draw, "red_route", (red, node), uniform(draw))
    turn.route[red] = node + 1


def check_route(turn: StepDrawsBuilder, red: int, nodes: int) -> None:
    target, slot = turn.target(T.RED_AGENTS[red]), turn.source(red)
    if slot is None:
        raise TapeError(f"{T.RED_AGENTS[red]}: an SSH login from a session that we do not have")
    source = int(turn.state.session_host[red, slot])
    routers = T.ROUTE[T.HOST_SUBNET[source], T.HOST_SUBNET[target]]
    expected = 1 if source == target else 2 + int(np.sum(routers != T.NO_HOST))
    if nodes != expected:
        raise TapeError(
            f"{T.RED_AGENTS[red]}: SSHBruteForce.py:44 drew for {nodes} nodes between "
            f"{T.HOST_NAMES[source]} and {T.HOST_NAMES[target]}, we for {expected}"
        )


def alert(turn: StepDrawsBuilder, draw: Draw) -> None:
    turn.put(draw, "red_alert", red_index(draw), uniform(draw))


def escalate(turn: StepDrawsBuilder, draw: Draw) -> None:
    red = red_index(draw)
    host = turn.target(draw.agent)
    count = None if host in turn.touched else turn.sessions_on(red, host)
    turn.put(draw, "red_escalate", red, rank(choice(draw, count), draw.range))


def promote(turn: StepDrawsBuilder, draw: Draw) -> None:
    turn.put(draw, "red_promote", red_index(draw), rank(choice(draw), draw.range))


def without_effect(turn: StepDrawsBuilder, draw: Draw) -> None:
    """A number that is compared with 0 or 1 and so decides nothing (§4.4)."""
    if not uniform(draw) > 0:
        raise TapeError(f"{describe(draw)}: 0 would have changed the outcome")
