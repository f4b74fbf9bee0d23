"""Estimates and their intervals."""

import numpy as np
import pytest
import scipy.stats

from garrison.judge.stats import estimate, paired_difference


def test_estimate_agrees_with_the_t_interval_on_normal_data():
    values = np.random.default_rng(0).normal(-5000, 900, size=100)
    found = estimate(values)
    assert found.n == 100
    np.testing.assert_allclose([found.mean, found.sd], [values.mean(), values.std(ddof=1)])
    low, high = scipy.stats.t.interval(0.95, 99, values.mean(), values.std(ddof=1) / 10)
    np.testing.assert_allclose([found.low, found.high], [low, high], atol=0.1 * (high - low))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    found = [estimate(rng.exponential(size=60)) for _ in range(300)]
    covered = sum(e.low <= 1.0 <= e.high for e in found)
    assert 0.89 * 300 <= covered <= 0.98 * 300  # skewed data: slightly below 95%


def test_pairs_are_surer_than_their_parts():
    rng = np.random.default_rng(2)
    episodes = rng.normal(0, 100, size=50)
    ours, theirs = episodes + 5 + rng.normal(size=50), episodes
    difference = paired_difference(ours, theirs)
    assert 4 < difference.low < difference.mean < difference.high < 6
    apart = estimate(ours)
    assert apart.high - apart.low > 10 * (difference.high - difference.low)


def test_one_value_has_no_spread():
    found = estimate(np.array([3.0]))
    assert (found.mean, found.sd, found.low, found.high) == (3.0, 0.0, 3.0, 3.0)


def test_what_cannot_be_estimated_is_refused():
    with pytest.raises(ValueError, match="at least one number"):
        estimate(np.array([]))
    with pytest.raises(ValueError, match="cannot pair"):
        paired_difference(np.zeros(3), np.zeros(4))
