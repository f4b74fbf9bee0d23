"""Exploration keeps to legal actions, and has the limits that its names promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.learn import dists, explore

Q = jnp.asarray([[1.0, 5.0, 3.0, 2.0], [0.0, 0.0, 9.0, -1.0]])
MASK = jnp.asarray([[True, False, True, True], [True, True, False, False]])
NAMES = list(explore.EXPLORATIONS)


def probabilities(name, q, mask, chance):
    return np.asarray(jnp.exp(explore.EXPLORATIONS[name](q, mask, chance)))


def test_greedy_looks_at_legal_actions_alone():
    assert explore.greedy(Q, MASK).tolist() == [2, 0]
    assert explore.greedy(Q, jnp.ones_like(MASK)).tolist() == [1, 2]


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_epsilon_greedy_is_uniform_with_epsilon_and_else_the_best_legal_action(epsilon):
    best = np.array([[0, 0, 1, 0], [1, 0, 0, 0]])
    uniform = np.array([[1, 0, 1, 1], [1, 1, 0, 0]]) / np.array([[3], [2]])
    found = probabilities("epsilon_greedy", Q, MASK, epsilon)
    np.testing.assert_allclose(found, (1 - epsilon) * best + epsilon * uniform, atol=1e-6)


def test_boltzmann_limits():
    """Cold is the best legal action, hot is uniform; between, odds are exp of differences."""
    assert (probabilities("boltzmann", Q, MASK, 1e-3)[0] == [0, 0, 1, 0]).all()
    np.testing.assert_allclose(
        probabilities("boltzmann", Q, MASK, 1e6)[0], [1 / 3, 0, 1 / 3, 1 / 3], atol=1e-5
    )
    warm = probabilities("boltzmann", Q, MASK, 2.0)[0]
    np.testing.assert_allclose(warm[2] / warm[0], np.exp((3 - 1) / 2), rtol=1e-5)
    np.testing.assert_allclose(warm[2] / warm[3], np.exp((3 - 2) / 2), rtol=1e-5)
    far = probabilities("boltzmann", 1e6 * Q, MASK, 1e-3)
    assert np.isfinite(far).all()


@pytest.mark.parametrize("chance", [0.05, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_illegal_is_never_chosen(name, chance):
    """What is drawn follows the distribution (chi-square), and leaves out what is illegal."""
    count, log_probs = 4_000, explore.EXPLORATIONS[name](Q[0], MASK[0], chance)
    drawn = dists.sample(jax.random.key(0), jnp.broadcast_to(log_probs, (count, 4)))
    found, expected = np.bincount(drawn, minlength=4), count * np.exp(np.asarray(log_probs))
    possible = expected > 0
    assert found[1] == expected[1] == 0
    assert (found[~possible] == 0).all()
    square = ((found - expected)[possible] ** 2 / expected[possible]).sum()
    assert square < 13.8  # of 2 degrees, one run in 1,000


@pytest.mark.parametrize("name", NAMES)
def test_where_nothing_is_legal_all_is(name):
    nothing = jnp.zeros((1, 4), bool)
    np.testing.assert_allclose(probabilities(name, jnp.zeros((1, 4)), nothing, 1.0), 0.25, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_log_probabilities_are_finite(name):
    assert np.isfinite(explore.EXPLORATIONS[name](Q, MASK, 0.5)).all()
    assert np.isfinite(explore.epsilon_greedy(Q, MASK, 0.0)).all()


def test_spread_is_the_deviation_over_legal_actions_where_there_is_a_choice():
    mask = jnp.concatenate([MASK, jnp.asarray([[False, True, False, False]])])
    q = jnp.concatenate([Q, jnp.full((1, 4), 7.0)])
    expected = (np.std([1, 3, 2]) + np.std([0, 0])) / 2
    np.testing.assert_allclose(explore.spread(q, mask), expected, rtol=1e-6)
    garbage = jnp.where(mask, q, 1e6)
    np.testing.assert_array_equal(explore.spread(q, mask), explore.spread(garbage, mask))
    assert explore.spread(q[2:], mask[2:]) == 0
