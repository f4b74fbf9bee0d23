"""The engine still does, step by step, what it did when its version was given."""

import json
from pathlib import Path

import pytest

from garrison.parity.stress import checksums

KEPT = Path(__file__).parents[3] / "results" / "cc4_trajectories" / "figures.json"


@pytest.mark.slow
def test_whole_episodes_are_those_of_this_version():
    kept = json.loads(KEPT.read_text())["rows"]
    found = list(checksums.play(checksums.BATCH))
    assert [(red, blue) for red, blue, _ in found] == [(row["red"], row["blue"]) for row in kept]
    for (red, blue, (now,)), row in zip(found, kept, strict=True):
        assert now == row["checksums"][0], f"{red}, {blue}"
