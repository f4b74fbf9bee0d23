"""soc itself on the networks of the range, and the test that compares it with the mock."""

from __future__ import annotations

import numpy as np
import pytest

from garrison.range.bridge import Bridge, Played, random_numbers
from garrison.range.drivers.mock import Mock
from garrison.range.reference import compare, differ, play
from garrison.worlds import soc
from garrison.worlds.soc.laws import quantiles
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import red as R


def actions(seconds: np.ndarray, successes: int, kind: str = "impact") -> list[Played]:
    ended = [(kind, float(s), "success" if i < successes else "failed") for i, s in enumerate(seconds)]
    return [Played(ended=ended), Played(void="broken", ended=[(kind, 1e6, "failed")] * 50)]


def test_other_durations_and_chances_are_found():
    rng = np.random.default_rng(0)
    first = actions(rng.gamma(4, 5, 100), 70)
    assert differ(compare(first, actions(rng.gamma(4, 5, 100), 65))) == []
    assert differ(compare(first, actions(rng.gamma(4, 10, 100), 70))) == ["impact: durations"]
    assert differ(compare(first, actions(rng.gamma(4, 5, 100), 30))) == ["impact: chances"]


def test_too_few_actions_are_not_compared():
    few = compare(actions(np.ones(7), 7), actions(np.ones(100), 0))
    assert few == {"impact": {"n": [7, 100], "p": None, "chance_p": None}}


def test_every_test_counts_for_the_family():
    rng = np.random.default_rng(1)
    kinds = [f"kind {i}" for i in range(20)]
    pairs = [(actions(rng.gamma(4, 5, 40), 20, k)[0], actions(rng.gamma(4, 5, 40), 20, k)[0]) for k in kinds]
    one, other = ([pair[i] for pair in pairs] for i in range(2))
    assert differ(compare(one, other)) == []
    assert all(row["chance_p"] == 1.0 for row in compare(one, other).values())


@pytest.mark.slow  # compiles the world, and plays 32 episodes of the mock
def test_the_mock_draws_durations_and_chances_like_soc():
    """With ``technical="laws"``: family-wise 1 %, and durations are those of the tables."""
    world = soc.make("ransomware", side="both", split="test", horizon=1_200_000, events=1)
    assert isinstance(world, soc.Soc)
    bridge = Bridge(world, Mock(), technical="laws", realtime=False)
    numbers = [n for n in random_numbers(world, 11, 80) if bridge.plan(n).mappable][:16]
    players = world.policies("blue")["idle"], world.policies("red")["killchain"]
    mock = [bridge.play(*players, n, i) for i, n in enumerate(numbers)]
    assert not any(one.void for one in mock)
    itself = play(world, *players, numbers, 3)
    found = compare(itself, mock)
    assert differ(found) == []
    assert found["dump_lsass"]["p"] is not None
    # each has its power: one that is drawn from another law is found
    fast = [Played(ended=[(k, s / 2, o) for k, s, o in one.ended]) for one in mock]
    assert "dump_lsass: durations" in differ(compare(itself, fast))
    table = quantiles()[L.RED_LAW[R.Red.DUMP_LSASS]] / 1000
    took = [s for one in itself for kind, s, _ in one.ended if kind == "dump_lsass"]
    assert table[0] <= min(took) <= max(took) <= table[-1]


@pytest.mark.slow
def test_returns_and_goals_of_soc_itself_are_those_of_its_evaluation():
    """An idle defender loses within an hour, and red's goal ends the episode."""
    world = soc.make("ransomware", side="both", split="test", horizon=3_600_000, events=1)
    assert isinstance(world, soc.Soc)
    numbers = random_numbers(world, 2, 8)
    found = play(world, world.policies("blue")["idle"], world.policies("red")["killchain"], numbers, 0)
    assert np.mean([one.goal for one in found]) > 0.5
    assert all((one.seconds < 3600) is one.goal for one in found)
    assert all(one.returned < 0 and one.owned > 0 and one.false_isolation == 0 for one in found)
    assert all(times for one in found for times in one.times.values())
