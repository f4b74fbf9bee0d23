"""Matchmaking: the rules, seeds, floors and roles."""

import numpy as np
import pytest
from scipy import stats

from garrison.league.match import (
    MATCHMAKERS,
    Matchmaking,
    Opponent,
    draw,
    joins,
    neglected,
    restarts,
    role_probabilities,
    win_rates,
)

WINS, META = np.array([0.1, 0.5, 0.9, 1.0]), np.array([0.7, 0.0, 0.3, 0.0])


def shares(name, **settings):
    return Matchmaking(name, **{"floor": 0.0} | settings).probabilities(WINS, META)


def test_the_rules():
    np.testing.assert_allclose(shares("uniform"), 1 / 4)
    np.testing.assert_allclose(shares("latest"), [0, 0, 0, 1])
    np.testing.assert_allclose(shares("recent"), np.exp([0, 1, 2, 3]) / np.exp([0, 1, 2, 3]).sum())
    np.testing.assert_allclose(shares("pfsp_var"), np.array([0.09, 0.25, 0.09, 0]) / 0.43)
    np.testing.assert_allclose(shares("pfsp_hard"), np.array([0.81, 0.25, 0.01, 0]) / 1.07)
    np.testing.assert_allclose(shares("pfsp_hard", power=1.0), shares("pfsp_linear"))
    np.testing.assert_allclose(shares("pfsp_linear"), np.array([0.9, 0.5, 0.1, 0]) / 1.5)
    np.testing.assert_allclose(shares("pfsp_capped"), np.array([0.5, 0.5, 0.1, 0]) / 1.1)
    np.testing.assert_allclose(shares("psro"), META)
    np.testing.assert_allclose(shares("mix", weight=0.25), 0.25 * shares("pfsp_var") + 0.75 * META)


@pytest.mark.parametrize("name", sorted(set(MATCHMAKERS) - {"latest"}))
def test_the_floor_forgets_nobody(name):
    found = Matchmaking(name, floor=0.2).probabilities(WINS, META)
    assert found.sum() == pytest.approx(1)
    assert found.min() >= 0.05
    np.testing.assert_allclose(found, 0.8 * shares(name) + 0.05)


def test_a_rule_without_weights_is_uniform():
    """All opponents are always beaten or always lost to."""
    found = Matchmaking("pfsp_var", floor=0.0).probabilities([0.0, 1.0])
    np.testing.assert_allclose(found, 1 / 2)
    names = neglected(np.array([0.0, 0.5, 1.0]), ["a", "b", "c"])
    assert names == {"always lost to": ["a"], "always beaten": ["c"]}


def test_win_rates_need_no_invented_games():
    np.testing.assert_allclose(win_rates(np.array([0, 3, 10]), np.array([0, 4, 10])), [1 / 2, 4 / 6, 11 / 12])


def test_draws_follow_the_probabilities_and_the_seed():
    chosen = Matchmaking("mix").probabilities(WINS, META)
    drawn = draw(chosen, 20_000, (0, 3, 1))
    counts = np.bincount(drawn, minlength=4)
    assert stats.chisquare(counts, 20_000 * chosen).pvalue > 1e-3
    assert (drawn == draw(chosen, 20_000, (0, 3, 1))).all()
    assert (drawn != draw(chosen, 20_000, (0, 4, 1))).any()
    sequences = {
        name: tuple(draw(Matchmaking(name).probabilities(WINS, META), 50, (7,)))
        for name in ("pfsp_var", "pfsp_hard", "psro", "mix")
    }
    assert len(set(sequences.values())) == 4


def test_a_main_agent_plays_the_current_main_the_past_and_what_it_forgot():
    opponents = [
        Opponent("main", current=True),
        Opponent("main", wins=0.8, best=0.9),
        Opponent("main_exploiter", wins=0.2, best=0.7),  # beaten once, and wins now
        Opponent("league_exploiter", wins=0.4, best=0.4),
    ]
    hard = np.array([0, 0.2**2, 0.8**2, 0.6**2])
    expected = np.array([0.35, 0, 0, 0]) + 0.5 * hard / hard.sum() + 0.15 * np.array([0, 0, 1, 0])
    np.testing.assert_allclose(role_probabilities("main", opponents, floor=0.0), expected)
    remembered = [*opponents[:2], Opponent("main_exploiter", wins=0.6, best=0.7), opponents[3]]
    hard[2] = 0.4**2
    expected = np.array([0.35, 0.15, 0, 0]) + 0.5 * hard / hard.sum()  # past mains instead
    np.testing.assert_allclose(role_probabilities("main", remembered, floor=0.0), expected)


def test_exploiters():
    main = Opponent("main", current=True, wins=0.5)
    past = [Opponent("main", wins=0.5), Opponent("main", wins=0.1), Opponent("league_exploiter", wins=0.5)]
    assert role_probabilities("main_exploiter", [main, *past], floor=0.0).tolist() == [1, 0, 0, 0]
    strong = Opponent("main", current=True, wins=0.1)
    found = role_probabilities("main_exploiter", [strong, *past], floor=0.0)
    np.testing.assert_allclose(found, np.array([0, 0.25, 0.09, 0]) / 0.34)
    assert role_probabilities("main_exploiter", [strong], floor=0.0).tolist() == [1]
    found = role_probabilities("league_exploiter", [main, *past], floor=0.0)
    np.testing.assert_allclose(found, np.array([0, 0.25, 0.81, 0.25]) / 1.31)


def test_snapshots_and_restarts():
    assert joins(np.array([0.7, 0.9]), spent=False)
    assert not joins(np.array([0.6, 0.9]), spent=False)
    assert joins(np.array([0.1]), spent=True)
    again = {role: np.mean([restarts(role, (n,)) for n in range(400)]) for role in ("main", "main_exploiter")}
    assert again == {"main": 0, "main_exploiter": 1}
    assert 0.22 < np.mean([restarts("league_exploiter", (n,)) for n in range(2000)]) < 0.28


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Matchmaking("pfsp_vra"), "did you mean 'pfsp_var'"),
        (lambda: Matchmaking("mix", rule="psro"), "rule of mix is 'psro'"),
        (lambda: Matchmaking(floor=1.5), "floor of matchmaking is 1.5"),
        (lambda: Matchmaking("psro").probabilities([0.5]), "needs a meta-strategy of 1 opponents"),
        (lambda: Matchmaking("uniform").probabilities([]), "no opponents"),
        (lambda: role_probabilities("boss", [Opponent()]), "no role 'boss'"),
    ],
)
def test_wrong_settings_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
