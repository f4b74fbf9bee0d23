"""The prompt style ``acd``: one blue agent without memory, who names an action of CC4.

It has the form of the adapter of Castro et al. 2025, "Large language models are autonomous cyber defenders",
so that models can be compared by it: the phase, the last action with its result, eight bits of each teammate,
and what is suspicious on each host by four grades. The words are Garrison's. There, agents can submit blocks
toward zones of others, which the action list of CC4 cannot name: here the pair is turned round, and traffic
from that zone into the agent's own is blocked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from garrison.llm import calls as C
from garrison.llm.names import AGENTS, HOSTS, PHASES, ZONES, index_of
from garrison.llm.text import Turn
from garrison.worlds.cc4 import tables as T

if TYPE_CHECKING:
    from garrison.llm.scenarios import Scenario
    from garrison.llm.seat import Seat

NUM_BLUE = T.NUM_BLUE
GRADES = ("connection", "process", "cmd.sh", "escalate.sh")
#: Actions on a host, and their tools.
_ON_HOST = {
    "Analyse": "run_forensics",
    "Remove": "disable_account",
    "Restore": "restore_backup",
    "DeployDecoy": "deploy_patch",
}
_ON_ZONE = ("BlockTraffic", "AllowTraffic")
VERBS = (*_ON_HOST, *_ON_ZONE, "Sleep")
_ACTION = re.compile(r"(\w+)(?:\s+(host|subnet):(\S+))?")
_LEVEL = {"connection": 1, "process": 2, "cmd.sh": 2, "escalate.sh": 3}

_PROMPT = """You are {agent}, one of five agents who defend a network against an attacker. You own {zones}.
Each turn shows the phase of the mission, your last action and its result, eight bits of each other \
agent, and what was suspicious on your hosts since your last turn:
connection: of no user; process: with a number that no user has; cmd.sh: a shell of the attacker; \
escalate.sh: the attacker is root.
The bits: whether hosts of B0 to B4 are a source of connections (5), the worst grade (2: 0 none, \
1 connection, 2 process or shell, 3 root), busy (1).
Your actions, with the ticks that they take: Analyse host:NAME (2), Remove host:NAME (3; ends shells of \
users), Restore host:NAME (5; ends all, and interrupts its users), DeployDecoy host:NAME (2), BlockTraffic \
subnet:ZONE (1; from that zone into yours), AllowTraffic subnet:ZONE (1), Sleep.
Zones: {all_zones}. In phase B work in OZA counts most, in phase C in OZB; blocks of traffic that users \
need cost.
Answer with one JSON object: {{"action": "Restore host:{zone}-s0", "reason": "..."}}. Anything else is \
Sleep."""


def prompt(scenario: Scenario, agent: int) -> str:
    """The system prompt of an agent."""
    zones = [ZONES[zone] for zone in T.BLUE_SUBNETS[agent]]
    return _PROMPT.format(
        agent=AGENTS[agent], zones=" and ".join(zones), zone=zones[0], all_zones=" ".join(ZONES)
    )


def text(seat: Seat, turn: Turn) -> str:
    """What the agent reads in a turn."""
    tracker, [agent] = seat.tracker, seat.agents
    last = turn.done[-1] if turn.done else None
    action, status = ("none", "none") if last is None else (last.label, last.result)
    if turn.busy:
        action, status = turn.busy[0].label, f"in progress, {turn.busy[0].ticks} left"
    received = tracker.statuses()
    others = [one for one in range(NUM_BLUE) if one != agent]
    found = suspicious(seat, turn)
    return "\n".join(
        [
            f"phase: {PHASES[seat.scenario.phase(turn.tick)]}",
            f"last action: {action}",
            f"status: {status}",
            *(f"{AGENTS[one]}: {received.get(one, 0):08b}" for one in others),
            "suspicious: " + ("; ".join(f"{HOSTS[h]} {grade}" for h, grade in found.items()) or "nothing"),
        ]
    )


def suspicious(seat: Seat, turn: Turn) -> dict[int, str]:
    """The worst grade of each host that something was reported of since the last turn began."""
    tracker, found = seat.tracker, {}
    kinds = {"conn": 0, "source": 0, "exploit": 1}
    for report in tracker.reports:
        if report.tick > turn.since and report.kind in kinds:
            found[report.host] = max(found.get(report.host, 0), kinds[report.kind])
    looked = tracker.looked & (tracker.looked_age < turn.tick - turn.since)
    for grade, flags in ((2, tracker.shell), (3, tracker.root)):
        for host in np.flatnonzero(looked & flags).tolist():
            found[host] = grade
    return {host: GRADES[grade] for host, grade in sorted(found.items(), key=lambda one: (-one[1], one[0]))}


def status(seat: Seat, found: dict[int, str], busy: bool) -> int:
    """The eight bits that the agent sends: sources, the worst grade, busy."""
    tracker, [agent] = seat.tracker, seat.agents
    source = bool(np.any(tracker.source & (tracker.evidence_age == 0)))
    level = max((_LEVEL[grade] for grade in found.values()), default=0)
    bits = ["1" if source and one == agent else "0" for one in range(NUM_BLUE)]
    return int("".join([*bits, f"{level:02b}", "1" if busy else "0"]), 2)


def action_of(answer: Any, seat: Seat) -> Any:
    """An answer in words as an action object, after which the turn ends; an object stays as it is."""
    if not isinstance(answer, str):
        return answer
    named = [one["action"] for one in C.objects(answer) if isinstance(one.get("action"), str)]
    orders = _orders(named[-1], seat) if named else []
    bits = status(seat, suspicious(seat, seat.present), bool(orders))
    sent = {"tool_name": "send_status", "params": {"bits": bits}}
    return {"calls": [sent, *orders]}


def _orders(action: str, seat: Seat) -> list[dict[str, Any]]:
    """The calls of an action in words; empty for Sleep and for anything else that is not an action."""
    found = _ACTION.fullmatch(action.strip())
    if found is None:
        return []
    verb, kind, name = found.groups()
    if verb in _ON_HOST and kind == "host":
        return [{"tool_name": _ON_HOST[verb], "params": {"host": name}}]
    if verb not in _ON_ZONE or kind != "subnet" or (zone := index_of("zone", name)) is None:
        return []
    if verb == "BlockTraffic":
        return [{"tool_name": "publish_ioc_blocklist", "params": {"from_zone": ZONES[zone]}}]
    own = [one for one in seat.tracker.zones if seat.tracker.blocked[one, zone]]
    return [
        {"tool_name": "reconcile_state", "params": {"zone": ZONES[one], "from_zone": ZONES[zone]}}
        for one in own
    ]
