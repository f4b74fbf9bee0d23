"""A game as a seat may see it, as lines of a replay: made from its tracker and its own orders alone.

A page that plays gets these and no others, so it cannot show more than a language model reads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import garrison
from garrison.core.scene import Host, Mark, Scene, Zone
from garrison.llm.names import AGENTS, HOSTS, ZONES
from garrison.llm.seat import Seat
from garrison.llm.tracker import BlueTracker, RedTracker
from garrison.view.record import drawn
from garrison.view.replay import FORMAT, VERSION
from garrison.worlds.cc4 import scene as cc4
from garrison.worlds.cc4 import tables as T

VIEWS = {
    "blue": (
        Mark("R", "root found by forensics", "danger"),
        Mark("U", "a shell found by forensics", "danger"),
        Mark("E", "a report of an exploit", "danger"),
        Mark("S", "a connection of no user from it", "warning"),
        Mark("C", "a connection of no user to it", "warning"),
        Mark("N", "noise, which may be a user's", "notice"),
        Mark("D", "a decoy", "calm"),
    ),
    "red": (
        Mark("R", "root", "danger"),
        Mark("U", "a shell", "warning"),
        Mark("P", "its ports are known", "notice"),
        Mark("H", "its name is known", "notice"),
        Mark("I", "its address is known", "calm"),
    ),
}
HAPPENINGS = {
    "report": ("a report beyond noise", "warning"),
    "done": ("an order ended", "calm"),
    "gained": ("a host more", "notice"),
    "lost": ("a host less", "warning"),
}


class SeatFrames:
    """The header and the ticks of a game for one seat. :meth:`update` is to be called after each tick."""

    def __init__(self, seat: Seat) -> None:
        self._seat, self._tracker = seat, seat.tracker
        shown = np.flatnonzero(seat.tracker.exists) if seat.side == "blue" else np.arange(T.NUM_HOSTS)
        self._places = {int(host): place for place, host in enumerate(shown)}
        self.header = {
            "format": FORMAT,
            "version": VERSION,
            "garrison": garrison.__version__,
            "world": "cc4",
            "seat": seat.name,
            "scenario": seat.scenario.name,
            "steps": seat.scenario.ticks,
            "policy": seat.name,
            "options": [],
            # red does not know which hosts exist: those without marks are not to be drawn
            "sparse": seat.side == "red",
            **drawn(_scene(seat.side, list(self._places))),
        }
        self.ticks: list[dict[str, Any]] = []
        self._marks: dict[int, str] = {}
        self.update()

    def update(self, _: Any = None) -> None:
        """Add the line of the tick that the seat's tracker has seen last."""
        tracker, marks = self._tracker, self._letters()
        tick: dict[str, Any] = {"t": tracker.tick, "phase": self._seat.scenario.phase(tracker.tick)}
        changed = {
            str(self._places[host]): marks.get(host, "")
            for host in sorted({*marks, *self._marks})
            if marks.get(host) != self._marks.get(host)
        }
        if changed:
            tick["marks"] = {self._seat.side: changed}
        tick["blocks"] = self._blocks()
        tick["orders"] = self._orders()
        lines, happened = self._reports()
        held, before = self._held(marks), self._held(self._marks)
        if self.ticks:
            happened += [["gained", self._places[host]] for host in sorted(held - before)]
            happened += [["lost", self._places[host]] for host in sorted(before - held)]
        if lines:
            tick["lines"] = lines
        if happened:
            tick["happened"] = happened
        self._marks = marks
        self.ticks.append(tick)

    def _held(self, marks: dict[int, str]) -> set[int]:
        """Hosts with a shell or root, which only red knows to be so."""
        if self._seat.side == "blue":
            return set()
        return {host for host, letters in marks.items() if set(letters) & set("RU")}

    def _letters(self) -> dict[int, str]:
        """The letters of each host that has some."""
        tracker = self._tracker
        known = _blue_marks(tracker) if isinstance(tracker, BlueTracker) else _red_marks(tracker)
        return {
            host: letters
            for host in self._places
            if (letters := "".join(letter for letter, flags in known.items() if flags[host]))
        }

    def _blocks(self) -> list[list[int]]:
        if not isinstance(self._tracker, BlueTracker):
            return []
        return [[int(source), int(to)] for to, source in np.argwhere(self._tracker.blocked)]

    def _orders(self) -> list[list[Any]]:
        rows = []
        for agent, worker in self._seat.workers.items():
            ticks = self._tracker.ticks_of(agent)
            if ticks or worker.has_orders:
                order = worker.order or (worker.queue[0] if worker.queue else None)
                host = None if worker.acting is None else worker.acting.host
                place = None if host is None else self._places.get(int(host))
                rows.append([AGENTS[agent], "earlier action" if order is None else order.label, place, ticks])
        return rows

    def _reports(self) -> tuple[list[str], list[list[Any]]]:
        """What happened in the tick: in words, and for the time line."""
        done = self._seat.ended_now()
        lines = [f"{AGENTS[one.agent]} {one.label}: {one.result}" for one in done]
        happened: list[list[Any]] = [["done", None] for _ in done]
        if isinstance(self._tracker, BlueTracker) and self.ticks:
            now = [one for one in self._tracker.reports if one.tick == self._tracker.tick]
            lines += [f"{HOSTS[one.host]}: {one.kind}" for one in now if one.kind != "noise"]
            happened += [["report", self._places.get(one.host)] for one in now if one.kind != "noise"]
            if noise := sum(one.kind == "noise" for one in now):
                lines.append(f"noise on {noise} hosts")
        return lines, happened


def _blue_marks(tracker: BlueTracker) -> dict[str, Any]:
    return {
        "R": tracker.root,
        "U": tracker.shell & ~tracker.root,
        "E": tracker.process,
        "S": tracker.source,
        "C": tracker.target,
        "N": (tracker.noise_age == 0) & ~tracker.evident,
        "D": tracker.decoys.any(axis=1),
    }


def _red_marks(tracker: RedTracker) -> dict[str, Any]:
    root, shell, name, address = (
        np.asarray(np.any(x, axis=0)) for x in (tracker.root, tracker.shell, tracker.name, tracker.address)
    )
    ports = np.asarray(np.bitwise_or.reduce(tracker.ports, axis=0) > 0)
    return {"R": root, "U": shell & ~root, "P": ports, "H": name, "I": address & ~name}


def _scene(side: str, hosts: list[int]) -> Scene:
    """What both sides know of every network: zones, and slots of hosts by their short names."""
    zones = [Zone(ZONES[z], cc4.LABELS[z], cc4.PLACES[z], cc4.owner(z)) for z in range(T.NUM_SUBNETS)]
    rows = [Host(HOSTS[h], HOSTS[h], int(T.HOST_SUBNET[h]), cc4.kind(h)) for h in hosts]
    kinds = ("report", "done") if side == "blue" else ("gained", "lost", "done")
    return Scene(zones, rows, cc4.links(), {side: VIEWS[side]}, {kind: HAPPENINGS[kind] for kind in kinds})
