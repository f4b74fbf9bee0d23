"""What a game was like for the defender, read from events and the state of the network.

An incident is an unbroken run of ticks in which red has a session on a host that blue owns. One that goes on
at the end is censored: it counts among the times that are longer, and is never left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from garrison.llm.scenarios import Scenario
from garrison.worlds.cc4 import tables as T

if TYPE_CHECKING:
    from garrison.llm.game import Game
    from garrison.llm.seat import Seat
    from garrison.llm.simulation import Tick

_OWNED = T.HOST_BLUE != T.NO_AGENT
_DIRECTED = (T.Blue.ANALYSE, T.Blue.REMOVE, T.Blue.RESTORE)
_ENDING = (T.Blue.REMOVE, T.Blue.RESTORE)
_FIRST_SERVERS = np.array([T.server_host(zone, 0) for zone in range(T.NUM_ZONES)])
CRITICAL_ZONE = {1: T.OZA, 2: T.OZB}  # by phase: where an Impact costs most


@dataclass
class Incident:
    """Red on one host. Times are ticks counted from 1; those of the warm-up are 0 or less."""

    host: int
    start: int
    left: bool  # it began before the seat played
    acknowledged: int | None = None  # first tick at which the seat had evidence
    detected: int | None = None  # first Analyse, Remove or Restore, or verdict "compromised"
    ended: int | None = None
    by_blue: bool = False


@dataclass
class Recorder:
    """Follows a game tick by tick.

    Args:
        held_since: of :class:`~garrison.llm.simulation.Tick`, at the start.
    """

    scenario: Scenario
    held_since: np.ndarray
    incidents: list[Incident] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    exfiltrated: float = 0.0  # weights of Impacts with root
    compromised: int | None = None  # first tick with a critical compromise
    verdicts: list[tuple[bool, str]] = field(default_factory=list)  # whether red was there, verdict
    tick: int = 0

    def __post_init__(self) -> None:
        self._open: dict[int, Incident] = {}
        self._held = np.zeros(T.NUM_HOSTS, bool)
        for host in np.flatnonzero(_OWNED & (self.held_since >= 0)).tolist():
            start = int(self.held_since[host]) + 1 - self.scenario.warm_up
            self._begin(Incident(host, start, left=True))
        self._judged = 0

    def add(self, number: int, tick: Tick, seat: Seat) -> None:
        """Tick ``number``, counted from 1, and the seat whose evidence and verdicts count."""
        self.tick = number
        events, held = tick.events, tick.held & _OWNED
        self._count(number, tick)
        self._verdicts(number, seat)
        evident = _evident(seat)
        acted = _hosts_of(events, _DIRECTED)
        for host in np.flatnonzero(held & ~self._held).tolist():
            self._begin(Incident(host, number, left=False))
        for host, incident in list(self._open.items()):
            if incident.acknowledged is None and evident[host]:
                incident.acknowledged = number
            if incident.detected is None and host in acted:
                incident.detected = number
            if not held[host]:
                incident.ended, incident.by_blue = number, host in _hosts_of(events, _ENDING)
                del self._open[host]
        self._held = held

    def _begin(self, incident: Incident) -> None:
        self.incidents.append(incident)
        self._open[incident.host] = incident
        self._held[incident.host] = True

    def _count(self, number: int, tick: Tick) -> None:
        events, phase = tick.events, self.scenario.phase(number - 1)
        impact = (events.red_kind == T.Red.IMPACT) & events.red_ran & tick.red_root
        zones = T.HOST_SUBNET[np.minimum(events.red_host, T.NUM_HOSTS - 1)]
        self.exfiltrated += float(np.sum(np.abs(T.REWARD[phase, zones[impact], T.Part.RIA])))
        critical = np.zeros(T.NUM_HOSTS, bool)
        critical[_FIRST_SERVERS] = True
        critical |= T.HOST_SUBNET == CRITICAL_ZONE.get(phase, T.NUM_SUBNETS)
        if self.compromised is None and np.any(tick.rooted & critical & _OWNED):
            self.compromised = number
        needed = self.scenario.needed_traffic(number - 1)
        blocks = events.blue_kind == T.Blue.BLOCK
        hurt = [
            bool(needed[t, f]) for t, f in zip(events.blue_to[blocks], events.blue_from[blocks], strict=True)
        ]
        wrong = [host for host in _hosts_of(events, _ENDING) if not self._held[host]]
        self.counts.update(
            {
                "impacts_with_root": int(impact.sum()),
                "host_ticks_held": int(np.sum(tick.held & _OWNED)),
                "host_ticks_root": int(np.sum(tick.rooted & _OWNED)),
                "false_positives": len(wrong),
                "blocks_that_hurt": sum(hurt),
                "restores": int(np.sum(events.blue_submitted == T.Blue.RESTORE)),
            }
        )

    def _verdicts(self, number: int, seat: Seat) -> None:
        """Verdicts given before this tick, about the state in which they were given."""
        for _, host, verdict in seat.tally.verdicts[self._judged :]:
            self.verdicts.append((bool(self._held[host]), verdict))
            incident = self._open.get(host)
            if verdict == "compromised" and incident is not None and incident.detected is None:
                incident.detected = number
        self._judged = len(seat.tally.verdicts)


def _hosts_of(events: Any, kinds: Sequence[int]) -> list[int]:
    """Hosts on which blue actions of these kinds were carried out."""
    return events.blue_host[np.isin(events.blue_kind, kinds)].tolist()


def _evident(seat: Seat) -> np.ndarray:
    if seat.side != "blue":
        return np.zeros(T.NUM_HOSTS, bool)
    return seat.tracker.evident


def of_game(game: Game, seat: str) -> dict[str, Any]:
    """Counts of a finished game, as JSON-ready data."""
    recorder, tally = game.recorder, game.seats[seat].tally
    judged = Counter((held, verdict == "compromised") for held, verdict in recorder.verdicts)
    return {
        "incidents": len(recorder.incidents),
        "incidents_left": sum(one.left for one in recorder.incidents),
        "incidents_open": sum(one.ended is None for one in recorder.incidents),
        "exfiltration": bool(recorder.counts["impacts_with_root"]),
        "exfiltrated_weight": recorder.exfiltrated,
        "critical_compromise": recorder.compromised,
        **{name: recorder.counts[name] for name in sorted(recorder.counts)},
        "disruption": -game.parts.get("ASF", 0.0) + recorder.counts["restores"],
        "verdict_precision": _share(judged[True, True], judged[True, True] + judged[False, True]),
        "verdict_recall": _share(judged[True, True], judged[True, True] + judged[True, False]),
        "tool_entropy": entropy(tally.tools),
        "error_share": _share(sum(tally.errors.values()), tally.calls),
        "calls": tally.calls,
        "turns": tally.turns,
    }


def _share(part: int, of: int) -> float | None:
    return part / of if of else None


def entropy(counts: Counter[str]) -> float:
    """Entropy in nats of what was counted; 0 for nothing."""
    total = sum(counts.values())
    return -sum(n / total * math.log(n / total) for n in counts.values() if n) if total else 0.0


def summary(games: Sequence[Game], seed: int = 0) -> dict[str, Any]:
    """Times to acknowledge, to detect and to respond over several games (`judge.survival`).

    Each is None without incidents. Times are in ticks, from the true start of an incident. An incident that
    ends by red before it is acknowledged or detected is censored there; ``responded`` tells separately which
    share of incidents ended by blue and by red within the longest time (:func:`cumulative_incidence`).
    """
    from garrison.judge import survival

    found = [(number, one, game.tick) for number, game in enumerate(games) for one in game.recorder.incidents]
    out: dict[str, Any] = {}
    for name, of in (("acknowledged", "acknowledged"), ("detected", "detected"), ("responded", "ended")):
        lengths, ended, episodes = [], [], []
        for number, one, last in found:
            at = getattr(one, of) if of != "ended" or one.by_blue else None
            until = at if at is not None else one.ended if one.ended is not None else last
            lengths.append(until - one.start)
            ended.append(at is not None)
            episodes.append(number)
        episodes_of = np.array(episodes, int)
        times = survival.Times(
            np.zeros_like(episodes_of), episodes_of, np.array(lengths, int), np.array(ended, bool)
        )
        out[name] = survival.figures(times, (1, len(games)), seed)
    lengths = np.array(
        [(one.ended if one.ended is not None else last) - one.start for _, one, last in found], int
    )
    causes = np.array([0 if one.ended is None else 1 if one.by_blue else 2 for _, one, _ in found], int)
    out["ended_by"] = {
        name: cumulative_incidence(lengths, causes, cause) for name, cause in (("blue", 1), ("red", 2))
    }
    return out


def cumulative_incidence(lengths: np.ndarray, causes: np.ndarray, cause: int) -> list[list[float]]:
    """The share of times that ended by ``cause`` within each length at which that rises (Aalen-Johansen).

    Args:
        lengths: ``int[n]``.
        causes: ``int[n]``, 0: censored.
    """
    surviving, share, curve = 1.0, 0.0, []
    for length in np.unique(lengths).tolist():
        at_risk = int(np.sum(lengths >= length))
        here = lengths == length
        hits = int(np.sum(here & (causes == cause)))
        if hits:
            share += surviving * hits / at_risk
            curve.append([int(length), share])
        surviving *= 1 - int(np.sum(here & (causes > 0))) / at_risk
    return curve
