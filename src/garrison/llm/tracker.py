"""What a seat knows, from the rows of its agents' observations alone.

A tracker gets the rows of each tick and nothing else, so that what it says cannot tell more than a policy of
the same agents sees. Flags last one tick, so it has to get every tick.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from garrison.worlds.cc4 import red_view, rich
from garrison.worlds.cc4 import tables as T

#: Kinds of reports of a blue Monitor, most severe first: a process with a number, a connection of no user
#: from the host, one to it, and an event that may be a user's.
REPORTS = ("exploit", "source", "conn", "noise")
#: Severities of hosts by what is known of them, least first.
SEVERITIES = ("quiet", "noise", "conn", "shell", "exploit", "source", "source+exploit", "root")
CONN = SEVERITIES.index("conn")  # the least that is evidence


class Report(NamedTuple):
    """One report of a Monitor."""

    tick: int
    host: int
    kind: str  # of REPORTS


@dataclass(frozen=True)
class Outcome:
    """How an agent's last action ended, as far as its observation says."""

    succeeded: bool
    failed: bool

    @property
    def word(self) -> str:
        """``"ok"``, ``"failed"``, or ``"no result"``: dropped, or nothing that can succeed."""
        return "ok" if self.succeeded else "failed" if self.failed else "no result"


def _blue_slots(agent: int) -> np.ndarray:
    """Slots of an agent's hosts, in the order of its observation."""
    return T.BLUE_ACTIONS[agent, : 16 * len(T.BLUE_SUBNETS[agent]), 1].astype(int)


class BlueTracker:
    """What blue agents know of their hosts and zones. Arrays have the axis [slot] of all hosts.

    Args:
        agents: the agents of the seat, by position on the world's agent axis.
    """

    side = "blue"

    def __init__(self, agents: tuple[int, ...]) -> None:
        self.agents = agents
        self.tick = 0  # ticks done
        self.zones = tuple(zone for agent in agents for zone in T.BLUE_SUBNETS[agent])
        hosts = T.NUM_HOSTS
        self.exists, self.shell, self.root = (np.zeros(hosts, bool) for _ in range(3))
        self.looked, self.process, self.target, self.source = (np.zeros(hosts, bool) for _ in range(4))
        self.looked_age, self.evidence_age = (np.full(hosts, rich.OLDEST) for _ in range(2))
        self.noise_age = np.full(hosts, rich.OLDEST)
        self.ticks_left = np.zeros(hosts, int)
        self.decoys = np.zeros((hosts, T.NUM_DECOYS), bool)
        self.blocked = np.zeros((T.NUM_SUBNETS, T.NUM_SUBNETS), bool)  # [to, from], of own zones
        self.reports: list[Report] = []
        self._busy = dict.fromkeys(agents, 0)
        self._outcome = dict.fromkeys(agents, Outcome(False, False))
        self._received: dict[int, int] = {}

    def start(self, rows: np.ndarray) -> None:
        """The observation before the first tick: ``f32[agent, feature]``, rich rows of the seat's agents.

        What it holds becomes reports of the ticks before.
        """
        self._read(rows)
        self.reports = [
            Report(-int(self.evidence_age[host]), int(host), kind)
            for kind, name in _FIELDS.items()
            for host in np.flatnonzero(getattr(self, name))
        ]
        self.reports.sort(key=lambda report: (report.tick, REPORTS.index(report.kind), report.host))

    def update(self, rows: np.ndarray) -> None:
        """The observation after a tick."""
        self.tick += 1
        self._read(rows)

    def ticks_of(self, agent: int) -> int:
        """Ticks left of the agent's action in progress; 0: it is free."""
        return self._busy[agent]

    def active(self, agent: int) -> bool:
        """Whether the agent can act at all."""
        return True

    def outcome(self, agent: int) -> Outcome:
        """How the action ended that the agent carried out in the last tick."""
        return self._outcome[agent]

    @property
    def severity(self) -> np.ndarray:
        """Of each host, an index into :data:`SEVERITIES`."""
        levels = (
            self.noise_age < rich.OLDEST,
            self.target,
            self.shell,
            self.process,
            self.source,
            self.source & self.process,
            self.root,
        )
        out = np.zeros(T.NUM_HOSTS, int)
        for number, level in enumerate(levels, start=1):
            out[level] = number
        return out

    @property
    def age(self) -> np.ndarray:
        """Of each host, ticks since what it is listed for."""
        evident = self.process | self.target | self.source
        age = np.where(evident, self.evidence_age, rich.OLDEST)
        age = np.where(self.shell | self.root, np.minimum(age, self.looked_age), age)
        return np.where(age == rich.OLDEST, self.noise_age, age)

    def ranked(self) -> list[int]:
        """Hosts with evidence: the most severe first, then the newest, then by name."""
        severity, age = self.severity, self.age
        return sorted(np.flatnonzero(severity).tolist(), key=lambda h: (-severity[h], age[h], h))

    @property
    def evident(self) -> np.ndarray:
        """Of each host, whether there is evidence beyond what users cause."""
        return self.severity >= CONN

    def statuses(self) -> dict[int, int]:
        """Bits that other agents sent, by agent; those of zero are left out."""
        return {sender: bits for sender, bits in self._received.items() if bits and sender not in self.agents}

    def _read(self, rows: np.ndarray) -> None:
        for agent, row in zip(self.agents, rows, strict=True):
            self._read_agent(agent, row[rich.START :])
            self._read_hosts(agent, row)
            self._read_zones(agent, row)

    def _read_agent(self, agent: int, features: np.ndarray) -> None:
        of = rich.AgentFeature
        self._busy[agent] = round(float(features[of.TICKS_LEFT]) * int(T.BLUE_DURATION.max()))
        self._outcome[agent] = Outcome(bool(features[of.SUCCEEDED]), bool(features[of.FAILED]))

    def _read_hosts(self, agent: int, row: np.ndarray) -> None:
        slots, of = _blue_slots(agent), rich.HostFeature
        table = row[rich.HOSTS :][: len(slots) * len(rich.OF_HOST)].reshape(len(slots), -1)
        before = {kind: getattr(self, name)[slots] for kind, name in _FIELDS.items()}
        self.exists[slots] = table[:, of.EXISTS] > 0
        self.looked[slots], self.shell[slots] = table[:, of.ANALYZED] > 0, table[:, of.SHELL] > 0
        self.root[slots], self.process[slots] = table[:, of.ROOT] > 0, table[:, of.PROCESS] > 0
        self.target[slots], self.source[slots] = table[:, of.TARGET] > 0, table[:, of.SOURCE] > 0
        self.looked_age[slots] = np.rint(table[:, of.ANALYZED_AGE] * rich.OLDEST)
        self.evidence_age[slots] = np.rint(table[:, of.EVIDENCE_AGE] * rich.OLDEST)
        self.decoys[slots] = table[:, of.APACHE : of.APACHE + T.NUM_DECOYS] > 0
        self.ticks_left[slots] = np.rint(table[:, of.TICKS_LEFT] * T.BLUE_DURATION.max())
        self._report(agent, slots, row, before)

    def _report(self, agent: int, slots: np.ndarray, row: np.ndarray, before: dict[str, np.ndarray]) -> None:
        """Reports of the last tick: new or renewed evidence, and flags that it does not explain."""
        process, network = _flags(agent, row)
        flagged = {"exploit": process, "conn": network, "source": ~process & ~network}
        fresh = self.evidence_age[slots] == 0
        explained = np.zeros(len(slots), bool)
        found = []
        for kind, name in _FIELDS.items():
            now = getattr(self, name)[slots] & fresh & (~before[kind] | flagged[kind])
            explained |= now & (kind != "source")
            found += [Report(self.tick, int(slots[i]), kind) for i in np.flatnonzero(now)]
        noise = (process | network) & ~explained & self.exists[slots]
        found += [Report(self.tick, int(slots[i]), "noise") for i in np.flatnonzero(noise)]
        self.noise_age[slots] = np.where(noise, 0, np.minimum(self.noise_age[slots] + 1, rich.OLDEST))
        self.reports += sorted(found, key=lambda report: (REPORTS.index(report.kind), report.host))

    def _read_zones(self, agent: int, row: np.ndarray) -> None:
        for place, zone in enumerate(T.BLUE_SUBNETS[agent]):
            first = 1 + T.BLOCK_SIZE * place + T.NUM_SUBNETS
            self.blocked[zone, T.ALPHABETICAL] = row[first : first + T.NUM_SUBNETS] > 0
        first = 1 + T.BLOCK_SIZE * len(T.BLUE_SUBNETS[agent])
        for place, sender in enumerate(other for other in range(T.NUM_BLUE) if other != agent):
            bits = row[first + T.MESSAGE_BITS * place :][: T.MESSAGE_BITS].astype(int)
            self._received[sender] = int("".join(map(str, bits)), 2)


_FIELDS = {"exploit": "process", "source": "source", "conn": "target"}


def _flags(agent: int, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Process and network flags of an agent's hosts, in the order of its observation."""
    flags = []
    for offset in (3 * T.NUM_SUBNETS, 3 * T.NUM_SUBNETS + 16):
        starts = [1 + T.BLOCK_SIZE * place + offset for place in range(len(T.BLUE_SUBNETS[agent]))]
        flags.append(np.concatenate([row[first : first + 16] > 0 for first in starts]))
    return flags[0], flags[1]


class RedTracker:
    """What red agents know. Arrays have the axes [agent of the seat, slot of all hosts].

    Args:
        agents: the agents of the seat, by position on the world's agent axis.
    """

    side = "red"

    def __init__(self, agents: tuple[int, ...]) -> None:
        self.agents = agents
        self.tick = 0
        shape = (len(agents), T.NUM_HOSTS)
        self.address, self.name, self.shell, self.root = (np.zeros(shape, bool) for _ in range(4))
        self.ports = np.zeros(shape, np.uint8)  # bits of tables.PORTS
        self.known_zone = np.zeros((len(agents), T.NUM_SUBNETS), bool)
        self.sessions = np.zeros(len(agents), int)
        self._busy = dict.fromkeys(agents, 0)
        self._active = dict.fromkeys(agents, False)
        self._outcome = dict.fromkeys(agents, Outcome(False, False))

    def start(self, rows: np.ndarray) -> None:
        """As of :class:`BlueTracker`, with rows of red agents under the observation ``known``."""
        self._read(rows)

    def update(self, rows: np.ndarray) -> None:
        """As of :class:`BlueTracker`."""
        self.tick += 1
        self._read(rows)

    def ticks_of(self, agent: int) -> int:
        """As of :class:`BlueTracker`."""
        return self._busy[agent]

    def active(self, agent: int) -> bool:
        """Whether the agent has a session."""
        return self._active[agent]

    def outcome(self, agent: int) -> Outcome:
        """As of :class:`BlueTracker`."""
        return self._outcome[agent]

    def place(self, agent: int) -> int:
        """Row of an agent in the arrays."""
        return self.agents.index(agent)

    def knowing(self, host: int, *what: str) -> list[int]:
        """Agents that know all of ``what`` of a host: ``"address"``, ``"name"``, ``"shell"``."""
        rows = np.all([getattr(self, one)[:, host] for one in what], axis=0)
        return [agent for agent, known in zip(self.agents, rows, strict=True) if known]

    def _read(self, rows: np.ndarray) -> None:
        for place, (agent, row) in enumerate(zip(self.agents, rows, strict=True)):
            red = agent - T.NUM_BLUE
            self._read_agent(agent, row)
            slots = np.array(red_view.targets(red))
            start, width = len(red_view.GENERAL), len(red_view.PER_TARGET)
            table = row[start : start + width * len(slots)].reshape(len(slots), width) > 0
            columns = (self.address, self.name, self.shell, self.root)
            for column, array in enumerate(columns):
                array[place, slots] = table[:, column]
            bits = 1 << np.arange(len(T.PORTS))
            self.ports[place, slots] = table[:, 4 : 4 + len(T.PORTS)] @ bits
            known = row[_KNOWN_ZONES : _KNOWN_ZONES + len(T.RED_SUBNETS[red])] > 0
            self.known_zone[place, list(T.RED_SUBNETS[red])] = known
            self.sessions[place] = round(float(row[_SESSIONS]) * 10)

    def _read_agent(self, agent: int, row: np.ndarray) -> None:
        self._active[agent] = bool(row[_ACTIVE])
        self._busy[agent] = round(float(row[_ACTIVE + 1]) * 4)
        self._outcome[agent] = Outcome(bool(row[_SUCCEEDED]), bool(row[_SUCCEEDED + 1]))


_ACTIVE = red_view.GENERAL.index("active")
_SESSIONS = red_view.GENERAL.index("own sessions, /10")
_SUCCEEDED = red_view.GENERAL.index("last action succeeded")
_KNOWN_ZONES = red_view.GENERAL.index("own subnet 0 known")

Tracker = BlueTracker | RedTracker


def tracker_of(agents: tuple[int, ...]) -> Tracker:
    """A tracker for a seat, which has agents of one side."""
    return BlueTracker(agents) if agents[0] < T.NUM_BLUE else RedTracker(agents)
