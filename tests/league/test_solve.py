"""Meta-solvers on games with known answers, from starts that are not the answer."""

import itertools

import numpy as np
import pytest

from garrison.league import solve as solvers
from garrison.league.solve import dynamics, equilibria, gap, solve
from garrison.worlds.toy.matrix import GAMES

GAME = {name: np.array(payoffs, float) for name, payoffs in GAMES.items()}
ANSWERS = {
    "rps": ([1 / 3] * 3, [1 / 3] * 3, 0),
    "biased_rps": ([1 / 4, 1 / 2, 1 / 4], [1 / 4, 1 / 2, 1 / 4], 0),
    "two_by_two": ([2 / 5, 3 / 5], [2 / 5, 3 / 5], 1 / 5),
    "dominated": ([1 / 3, 1 / 3, 1 / 3, 0], [1 / 3, 1 / 3, 1 / 3, 0], 0),
}
EQUILIBRIA = ("replicator", "prd", "nash", "rectified")


def scaled(payoffs):
    return (payoffs - payoffs.min()) / np.ptp(payoffs)


def uneven(payoffs):
    """A start far from the middle, where the dynamics are not at rest by chance."""
    return tuple(2.0 ** -np.arange(size) / (2.0 ** -np.arange(size)).sum() for size in payoffs.shape)


@pytest.mark.parametrize("game", ANSWERS)
@pytest.mark.parametrize("solver", EQUILIBRIA)
def test_solvers_find_the_equilibrium(solver, game):
    u = scaled(GAME[game])
    found = solve(solver, u, start=uneven(u))
    rows, columns, _ = ANSWERS[game]
    exact = solver in ("nash", "rectified")
    assert 0 <= found.gap < (1e-9 if exact else 0.01)
    assert found.gap == pytest.approx(gap(u, found.rows, found.columns))
    np.testing.assert_allclose(found.rows, rows, atol=1e-6 if exact else 0.02)
    np.testing.assert_allclose(found.columns, columns, atol=1e-6 if exact else 0.02)
    assert found.rows.sum() == pytest.approx(1)
    assert found.columns.sum() == pytest.approx(1)


@pytest.mark.parametrize("game", ANSWERS)
def test_nash_knows_the_value_in_the_units_of_the_payoffs(game):
    assert solve("nash", GAME[game]).value == pytest.approx(ANSWERS[game][2], abs=1e-9)


@pytest.mark.parametrize("game", ["rps", "biased_rps", "two_by_two"])
def test_last_iterates_circle(game):
    """The control: the same dynamics without averages end far from the equilibrium."""
    u = scaled(GAME[game])
    path = itertools.islice(dynamics(u, 1 - u, uneven(u), 0.2), 5_000)
    *_, last = path
    assert gap(u, *last) > 0.3


def test_the_wrong_sign_plays_dominated_members(monkeypatch):
    """The mutation: members that earn less than the mean grow."""
    grown = solvers._grown
    monkeypatch.setattr(solvers, "_grown", lambda mixture, earned, *rest: grown(mixture, -earned, *rest))
    u = scaled(GAME["dominated"])
    with pytest.warns(RuntimeWarning, match="stopped after"):
        found = solvers._averaged(u, 1 - u, uneven(u), rate=0.02, floor=0.0, enough=0.005, steps=3_000)
    assert found.rows[3] > 0.5
    assert found.columns[3] > 0.5


def test_uniform_reports_its_gap():
    found = solve("uniform", GAME["biased_rps"])
    assert found.rows.tolist() == [1 / 3] * 3
    assert found.gap == pytest.approx(1 / 3 + 1 / 3)


def test_of_many_equilibria_one_is_chosen_whatever_the_order():
    """Any mixture of the third row and of the others in equal parts is optimal."""
    payoffs = np.vstack([GAME["many"], [-1, -1]])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]):
        found = solve("nash", payoffs[order])
        np.testing.assert_allclose(found.rows, np.array([1 / 3, 1 / 3, 1 / 3, 0])[order], atol=1e-6)
        np.testing.assert_allclose(found.columns, [1 / 2, 1 / 2], atol=1e-6)
        assert found.gap < 1e-8


def test_general_sum_games_need_two_matrices():
    """Matching pennies in which the columns also want the first row's first entry."""
    rows, columns = np.array([[1.0, -1.0], [-1.0, 1.0]]), np.array([[-1.0, 2.0], [1.0, -1.0]])
    with pytest.raises(ValueError, match="nash is for zero-sum games; use prd"):
        solve("nash", rows, columns)
    found = solve("prd", rows, columns, start=uneven(rows))
    # Columns are indifferent at p(-1) + (1 - p) = 2p - (1 - p), rows at 1/2.
    np.testing.assert_allclose(found.rows, [2 / 5, 3 / 5], atol=0.02)
    np.testing.assert_allclose(found.columns, [1 / 2, 1 / 2], atol=0.02)
    assert found.gap == pytest.approx(gap(rows, found.rows, found.columns, columns))
    assert found.gap < 0.03


def test_rectified_members_play_whom_they_do_not_lose_to():
    found = solve("rectified", GAME["rps"])
    rows, columns = found.opponents
    beats_or_ties = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1]]) / 2
    np.testing.assert_allclose(rows, beats_or_ties, atol=1e-6)
    np.testing.assert_allclose(columns, beats_or_ties, atol=1e-6)
    rows, _ = solve("rectified", GAME["dominated"]).opponents
    assert not rows[3].any()


def test_alpharank_ranks():
    found = solve("alpharank", GAME["dominated"])
    assert found.rows[3] < 0.01
    np.testing.assert_allclose(found.rows[:3], 1 / 3, atol=0.01)
    better = solve("alpharank", np.array([[0.0, 1.0], [-1.0, 0.0]]))
    assert better.rows[0] > 0.99
    assert better.columns[0] > 0.99


def test_the_chain_of_alpharank_is_that_of_the_paper():
    """Two rows, one column: fixation probabilities decide alone, rho(u) = (1 - e^-u) / (1 - e^-mu)."""
    alpha, m, lead = 0.3, 5, 0.7
    rho = lambda u: (1 - np.exp(-u)) / (1 - np.exp(-m * u))  # noqa: E731
    up, down = rho(alpha * lead), rho(-alpha * lead)
    payoffs = np.array([[0.0], [lead]])
    mass = solvers.chain_masses(payoffs, -payoffs, alpha, m)
    np.testing.assert_allclose(mass, [down / (up + down), up / (up + down)], rtol=1e-9)


def test_resamples_are_solved_together():
    rng = np.random.default_rng(3)
    for shape in ((1, 1), (1, 4), (3, 2), (5, 6)):
        payoffs = rng.normal(size=(12, *shape)).round(1)  # with ties
        rows, columns, values = equilibria(payoffs)
        for one, p, q, value in zip(payoffs, rows, columns, values, strict=True):
            assert gap(one, p, q) < 1e-7
            assert value == pytest.approx(solve("nash", one).value, abs=1e-7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nahs", np.eye(2)), "no meta-solver 'nahs' \\(did you mean 'nash'\\?\\)"),
        (("nash", np.ones(3)), "shape \\(3,\\)"),
        (("nash", np.array([[np.nan]])), "finite"),
        (("prd", np.eye(2), np.ones((2, 3))), "those of columns \\(2, 3\\)"),
    ],
)
def test_wrong_games_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        solve(*arguments)
