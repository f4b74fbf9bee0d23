"""Distances of reds from the stock one."""

import json
from pathlib import Path

import numpy as np
import pytest

from garrison.judge import suites
from garrison.judge.suites import distances

RESULT = Path(__file__).parents[3] / "results" / "cc4_red_distances" / "figures.json"


def test_known_distances():
    assert distances.jensen_shannon(np.array([1, 1]), np.array([2, 2])) == 0
    assert distances.jensen_shannon(np.array([5, 0]), np.array([0, 3])) == 1
    # p = (1, 0), q = (1/2, 1/2): the divergence is (log2(4/3) + (log2(2/3) + 1) / 2) / 2
    expected = (np.log2(4 / 3) + (np.log2(2 / 3) + 1) / 2) / 2
    assert distances.jensen_shannon(np.array([4, 0]), np.array([1, 1])) == pytest.approx(expected**0.5)
    many = distances.jensen_shannon(np.array([[4, 0], [1, 1]]), np.array([1, 1]))
    np.testing.assert_allclose(many, [expected**0.5, 0], atol=1e-12)
    with pytest.raises(ValueError, match="a histogram is empty"):
        distances.jensen_shannon(np.zeros(2), np.ones(2))


def test_halves_of_one_red_are_near():
    """Few same draws are farther apart than many, and both nearer than another distribution."""
    rng = np.random.default_rng(0)
    shares, other = rng.dirichlet(np.ones(20), 2)
    few, many = (rng.multinomial(number, shares, 40) for number in (20, 2000))
    low, high = distances.noise(many, 200), distances.noise(few, 200)
    assert low["mean"] < low["line"] < high["mean"] < high["line"]
    apart = distances.jensen_shannon(rng.multinomial(2000, other), many.sum(axis=0))
    assert high["line"] < apart
    with pytest.raises(ValueError, match="1 episodes have no halves"):
        distances.noise(many[:1])


def test_the_reds_of_all_suites_are_measured():
    named = {entry.red for suite in suites.SUITES.values() for entry in suite.entries} - {None, "fsm"}
    found = distances.distances()
    assert set(found) == named
    assert all(0 < one["distance"] < 1 for one in found.values())


def test_the_packaged_distances_are_those_of_the_result():
    assert json.loads(RESULT.read_text())["reds"] == distances.distances()
