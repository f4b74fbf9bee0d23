"""The masked categorical distribution against numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from garrison.learn import dists

LOGITS = jnp.array([[0.5, -1.0, 2.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0]])
MASK = jnp.array([[False, True, True, False, True], [True, False, True, True, True]])


def softmax_over_legal(row: int) -> np.ndarray:
    weights = np.exp(np.asarray(LOGITS[row], np.float64)) * np.asarray(MASK[row])
    return weights / weights.sum()


def test_probabilities_are_the_softmax_over_legal_actions():
    probs = np.exp(dists.masked_categorical(LOGITS, MASK))
    for row in range(2):
        np.testing.assert_allclose(probs[row], softmax_over_legal(row), rtol=1e-6)
    assert (probs[~np.asarray(MASK)] == 0).all()


def test_samples_have_the_probabilities():
    draws, log_probs = 20_000, dists.masked_categorical(LOGITS, MASK)
    keys = jax.random.split(jax.random.key(0), draws)
    actions = np.asarray(jax.jit(jax.vmap(lambda key: dists.sample(key, log_probs)))(keys))
    assert actions.dtype == np.int32
    for row in range(2):
        counts, legal = np.bincount(actions[:, row], minlength=5), np.asarray(MASK[row])
        assert counts[~legal].sum() == 0
        expected = draws * softmax_over_legal(row)
        assert scipy.stats.chisquare(counts[legal], expected[legal]).pvalue > 1e-3


def test_illegal_actions_are_never_sampled_among_many():
    """242 actions of which every second one is legal, half a million times."""
    mask = jnp.tile(jnp.arange(242) % 2 == 1, (2_000, 1))
    log_probs = dists.masked_categorical(jax.random.normal(jax.random.key(1), mask.shape) * 5, mask)
    keys = jax.random.split(jax.random.key(2), 250)
    actions = np.asarray(jax.lax.map(lambda key: dists.sample(key, log_probs), keys))
    assert (actions % 2 == 1).all()
    assert len(np.unique(actions)) > 100


def test_mode_and_log_prob():
    log_probs = dists.masked_categorical(LOGITS, MASK)
    np.testing.assert_array_equal(dists.mode(log_probs), [2, 0])
    np.testing.assert_allclose(
        dists.log_prob(log_probs, jnp.array([4, 3])),
        [np.log(softmax_over_legal(0)[4]), np.log(softmax_over_legal(1)[3])],
        rtol=1e-6,
    )


def test_entropy_counts_legal_actions_alone():
    expected = [scipy.stats.entropy(softmax_over_legal(0)), np.log(4)]
    np.testing.assert_allclose(dists.entropy(dists.masked_categorical(LOGITS, MASK)), expected, rtol=1e-6)


def test_gradients_are_finite_and_spare_illegal_actions():
    def objective(logits):
        log_probs = dists.masked_categorical(logits, MASK)
        return jnp.sum(dists.entropy(log_probs) + dists.log_prob(log_probs, jnp.array([2, 0])))

    grad = np.asarray(jax.grad(objective)(LOGITS))
    assert np.isfinite(grad).all()
    assert (grad[~np.asarray(MASK)] == 0).all()
    assert np.abs(grad).max() > 0.1


def test_nothing_legal_is_uniform():
    probs = np.exp(dists.masked_categorical(LOGITS[0], jnp.zeros(5, bool)))
    np.testing.assert_allclose(probs, 0.2, rtol=1e-6)


NOTHING = jnp.zeros((1, 5), bool)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 1e9])
def test_straight_through_is_a_one_hot_sample_of_the_softmax(temperature):
    draws, log_probs = 20_000, dists.masked_categorical(LOGITS, MASK)
    keys = jax.random.split(jax.random.key(3), draws)
    drawn = np.asarray(
        jax.jit(jax.vmap(lambda key: dists.straight_through(key, log_probs, temperature)))(keys)
    )
    assert np.isin(drawn, (0, 1)).all()  # exactly
    assert (drawn.sum(-1) == 1).all()
    for row in range(2):
        counts, legal = drawn[:, row].sum(0), np.asarray(MASK[row])
        assert counts[~legal].sum() == 0
        assert scipy.stats.chisquare(counts[legal], draws * softmax_over_legal(row)[legal]).pvalue > 1e-3


@pytest.mark.parametrize("temperature", [0.1, 1.0, 1e9])
def test_straight_through_has_the_gradient_of_the_soft_sample_and_none_for_illegal_actions(temperature):
    weight, key = jnp.arange(10.0).reshape(2, 5), jax.random.key(4)

    def value(logits):
        log_probs = dists.masked_categorical(logits, MASK)
        return jnp.sum(weight * dists.straight_through(key, log_probs, temperature))

    def soft(logits):
        noisy = (logits + jax.random.gumbel(key, logits.shape, jnp.float32)) / temperature
        return jnp.sum(weight * jax.nn.softmax(jnp.where(MASK, noisy, -jnp.inf)))

    grads = np.asarray(jax.grad(value)(LOGITS))
    assert (grads[~np.asarray(MASK)] == 0).all()
    np.testing.assert_allclose(grads, jax.grad(soft)(LOGITS), rtol=1e-3, atol=2e-5)


def test_straight_through_takes_any_action_where_none_is_legal():
    log_probs = dists.masked_categorical(LOGITS[:1], NOTHING)
    keys = jax.random.split(jax.random.key(5), 100)
    drawn = jax.vmap(lambda key: dists.straight_through(key, log_probs, 1.0))(keys)
    assert (drawn.sum(0) > 0).all()
