import numpy as np
import pytest

from garrison.runs import curves


def rows(*returns):
    return [{"iteration": i, "env_steps": 20 * i, "return": values} for i, values in enumerate(returns, 1)]


def test_seeds_are_columns_and_rows_without_an_episode_are_left_out():
    steps, values = curves.per_seed(rows([-1.0, None], [None, None], [-3.0, -5.0]))
    assert steps.tolist() == [20, 60]
    np.testing.assert_array_equal(values, [[-1, np.nan], [-3, -5]])


def test_one_number_is_one_seed():
    assert curves.per_seed(rows(-1.0, None))[1].tolist() == [[-1.0]]


def test_no_rows_are_an_empty_curve():
    steps, values = curves.per_seed([])
    assert len(steps) == len(values) == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([{"env_steps": 20}], "row 1 of the metrics lacks 'return'"),
        (rows([0.0], [0.0, 1.0]), "row 2 of the metrics has 2 seeds, those before 1"),
    ],
)
def test_rows_that_do_not_fit_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        curves.per_seed(wrong)


def test_the_mean_is_over_seeds_that_have_a_number():
    assert curves.seed_mean(np.array([[-1.0, np.nan], [-3.0, -5.0]])).tolist() == [-1, -4]


def test_smoothing_is_over_the_last_tenth_up_to_each_point():
    values = np.arange(20.0)
    np.testing.assert_allclose(curves.smooth(values), [0, *(np.arange(1, 20) - 0.5)])
    assert curves.smooth(np.array([1.0, 3.0])).tolist() == [1, 3]
    assert len(curves.smooth(np.zeros(0))) == 0


def test_smoothing_leaves_out_what_is_no_number():
    values = np.stack([np.arange(20.0), np.full(20, np.nan)], axis=1)
    values[4, 0] = np.nan
    smoothed = curves.smooth(values)
    assert smoothed[4:6, 0].tolist() == [3, 5]
    assert np.all(np.isnan(smoothed[:, 1]))


def test_the_end_is_the_last_tenth_of_each_seed():
    values = np.stack([np.arange(30.0), np.full(30, np.nan)], axis=1)
    first, second = curves.final(values)
    assert first == 28
    assert np.isnan(second)
