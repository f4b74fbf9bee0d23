"""Whether the comparison notices a wrong rule: a kernel that has it plays recorded episodes again."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import fuzz
import jax
import pytest
from wrong_rules import Wrong

from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables.scenarios import Scenario

STATIC = Static(events=1, reds=2)
ROWS = 288
PLAYERS = (("curious", "curious"), ("random", "curious"), ("curious", "random"), ("curious", "curious"))
PRESETS = ("hard", "medium", "hard", "easy")


class Tapes(NamedTuple):
    """Recorded episodes; axes lane, row."""

    episodes: list[fuzz.Episode]
    lane: fuzz.Lane
    start: Any
    played: fuzz.Played


@dataclass(frozen=True)
class Found:
    """The first difference between the tapes and a kernel with a wrong rule."""

    episode: str
    milliseconds: int
    field: str
    kernel: Any
    reference: Any


def episodes() -> list[fuzz.Episode]:
    """Four of each scenario, in the midst of an attack but for the last."""
    return [
        fuzz.Episode(7 * number + scenario, scenario, PRESETS[number], *PLAYERS[number], advanced=number < 3)
        for number in range(len(PLAYERS))
        for scenario in Scenario
    ]


@functools.cache
def tapes() -> Tapes:
    """The tapes, played by the right kernel."""
    made = episodes()
    _, (start, *_) = fuzz.begin(STATIC, made, 0.1)
    ((lane, played),) = fuzz.recorded(STATIC, made, ROWS, ROWS)
    return Tapes(made, lane, start, played)


def agree() -> int:
    """Play the tapes in the interpreter: the number of rows. Raises ``AssertionError`` where they differ."""
    recorded, rows = tapes(), 0
    for number, episode in enumerate(recorded.episodes):
        mine = jax.tree.map(lambda x, i=number: x[i], recorded.played)
        for row, found in fuzz.differences(STATIC, episode, mine):
            assert not found, f"{episode.name}, row {row}: " + "; ".join(found)
            rows += 1
    return rows


def search(wrong: Wrong) -> Found | None:
    """Play the tapes in a kernel with a wrong rule: the first difference; None if there is none."""
    recorded = tapes()
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert wrong.change.patch is not None
        monkeypatch.setattr(*wrong.change.patch())
        again = fuzz.replay(STATIC, recorded.lane, recorded.start, recorded.played, wrong.masks)
    found = fuzz.first_difference(recorded.played, again)
    if found is None:
        return None
    row, lane, field, kernel, reference = found
    time = int(recorded.played.state.time[lane, row])
    return Found(recorded.episodes[lane].name, time, field, kernel, reference)
