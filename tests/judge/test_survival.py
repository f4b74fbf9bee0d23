"""Censored times: the estimator against results by hand, and intervals that resample episodes."""

import numpy as np
import pytest

from garrison.judge import survival
from garrison.judge.survival import Times


def times(lengths, ended, episode=None, seed=None) -> Times:
    lengths = np.array(lengths)
    zeros = np.zeros_like(lengths)
    return Times(
        zeros if seed is None else np.array(seed),
        np.arange(len(lengths)) if episode is None else np.array(episode),
        lengths,
        np.array(ended, bool),
    )


def test_the_estimator_by_hand():
    """The remission times of 21 patients by Freireich et al. 1963, the usual textbook example."""
    ended = {6: 3, 7: 1, 10: 1, 13: 1, 16: 1, 22: 1, 23: 1}
    censored = {6: 1, 9: 1, 10: 1, 11: 1, 17: 1, 19: 1, 20: 1, 25: 1, 32: 2, 34: 1, 35: 1}
    grid = sorted({*ended, *censored})
    counts = [np.array([one.get(x, 0) for x in grid], float) for one in (ended, censored)]
    found = dict(zip(grid, survival.kaplan_meier(*counts), strict=True))
    expected = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448, 35: 0.448}
    for length, share in expected.items():
        assert found[length] == pytest.approx(share, abs=5e-4)


def test_without_censoring_it_is_the_plain_mean_and_median():
    found = survival.figures(times([4, 1, 9, 2, 2], [True] * 5), (1, 5))
    assert found["mean"]["value"] == pytest.approx(3.6)
    assert found["median"]["value"] == 2
    assert found["ended"]["value"] == 1
    assert found["curve"][-1] == [9, 0]


def test_all_censored_and_none():
    assert survival.figures(times([], []), (1, 5)) is None
    found = survival.figures(times([4, 7, 7], [False] * 3), (1, 3))
    assert (found["count"], found["censored"], found["within"]) == (3, 3, 7)
    assert found["median"] == {"value": None, "low": None, "high": None}
    assert found["curve"] == []
    assert found["mean"]["value"] == 7


def test_a_time_of_zero_steps():
    found = survival.figures(times([0, 0, 4, 4], [True, True, True, False]), (1, 4))
    assert found["median"]["value"] == 0
    assert found["curve"] == [[0, 0.5], [4, 0.25]]
    assert found["mean"]["value"] == pytest.approx(2)


def test_intervals_resample_episodes_and_not_times():
    """Ten times of an episode say as much as one if they are alike."""
    rng = np.random.default_rng(0)
    length = rng.integers(1, 30, 40)
    alone = survival.figures(times(length, np.ones(40)), (1, 40))
    often = np.repeat(np.arange(40), 10)
    together = survival.figures(times(length[often], np.ones(400), often), (1, 40))
    assert together["mean"] == pytest.approx(alone["mean"])
    assert alone["mean"]["low"] < alone["mean"]["value"] < alone["mean"]["high"]
    error = length.std() / np.sqrt(40)
    assert alone["mean"]["high"] - alone["mean"]["low"] == pytest.approx(4 * error, rel=0.1)


def test_seeds_that_differ_widen_the_interval():
    rng = np.random.default_rng(0)
    length = np.concatenate([rng.integers(1 + shift, 10 + shift, 50) for shift in (0, 20, 40)])
    seed, episode = np.repeat(np.arange(3), 50), np.tile(np.arange(50), 3)
    several = survival.figures(times(length, np.ones(150), episode, seed), (3, 50))["mean"]
    one = survival.figures(times(length[:50], np.ones(50)), (1, 50))["mean"]
    assert several["high"] - several["low"] > 5 * (one["high"] - one["low"])


def test_differences_take_no_time_beyond_what_both_saw():
    first, second = times([10, 100], [True, True]), times([5, 20], [True, False])
    found = survival.difference(first, second, ((1, 2), (1, 2)))
    assert found["within"] == 20
    assert found["value"] == pytest.approx((10 + 20) / 2 - (5 + 20) / 2)
    assert survival.difference(first, times([], []), ((1, 2), (1, 2))) is None
    same = survival.difference(first, first, ((1, 2), (1, 2)))
    assert (same["value"], same["low"], same["high"]) == (0, 0, 0)
