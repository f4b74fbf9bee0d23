"""Deliberately wrong rules of CC4, and whether replays of recorded episodes notice them.

A wrong rule is the engine's own text with a piece replaced (:func:`edit`), a table with another entry
(:func:`entry`), or another number of the game (:func:`option`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edits import Change, edit

from garrison.parity.replay.compare import ReplayDifference
from garrison.parity.replay.replay import ReplayEngine, engine, replay
from garrison.worlds import cc4
from garrison.worlds.cc4 import tables as T

DATA = Path(__file__).parents[2] / "data"
BESIDE = Path(__file__).parents[4] / "shared" / "traces" / "cc4"  # all recordings, where they are at hand

__all__ = ["Change", "Found", "Wrong", "edit", "entry", "option", "recordings", "search"]
_SHOWN = 200  # characters of a value that is reported
HEAVY, RANDOM = "fsm-heavy-2", "fsm-random-1"  # those in tests/data
DISCOVERY, RANDOM_SELECT = "discovery-heavy-0", "random_select-sleep-0"


def entry(table: str, index: Any, value: Any) -> Change:
    """A table with another value at ``index``; a table of one value if the index is ``...``."""

    def patch() -> tuple[Any, str, Any]:
        array = np.array(getattr(T, table))
        array[index] = value
        return T, table, array

    return Change(f"cc4.tables.{table}[{index if index != ... else ''}] = {value}", patch)


def option(name: str, value: Any) -> Change:
    """A world with another number of the game; nothing is compiled for it."""
    return Change(f"option {name} = {np.asarray(value).tolist()}", options={name: value})


@dataclass(frozen=True)
class Wrong:
    """A rule, and what is done instead of it."""

    source: str  # section and quirk of the specification
    rule: str
    instead: str
    change: Change
    episodes: tuple[str, ...] = (HEAVY, RANDOM)  # recordings to try, in this order
    held_by: str = ""  # the unit test of a rule that no recording exercises

    @property
    def quirk(self) -> str:
        """As in ``"Q6"``; empty where the rule is none."""
        return self.source.partition(" ")[2]


@dataclass(frozen=True)
class Found:
    """The first difference that a replay reports."""

    episode: str
    difference: ReplayDifference

    def row(self) -> dict[str, Any]:
        """As it stands in the table; long values are cut."""
        step, field, garrison, recorded = self.difference
        values = {"garrison": repr(garrison)[:_SHOWN], "recorded": repr(recorded)[:_SHOWN]}
        return {"episode": self.episode, "step": step, "field": field, **values}


def recordings() -> dict[str, Path]:
    """All recordings at hand by name, those in tests/data first."""
    paths = [*sorted(DATA.glob("*.jsonl.xz")), *sorted(BESIDE.glob("*.jsonl.gz"))]
    found: dict[str, Path] = {}
    for path in paths:
        found.setdefault(path.name.partition(".")[0], path)
    return found


def search(wrong: Wrong, episodes: tuple[str, ...]) -> Iterator[Found]:
    """Replay episodes under a wrong rule, one after the other; yields the first difference of each."""
    paths = recordings()
    with pytest.MonkeyPatch.context() as monkeypatch:
        if wrong.change.patch is not None:
            monkeypatch.setattr(*wrong.change.patch())
        engines: dict[str, ReplayEngine] = {}
        for episode in episodes:
            red = episode.split("-")[0]
            if red not in engines:
                engines[red] = _engine(wrong.change, red)
            differences = replay(paths[episode], engines[red]).differences
            if differences:
                yield Found(episode, differences[0])


def _engine(change: Change, red: str) -> ReplayEngine:
    if change.options is None:
        return ReplayEngine(cc4.make(red=red))
    other = copy.copy(engine(red))  # options are data: the true engine plays them
    other.world = cc4.make(red=red, observation="recall", **change.options)
    return other
