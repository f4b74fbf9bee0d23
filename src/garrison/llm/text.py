"""What a seat reads: facts of its tracker and its plan as short lines, and as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from garrison.llm.calls import Call, CallError
from garrison.llm.names import AGENTS, HOSTS, PHASES, ZONES, index_of
from garrison.llm.orders import zone_of
from garrison.llm.playbook import DONE, SEALED, Referee
from garrison.llm.scenarios import LEAD, Scenario
from garrison.llm.tracker import CONN, BlueTracker, RedTracker
from garrison.worlds.cc4 import tables as T

TURN_ENDED = "turn ended"  # the answer to end_turn
NEVER = -1_000  # before all reports
MAX_HOSTS = 12
MAX_NEW = 8
_TOKEN = re.compile(r"[A-Za-z]+|\d|[^\sA-Za-z\d]")


def accepted(agent: int, label: str) -> str:
    """The answer to an order that an agent will carry out."""
    return f"{AGENTS[agent]}: {label}"


def count(text: str) -> int:
    """Tokens of a text: words, digits and signs. It is above what usual tokenizers need."""
    return len(_TOKEN.findall(text))


@dataclass(frozen=True)
class Done:
    """An order that ended, or an action of it that failed."""

    agent: int
    label: str
    result: str
    began: int  # first tick, counted from 1
    ended: int

    @property
    def text(self) -> str:
        span = f"T{self.ended}" if self.began == self.ended else f"T{self.began}-{self.ended}"
        return f"{self.label}: {self.result} ({span})"


@dataclass(frozen=True)
class Busy:
    """An agent with an action in progress, or orders that wait."""

    agent: int
    label: str
    ticks: int  # left
    waiting: int  # orders


@dataclass
class Turn:
    """What a text is made of, besides tracker and plan."""

    ticks: int  # of the game
    tick: int  # done
    done: list[Done] = field(default_factory=list)
    busy: list[Busy] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    inactive: list[int] = field(default_factory=list)  # red agents without a session
    since: int = NEVER  # tick in which the turn before it began


class BlueText:
    """The texts of a blue seat. It remembers what it showed, so that a text has what changed.

    Args:
        referee: of the plan; None without one.
        full: forget what was shown, and leave nothing out.
    """

    def __init__(
        self, scenario: Scenario, tracker: BlueTracker, referee: Referee | None, full: bool = False
    ) -> None:
        self.scenario, self.tracker, self.referee, self.full = scenario, tracker, referee, full
        self._most = (T.NUM_HOSTS, T.NUM_HOSTS) if full else (MAX_HOSTS, MAX_NEW)
        self._reports = len(tracker.reports)  # shown so far; HOSTS has those of the start
        self._hosts: dict[int, str] = {}
        self._decoys = np.zeros((T.NUM_HOSTS, T.NUM_DECOYS), bool)
        self._blocked = np.zeros((T.NUM_SUBNETS, T.NUM_SUBNETS), bool)

    def render(self, turn: Turn) -> str:
        """The text of a turn."""
        if self.full:
            self._decoys[:], self._blocked[:] = False, False
        lines = [
            _clock(self.scenario, turn),
            _joined("DONE", [one.text for one in turn.done], self._most[1]),
            self._new(),
            self._listed_hosts(),
            self._new_decoys(),
            self._blocks(),
            _agents(turn),
            *self._plan(),
            *_statuses(self.tracker),
        ]
        return "\n".join(line for line in lines if line)

    def facts(self, turn: Turn) -> dict[str, Any]:
        """All that the seat knows, as JSON-ready data."""
        tracker = self.tracker
        hosts = {
            HOSTS[h]: {"evidence": _host_words(tracker, h), "age": int(tracker.age[h])}
            for h in tracker.ranked()
        }
        needed = self.scenario.needed_traffic(tracker.tick)
        return {
            **_clock_facts(self.scenario, turn),
            "hosts": hosts,
            "decoys": {
                HOSTS[h]: _decoy_names(tracker.decoys[h])
                for h in np.flatnonzero(tracker.decoys.any(axis=1)).tolist()
            },
            "blocks": _pairs(tracker.blocked, tracker.zones),
            "hurting": _pairs(tracker.blocked & needed, tracker.zones),
            "plan": self._plan_facts(),
        }

    def _new(self) -> str:
        """New reports by host; noise is only counted."""
        reports, self._reports = self.tracker.reports[self._reports :], len(self.tracker.reports)
        kinds: dict[int, list[str]] = {}
        for report in reports:
            known = kinds.setdefault(report.host, [])
            known += [report.kind] if report.kind not in known else []
        loud = {host: [k for k in found if k != "noise"] for host, found in kinds.items()}
        loud = {host: found for host, found in loud.items() if found}
        noise = [HOSTS[host] for host in kinds if host not in loud]
        parts = [f"{HOSTS[host]} {' '.join(found)}" for host, found in loud.items()]
        if noise:
            parts.append(f"noise {' '.join(noise[:3])}" + (f" +{len(noise) - 3}" if len(noise) > 3 else ""))
        return _joined("NEW", parts, self._most[1], " (query_siem)")

    def _listed_hosts(self) -> str:
        """Hosts with evidence beyond noise, and hosts whose evidence went."""
        tracker = self.tracker
        listed = [h for h in tracker.ranked() if tracker.severity[h] >= CONN]
        now = {h: _host_words(tracker, h) for h in listed}
        gone = [HOSTS[h] for h in self._hosts if h not in now]
        self._hosts = now
        parts = [f"{HOSTS[h]} {words}" for h, words in now.items()]
        shown = _joined("HOSTS", parts, self._most[0], " (triage_alerts)")
        return "\n".join(filter(None, [shown, _joined("CLEARED", gone, MAX_HOSTS)]))

    def _new_decoys(self) -> str:
        changed = np.any(self.tracker.decoys != self._decoys, axis=1)
        self._decoys = self.tracker.decoys.copy()
        parts = [
            f"{HOSTS[h]} {' '.join(_decoy_names(self._decoys[h])) or 'none'}"
            for h in np.flatnonzero(changed).tolist()
        ]
        return _joined("DECOYS", parts, self._most[0])

    def _blocks(self) -> str:
        """Blocks that changed, how many are wanted, and those that hurt users."""
        tracker, zones = self.tracker, self.tracker.zones
        needed = self.scenario.needed_traffic(tracker.tick)
        soon = self.scenario.needed_traffic(tracker.tick, LEAD)
        off_diagonal = ~np.eye(T.NUM_SUBNETS, dtype=bool)
        hurting = _pairs(tracker.blocked & needed, zones)
        wanted = _pairs(~tracker.blocked & ~soon & off_diagonal, zones)
        new = _pairs(tracker.blocked & ~self._blocked, zones)
        lifted = _pairs(self._blocked & ~tracker.blocked, zones)
        changed, self._blocked = bool(new or lifted), tracker.blocked.copy()
        if not (changed or hurting or tracker.tick == 0 or self.full):
            return ""
        if self.full:
            named = {"there": new, "wanted": wanted, "hurting users:": hurting or ["none"]}
            return "BLOCKS " + " | ".join(f"{name} {' '.join(some)}" for name, some in named.items() if some)
        parts = [f"new {' '.join(_cut(new))}"] if new else []
        parts += [f"lifted {' '.join(_cut(lifted))}"] if lifted else []
        parts += [f"wanted {len(wanted)} e.g. {wanted[0]}"] if wanted else []
        parts.append(f"hurting users: {' '.join(_cut(hurting)) or 'none'}")
        return f"BLOCKS {' | '.join(parts)}"

    def _plan(self) -> list[str]:
        if self.referee is None:
            return []
        lines, agents = [], self._planned()
        for agent in agents:
            tally, coming = self.referee.tally(agent), self.referee.coming(agent)
            total = sum(tally.values())
            done = tally[DONE] + tally[SEALED]
            current = self.referee.current(agent)
            parts = [f"now {current.text}" if current else "now nothing"]
            rest = [item for item in coming if item is not current]
            rest = rest[: 2 if self.full or len(agents) == 1 else 0]
            parts += [f"next {item.text}" for item in rest]
            head = f"PLAN {AGENTS[agent]} {done}/{total} done {tally[SEALED]} sealed"
            lines.append(" | ".join([head, *parts]))
        unsealed = [
            AGENTS[a] for a in agents if not self.referee.sealed_in_window(a) and self.referee.tally(a)[DONE]
        ]
        return [*lines, *([f"CHECKPOINT open {' '.join(unsealed)}"] if unsealed else [])]

    def _plan_facts(self) -> dict[str, Any] | None:
        if self.referee is None:
            return None
        return {
            AGENTS[agent]: {
                **dict(sorted(self.referee.tally(agent).items())),
                "checkpoint_open": not self.referee.sealed_in_window(agent),
                "current": current.id if (current := self.referee.current(agent)) else None,
                "coming": [item.text for item in self.referee.coming(agent)],
            }
            for agent in self._planned()
        }

    def worst(self) -> list[str]:
        """Hosts with evidence beyond noise, the worst first."""
        tracker = self.tracker
        listed = [h for h in tracker.ranked() if tracker.severity[h] >= CONN]
        return [f"{HOSTS[h]} {_host_words(tracker, h)}" for h in listed]

    def _planned(self) -> list[int]:
        """Agents of the seat that have a part of the plan."""
        assert self.referee is not None
        return [agent for agent in self.referee.agents if agent in self.tracker.agents]


class RedText:
    """The texts of a red seat; ``full`` as of :class:`BlueText`."""

    def __init__(self, scenario: Scenario, tracker: RedTracker, full: bool = False) -> None:
        self.scenario, self.tracker, self.full = scenario, tracker, full
        self._shown: dict[int, str] = {}

    def render(self, turn: Turn) -> str:
        """The text of a turn: own shells, and what is new about other hosts."""
        now = self._hosts()
        shells = [f"{HOSTS[h]} {words}" for h, words in now.items() if "shell" in words or "root" in words]
        lost = [HOSTS[h] for h, old in self._shown.items() if _is_held(old) and not _is_held(now.get(h, ""))]
        known = [
            f"{HOSTS[h]} {words}"
            for h, words in now.items()
            if not _is_held(words) and (self.full or words != self._shown.get(h))
        ]
        self._shown, most = now, T.NUM_HOSTS if self.full else MAX_HOSTS
        zones = [ZONES[z] for z in np.flatnonzero(self.tracker.known_zone.any(axis=0)).tolist()]
        lines = [
            _clock(self.scenario, turn),
            _joined("DONE", [one.text for one in turn.done], MAX_NEW),
            _joined("SHELLS", shells, most),
            _joined("LOST", lost, most),
            _joined("KNOWN" if self.full else "NEW", known, most),
            f"ZONES {' '.join(zones)}" if zones else "",
            _agents(turn),
        ]
        return "\n".join(line for line in lines if line)

    def facts(self, turn: Turn) -> dict[str, Any]:
        """All that the seat knows, as JSON-ready data."""
        zones = np.flatnonzero(self.tracker.known_zone.any(axis=0)).tolist()
        return {
            **_clock_facts(self.scenario, turn),
            "hosts": {HOSTS[h]: words for h, words in self._hosts().items()},
            "zones": [ZONES[zone] for zone in zones],
            "sessions": {
                AGENTS[agent]: int(number)
                for agent, number in zip(self.tracker.agents, self.tracker.sessions, strict=True)
            },
        }

    def worst(self) -> list[str]:
        """Known hosts, those with root first."""
        return [f"{HOSTS[h]} {words}" for h, words in self._hosts().items()]

    def _hosts(self) -> dict[int, str]:
        """What is known of each host, in words; hosts with root first, then with a shell."""
        t = self.tracker
        known = (t.address, t.name, t.shell, t.root)
        address, name, shell, root = (np.asarray(np.any(x, axis=0)) for x in known)
        ports = np.bitwise_or.reduce(t.ports, axis=0)
        words = {}
        order = -2 * root.astype(int) - shell
        for h in sorted(np.flatnonzero(address | name).tolist(), key=lambda h: (order[h], h)):
            parts = ["root"] if root[h] else ["shell"] if shell[h] else []
            parts += ["" if address[h] else "name only"]
            parts += (
                [f"ports {'+'.join(str(p) for i, p in enumerate(T.PORTS) if ports[h] >> i & 1)}"]
                if ports[h]
                else []
            )
            words[h] = " ".join(part for part in parts if part) or "found"
        return words


def _is_held(words: str) -> bool:
    return words.startswith(("root", "shell"))


Text = BlueText | RedText


def text_of(scenario: Scenario, tracker: Any, referee: Referee | None, full: bool = False) -> Text:
    """The texts of the side of a tracker."""
    if tracker.side == "blue":
        return BlueText(scenario, tracker, referee, full)
    return RedText(scenario, tracker, full)


# ---------------------------------------------------------------- queries


def query(call: Call, tracker: BlueTracker) -> str:
    """The answer to a query. Raises :class:`~garrison.llm.calls.CallError` for an unknown host or zone."""
    zone = None if call.params["zone"] is None else zone_of(call, "zone", tracker.zones)
    hosts = np.ones(T.NUM_HOSTS, bool) if zone is None else T.HOST_SUBNET == zone
    if call.tool.name == "query_siem":
        if call.params["host"] is not None:
            hosts = hosts & (np.arange(T.NUM_HOSTS) == known_host(tracker, call.params["host"]))
        found = [report for report in reversed(tracker.reports) if hosts[report.host]][: call.params["last"]]
        return "\n".join(f"T{r.tick} {HOSTS[r.host]} {r.kind}" for r in found) or "no reports"
    ranked = [h for h in tracker.ranked() if hosts[h]][:MAX_HOSTS]
    return (
        "\n".join(f"{HOSTS[h]} {_host_words(tracker, h) or 'noise'}, age {tracker.age[h]}" for h in ranked)
        or "no evidence"
    )


def known_host(tracker: BlueTracker, name: str) -> int:
    """The slot of an existing host of a blue seat."""
    host = index_of("host", name)
    if host is None or not tracker.exists[host]:
        raise CallError("UNKNOWN_HOST", f"no host {name!r} of this seat")
    return host


# ---------------------------------------------------------------- parts


def _clock(scenario: Scenario, turn: Turn) -> str:
    return (
        f"T {turn.tick}/{turn.ticks} phase {PHASES[scenario.phase(turn.tick)]}, {turn.ticks - turn.tick} left"
    )


def _clock_facts(scenario: Scenario, turn: Turn) -> dict[str, Any]:
    return {
        "tick": turn.tick,
        "ticks": turn.ticks,
        "phase": PHASES[scenario.phase(turn.tick)],
        "done": [one.text for one in turn.done],
        "busy": {AGENTS[one.agent]: {"order": one.label, "ticks": one.ticks} for one in turn.busy},
        "free": [AGENTS[agent] for agent in turn.free],
    }


def _agents(turn: Turn) -> str:
    parts = []
    if turn.busy:
        busy = ", ".join(
            f"{AGENTS[one.agent]} {one.label} {one.ticks}" + (f" +{one.waiting}" if one.waiting else "")
            for one in turn.busy
        )
        parts.append(f"BUSY {busy}")
    if turn.free:
        parts.append(f"FREE {' '.join(AGENTS[agent] for agent in turn.free)}")
    if turn.inactive:
        parts.append(f"NO SESSION {' '.join(AGENTS[agent] for agent in turn.inactive)}")
    return " | ".join(parts)


def _host_words(tracker: BlueTracker, host: int) -> str:
    """Evidence against a host with its age in ticks, such as ``root3 exploit+source12``."""
    looked, evident = int(tracker.looked_age[host]), int(tracker.evidence_age[host])
    words = [f"root{looked}"] if tracker.root[host] else [f"shell{looked}"] if tracker.shell[host] else []
    kinds = (("exploit", tracker.process), ("source", tracker.source), ("conn", tracker.target))
    found = [kind for kind, flags in kinds if flags[host]]
    found = found[:-1] if len(found) > 1 and found[-1] == "conn" else found  # the others say more
    return " ".join([*words, *([f"{'+'.join(found)}{evident}"] if found else [])])


def _decoy_names(flags: np.ndarray) -> list[str]:
    return [name for name, there in zip(T.DECOY_NAMES[1:], flags, strict=True) if there]


def _pairs(flags: np.ndarray, zones: Iterable[int]) -> list[str]:
    """Pairs from>to of ``flags[to, from]`` into ``zones``."""
    return [f"{ZONES[source]}>{ZONES[to]}" for to in zones for source in np.flatnonzero(flags[to]).tolist()]


def _cut(parts: Sequence[str], most: int = 6) -> list[str]:
    return [*parts[:most], *([f"+{len(parts) - most}"] if len(parts) > most else [])]


def _joined(head: str, parts: Sequence[str], most: int, hint: str = "") -> str:
    """A line of at most ``most`` parts; empty without parts."""
    if not parts:
        return ""
    more = [f"+{len(parts) - most} more{hint}"] if len(parts) > most else []
    return f"{head} {' | '.join([*parts[:most], *more])}"


def _statuses(tracker: BlueTracker) -> list[str]:
    received = tracker.statuses()
    return (
        [f"STATUS {', '.join(f'{AGENTS[a]} {bits:08b}' for a, bits in received.items())}"] if received else []
    )
