"""Estimates and their intervals."""

import numpy as np
import pytest
import scipy.stats

from garrison.judge.stats import (
    contrast,
    detectable,
    estimate,
    interquartile_mean,
    mean_difference,
    paired_difference,
    paired_p_value,
    probability_of_improvement,
    tost,
)


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
    first, second = episodes + 5 + rng.normal(size=50), episodes
    difference = paired_difference(first, second)
    assert 4 < difference.low < difference.mean < difference.high < 6
    apart = estimate(first)
    assert apart.high - apart.low > 10 * (difference.high - difference.low)


def test_p_values_agree_with_the_paired_t_test_and_with_intervals():
    rng = np.random.default_rng(5)
    first, second = rng.normal(0.4, 1, size=40), rng.normal(size=40)
    p = paired_p_value(first, second)
    assert p == pytest.approx(scipy.stats.ttest_rel(first, second).pvalue)
    assert paired_p_value(second, first) == pytest.approx(p)
    wide = rng.normal(0.4, 1, size=(4, 40)) + rng.normal(0, 0.3, size=(4, 1))
    p = paired_p_value(wide, second)
    for confidence, leaves_out in ((1 - 2 * p, True), (1 - p / 2, False)):
        found = contrast([(1.0, wide), (-1.0, second)], confidence=confidence)
        assert (not found.low <= 0 <= found.high) == leaves_out, (p, found)


def test_p_values_count_seeds_that_differ():
    """Effects of seeds are no effect of the method: their p-values are small as often as they say."""
    rng = np.random.default_rng(6)

    def method():
        return rng.normal(size=(4, 50)) + rng.normal(size=(4, 1))

    found = np.array([paired_p_value(method(), method()) for _ in range(400)])
    assert 4 <= np.sum(found < 0.05) <= 36
    pooled = [scipy.stats.ttest_rel(method().ravel(), method().ravel()).pvalue for _ in range(400)]
    assert np.mean(np.array(pooled) < 0.05) > 0.4  # what a test without seeds says


def test_p_values_at_the_edges():
    assert paired_p_value(np.arange(9.0), np.arange(9.0)) == 1
    assert paired_p_value(np.arange(9.0) + 1, np.arange(9.0)) == 0
    assert paired_p_value(np.ones(1), np.zeros(1)) is None


def test_one_episode_has_no_spread_and_no_interval():
    found = estimate(np.array([3.0]))
    assert (found.mean, found.sd, found.low, found.high, found.seed_sd) == (3.0, None, None, None, None)
    found = estimate(np.array([[3.0], [5.0]]))
    assert (found.mean, found.sd, found.low, found.high) == (4.0, None, None, None)
    assert found.seed_sd == pytest.approx(2**0.5)
    one, other = np.array([[3.0]]), np.array([[5.0]])
    for found in (probability_of_improvement(one, other), interquartile_mean(one)):
        assert (found.low, found.high) == (None, None)
    difference = paired_difference(one, other)
    assert (difference.mean, difference.sd, difference.low) == (-2.0, None, None)


def test_two_episodes_have_both():
    found = estimate(np.array([3.0, 5.0]))
    assert found.sd == pytest.approx(2**0.5)
    assert found.low <= 4.0 <= found.high
    assert found.seed_sd is None


def test_what_cannot_be_estimated_is_refused():
    with pytest.raises(ValueError, match="at least one number"):
        estimate(np.array([]))
    with pytest.raises(ValueError, match="cannot pair 3 with 4 episodes"):
        paired_difference(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="cannot pair"):
        probability_of_improvement(np.zeros((2, 3)), np.zeros((2, 4)))


def test_interquartile_mean_leaves_out_a_quarter_at_each_end():
    # Of ten values two are left out at each end: 1, 2 and 90, 1000.
    values = np.array([1000.0, 3, 1, 4, 8, 2, 5, 6, 90, 7])
    assert interquartile_mean(values).value == (3 + 4 + 5 + 6 + 7 + 8) / 6
    seeds = np.random.default_rng(3).normal(size=(3, 21))
    found = interquartile_mean(seeds)
    np.testing.assert_allclose(found.value, scipy.stats.trim_mean(seeds, 0.25, axis=None))
    assert found.low < found.value < found.high


def test_interquartile_means_are_resampled_as_a_plain_bootstrap_would():
    rng = np.random.default_rng(4)
    values = rng.exponential(size=60)
    found = interquartile_mean(values)
    plain = scipy.stats.trim_mean(values[rng.integers(0, 60, (20_000, 60))], 0.25, axis=1)
    np.testing.assert_allclose([found.low, found.high], np.quantile(plain, [0.025, 0.975]), rtol=0.03)


def test_probability_of_improvement_counts_pairs_of_seeds_in_the_same_episode():
    first = np.array([[1.0, 5.0, 3.0], [2.0, 0.0, 9.0]])
    second = np.array([[1.0, 4.0, 10.0]])
    # Episode by episode: tie and win; win and loss; loss and loss.
    assert probability_of_improvement(first, second).value == pytest.approx((1.5 + 1 + 0) / 6)
    assert probability_of_improvement(second, first).value == pytest.approx(1 - 2.5 / 6)
    same = probability_of_improvement(first, first)
    assert same.value == 0.5
    sure = probability_of_improvement(second + 100, second)
    assert (sure.value, sure.low, sure.high) == (1, 1, 1)


def test_pairs_of_seeds_are_averaged():
    first, second = np.array([[1.0, 2.0], [3.0, 6.0]]), np.array([[0.0, 1.0]])
    found = paired_difference(first, second)
    assert (found.mean, found.n, found.seeds) == (2.5, 4, 2)
    assert found.seed_sd == pytest.approx(np.std([1, 4], ddof=1))


def seeds_of(rng: np.random.Generator, seeds: int, episodes: int, spread: float) -> np.ndarray:
    """Returns of seeds that differ by ``spread`` on networks that differ by 1, with noise of 0.5."""
    network = rng.normal(size=(1, episodes))
    return rng.normal(0, spread, (seeds, 1)) + network + rng.normal(0, 0.5, (seeds, episodes))


@pytest.mark.parametrize(("seeds", "spread"), [(5, 1.0), (5, 0.0), (10, 0.3)])
def test_intervals_of_several_seeds_cover_the_mean_of_all_possible_seeds(seeds, spread):
    rng = np.random.default_rng(5)
    found = [estimate(seeds_of(rng, seeds, 40, spread), seed) for seed in range(200)]
    covered = sum(e.low <= 0.0 <= e.high for e in found)
    assert 0.89 * 200 <= covered <= 0.995 * 200


def test_episodes_alone_would_be_too_sure_of_several_seeds():
    """The mean of five seeds, taken as one seed, has an interval that misses the truth most of the time."""
    rng = np.random.default_rng(6)
    found = [estimate(seeds_of(rng, 5, 40, 1.0).mean(axis=0), seed) for seed in range(100)]
    assert sum(e.low <= 0.0 <= e.high for e in found) < 75


def test_differences_of_seeds_cover_the_truth():
    rng = np.random.default_rng(7)
    covered = 0
    for seed in range(200):
        network = rng.normal(0, 5, (1, 30))
        first, second = (network + mean + seeds_of(rng, 5, 30, 0.5) for mean in (1.0, 0.0))
        found = paired_difference(first, second, seed)
        covered += found.low <= 1.0 <= found.high
    assert 0.89 * 200 <= covered <= 0.995 * 200


# ---------------------------------------------------------------- independent samples


def two_samples(shift=0.0, repeats=1000):
    """Pairs of samples of unlike size and spread; the first mean is ``shift`` above the second."""
    rng = np.random.default_rng(7)
    return [(rng.normal(shift, 3, size=40), rng.normal(0, 1, size=25)) for _ in range(repeats)]


def test_differences_are_welchs():
    first, second = two_samples()[0]
    found, expected = mean_difference(first, second), scipy.stats.ttest_ind(first, second, equal_var=False)
    interval = expected.confidence_interval(0.95)
    np.testing.assert_allclose([found.p, found.freedom], [expected.pvalue, expected.df])
    np.testing.assert_allclose([found.low, found.high], interval)
    assert found.value == pytest.approx(first.mean() - second.mean())
    with pytest.raises(ValueError, match="two values in each sample, not 40 and 1"):
        mean_difference(first, second[:1])


def test_the_interval_of_a_difference_covers_it_as_often_as_it_says():
    found = [mean_difference(*pair) for pair in two_samples(shift=2.0)]
    assert 0.935 <= np.mean([one.low <= 2.0 <= one.high for one in found]) <= 0.965


@pytest.mark.parametrize("side", [-1, 1])
def test_equivalence_is_wrongly_shown_in_one_of_twenty_cases_at_the_margin(side):
    found = [tost(mean_difference(*pair), margin=1.5) for pair in two_samples(shift=1.5 * side)]
    assert 0.035 <= np.mean(np.less(found, 0.05)) <= 0.065


def test_equivalence_is_shown_of_equal_means_and_never_of_far_ones():
    equal = [tost(mean_difference(*pair), margin=2.0) for pair in two_samples()]
    assert np.mean(np.less(equal, 0.05)) > 0.95
    far = [tost(mean_difference(*pair), margin=1.0) for pair in two_samples(shift=3.0, repeats=200)]
    assert min(far) > 0.5


def test_equivalence_is_what_the_ninety_percent_interval_says():
    for pair in two_samples(shift=1.0, repeats=50):
        found = mean_difference(*pair)
        reach = scipy.stats.t.isf(0.05, found.freedom) * found.error
        inside = -1.5 < found.value - reach and found.value + reach < 1.5
        assert (tost(found, 1.5) < 0.05) == inside


def test_a_detectable_difference_is_found_as_often_as_is_said():
    shift = np.mean([detectable(mean_difference(*pair)) for pair in two_samples(repeats=100)])
    found = [mean_difference(*pair).p < 0.05 for pair in two_samples(shift=shift)]
    assert 0.87 <= np.mean(found) <= 0.93


def test_constants_are_compared_exactly():
    same, other = (mean_difference(np.ones(3), np.full(4, x)) for x in (1.0, 1.5))
    assert (same.value, same.p, same.low, same.high, tost(same, 0.0)) == (0, 1, 0, 0, 0)
    assert (other.p, tost(other, 0.4), tost(other, 0.6)) == (0, 1, 0)


# ---------------------------------------------------------------- sums over several groups


def test_a_difference_is_a_contrast():
    rng = np.random.default_rng(5)
    for seeds in ((1, 1), (4, 3), (1, 3)):
        first, second = (rng.normal(10 * i, 1, (n, 30)) for i, n in enumerate(seeds))
        pair = paired_difference(first, second)
        found = contrast([(1, first), (-1, second)])
        np.testing.assert_allclose([found.value, found.low, found.high], [pair.mean, pair.low, pair.high])


def test_contrasts_weigh_means_and_share_episodes():
    rng = np.random.default_rng(6)
    episodes = rng.normal(0, 100, 40)
    a, b, c = (episodes + level + rng.normal(0, 1, (3, 40)) for level in (0, 10, 30))
    found = contrast([(1, c), (-2, b), (1, a)])  # weights whose sum is 0: episodes cancel
    assert found.value == pytest.approx(c.mean() - 2 * b.mean() + a.mean())
    assert found.low < 10 < found.high
    assert found.high - found.low < 8
    narrow = contrast([(1, c), (-2, b), (1, a)], confidence=0.9)
    assert found.low < narrow.low < narrow.high < found.high
    assert contrast([(1, a), (1, b)]).high - contrast([(1, a), (1, b)]).low > 50
    assert contrast([(1, a[:, :1]), (-1, b[:, :1])]).low is None
    with pytest.raises(ValueError, match="cannot pair 40 with 39 episodes"):
        contrast([(1, a), (-1, b[:, 1:])])
