import multiple_tests
import numpy as np
import pytest
from scipy import stats

from garrison.judge.stats import holm


def test_holm_adjusts_step_by_step():
    p = {"c": 0.04, "a": 0.01, "d": 0.5, "b": 0.02}
    assert holm(p) == pytest.approx({"c": 0.08, "a": 0.04, "d": 0.5, "b": 0.06})
    assert list(holm(p)) == list(p)
    assert multiple_tests.rejected(p, 0.05) == pytest.approx({"a": 0.04})
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


def test_holm_keeps_its_level():
    families = np.random.default_rng(0).random((2000, 20))
    wrong = sum(bool(multiple_tests.rejected(dict(enumerate(p)), 0.05)) for p in families)
    assert multiple_tests.share(wrong, 2000, 0.05) > 1e-3


def test_holm_takes_p_values_alone():
    with pytest.raises(ValueError, match=r"must lie in 0\.\.1, not \{'z': 2\.5\}"):
        holm({"p": 0.5, "z": 2.5})
    with pytest.raises(ValueError, match="nan"):
        holm({"p": float("nan")})


@pytest.mark.parametrize(
    ("n", "law"), [(2000, np.ones(9)), (60, np.ones(40)), (100, [50, 30, 15, 4, 1, 0]), (500, np.arange(30))]
)
def test_fit_errs_as_often_as_it_says(n, law):
    rng = np.random.default_rng(1)
    law = np.asarray(law) / np.sum(law)
    p = np.array([multiple_tests.fit(rng.multinomial(n, law), law) for _ in range(1000)])
    for level in (0.01, 0.1):
        assert multiple_tests.share(np.sum(p < level), 1000, level) > 1e-3


def test_fit_is_pearsons_test():
    assert multiple_tests.fit([30, 50, 20], [1, 1, 1]) == pytest.approx(stats.chisquare([30, 50, 20]).pvalue)
    assert multiple_tests.fit([500, 300, 200], [0.5, 0.25, 0.25]) < 1e-4


def test_fit_at_the_edges():
    assert multiple_tests.fit([9, 1], [1, 0]) == 0
    assert multiple_tests.fit([9, 0], [1, 0]) == 1
    assert multiple_tests.fit([2, 1], [1, 1]) == 1  # too few to say anything
    for wrong in ([1, 2, 3], [0, 0]):
        with pytest.raises(ValueError, match="one list of categories"):
            multiple_tests.fit(wrong, [1, 1])


def test_choices_spread_evenly():
    rng = np.random.default_rng(2)
    count = rng.integers(1, 9, 20_000)
    index = rng.integers(0, count)
    assert multiple_tests.uniform(multiple_tests.spread_choices(index, count, rng)) > 1e-3
    assert multiple_tests.uniform(multiple_tests.spread_choices(index // 2 * 2, count + 1, rng)) < 1e-9
    weighted = multiple_tests.spread(np.array([0.0, 0.9]), np.array([0.9, 1.0]), rng)
    assert 0 <= weighted[0] < 0.9 <= weighted[1] < 1
