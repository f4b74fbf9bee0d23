"""Kuhn poker: its rules in the world and in the enumeration, and the answers of the literature."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.worlds.toy.kuhn import DEALS, HISTORIES, Kuhn, KuhnState, equilibrium, expected, pure_strategies

WORLD = Kuhn()
KEY = jax.random.key(0)
STEP = jax.jit(WORLD.step)


def played(deal, *plays):
    """What the first player gets of a deal, by the rules of the game."""
    state = KuhnState(jnp.asarray(deal), jnp.zeros((), jnp.int32))
    total = 0.0
    for number, bet in enumerate(plays):
        actions = jnp.zeros(2, jnp.int32).at[number % 2].set(bet)
        assert WORLD.legal(state)[:, 1].tolist() == [number % 2 == 0, number % 2 == 1]
        obs, state, step = STEP(KEY, state, actions)
        total += float(step.reward[0])
        assert bool(step.terminated) == (number == len(plays) - 1)
    assert not obs.any()
    return total


@pytest.mark.parametrize(
    ("plays", "wins", "loses"),
    [((0, 0), 1, -1), ((1, 1), 2, -2), ((0, 1, 1), 2, -2), ((1, 0), 1, 1), ((0, 1, 0), -1, -1)],
)
def test_who_gets_what(plays, wins, loses):
    assert played((2, 0), *plays) == wins
    assert played((1, 2), *plays) == loses


def test_each_sees_its_card_and_what_was_done():
    state = KuhnState(jnp.array([2, 0]), jnp.asarray(HISTORIES.index("pass bet"), jnp.int32))
    labels = [WORLD.observation_labels(0)[int(np.argmax(row))] for row in WORLD._observe(state)]
    assert labels == ["king after pass bet", "jack after pass bet"]


def test_the_enumeration_is_the_game():
    """Pure strategies against each other, on all deals in the world."""
    rng = np.random.default_rng(0)
    for _ in range(3):
        first, second = (pure_strategies(player)[rng.integers(64)].reshape(4, 3) for player in (0, 1))
        total = 0.0
        for one, other in DEALS:
            plays = [first[0, one]]
            plays.append(second[2 if plays[0] else 1, other])
            if not plays[0] and plays[1]:
                plays.append(first[3, one])
            total += played((one, other), *map(int, plays))
        assert expected(first.reshape(-1), second.reshape(-1)) == pytest.approx(total / 6)


@pytest.mark.parametrize("alpha", [0.0, 0.2, 1 / 3])
def test_the_value_is_known(alpha):
    first, second = equilibrium(alpha)
    assert WORLD.expected_return(first, second) == pytest.approx(-1 / 18, abs=1e-6)
    best = WORLD.best_response("first", [second], [1.0]), WORLD.best_response("second", [first], [1.0])
    assert WORLD.expected_return(best[0], second) == pytest.approx(-1 / 18, abs=1e-6)
    assert WORLD.expected_return(first, best[1]) == pytest.approx(-1 / 18, abs=1e-6)


def test_how_exploitable_random_play_is():
    random = WORLD.policies("first")["random"]
    best = WORLD.best_response("first", [random], [1.0]), WORLD.best_response("second", [random], [1.0])
    gains = WORLD.expected_return(best[0], random) - WORLD.expected_return(random, best[1])
    assert gains == pytest.approx(11 / 12)


def test_a_mixture_is_not_its_mean_member():
    """Against one of two players drawn per episode, the response is best among all 64."""
    honest, bold = (WORLD.policies("second")[name] for name in ("honest", "bold"))
    best = WORLD.best_response("first", [honest, bold], [0.3, 0.7])

    def worth(table):
        pairs = zip((honest, bold), (0.3, 0.7), strict=True)
        return sum(w * expected(table, np.asarray(one.table)[:, 1]) for one, w in pairs)

    values = [worth(table) for table in pure_strategies(0)]
    assert worth(np.asarray(best.table)[:, 1]) == pytest.approx(max(values))
    assert len(list(itertools.chain(values))) == 64
