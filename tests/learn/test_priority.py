"""Prioritized replay: how often slots are drawn, what weights undo, what is never drawn."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.learn import priority, replay

ALPHA, BETA = 0.6, 0.4
draw, update = jax.jit(priority.draw, static_argnums=2), jax.jit(priority.update)


def of_errors(errors) -> jax.Array:
    """Priorities of slots with these errors."""
    errors = jnp.asarray(errors, jnp.float32)
    return update(jnp.zeros(errors.size), jnp.arange(errors.size), errors[None], ALPHA)


def ring(slots: int, rollouts: int, inserted: int = 0) -> replay.Replay:
    """A prioritized ring of sequences of one step that hold their own number."""
    nothing = jnp.zeros((slots, 1))
    flags = nothing.astype(bool)
    view = replay.View(nothing[..., None, None], jnp.ones((slots, 1, 1, 1), jnp.uint8), flags)
    rows = replay.Rows(view, view, nothing.astype(jnp.int32)[..., None], nothing[..., None], flags, flags)
    kept = replay.Replay(rows, jnp.zeros((), jnp.int32), 1, slots // rollouts, jnp.zeros(slots))
    for _ in range(inserted):
        kept = insert(kept)
    return kept


@jax.jit
def insert(kept: replay.Replay) -> replay.Replay:
    one = jax.tree.map(lambda x: x[: kept.rollout_sequences], kept.rows)
    number = kept.inserted.astype(jnp.float32)
    return replay.insert(kept, one.replace(reward=jnp.full_like(one.reward, number)))


def chi2(counts: np.ndarray, probabilities: np.ndarray) -> float:
    expected = counts.sum() * probabilities
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("count", [1, 32])
def test_frequencies_are_the_errors_to_the_power_alpha(count):
    """One by one; draws of a batch are spread evenly, which makes them vary less."""
    errors = np.random.default_rng(0).exponential(size=1_000) + 0.1
    keys = jax.random.split(jax.random.key(0), 200_000 // count)
    drawn = jax.jit(jax.vmap(partial(priority.draw, of_errors(errors), count=count)))(keys)
    counts = np.bincount(np.ravel(drawn), minlength=1_000)
    assert chi2(counts, errors**ALPHA / (errors**ALPHA).sum()) < 1_144  # of 999 degrees, one run in 1,000
    assert chi2(counts, np.full(1_000, 1e-3)) > 2_000
    assert chi2(counts, errors / errors.sum()) > 2_000


def test_a_batch_is_spread_over_the_ring():
    """Each of equal parts of the sum gives one, so what has a part of its own is drawn at least once."""
    slots = draw(of_errors([1, 1, 1, 1]), jax.random.key(0), 4)
    assert slots.tolist() == [0, 1, 2, 3]
    slots = np.asarray(draw(of_errors(np.ones(1_000)), jax.random.key(0), 500))
    assert (slots // 2 == np.arange(500)).all()


def test_weights_with_beta_1_undo_the_probabilities():
    """What is expected of a weighted row is a multiple of the mean over all rows, by enumeration."""
    priorities = of_errors(np.random.default_rng(1).exponential(size=50))
    rows = np.random.default_rng(2).normal(size=50)
    probability = np.asarray(priorities / priorities.sum())
    weights = np.asarray(priority.weights(priorities, jnp.arange(50), 1.0))
    multiple = 50 * probability.min()
    np.testing.assert_allclose((probability * weights * rows).sum(), multiple * rows.mean(), rtol=1e-4)
    partly = np.asarray(priority.weights(priorities, jnp.arange(50), BETA))
    np.testing.assert_allclose(
        partly, (50 * probability) ** -BETA / ((50 * probability) ** -BETA).max(), rtol=1e-4
    )


def test_weights_are_those_of_the_whole_ring():
    """The largest is 1, for the least probable slot that is filled, whoever else is in the batch."""
    priorities = jnp.pad(of_errors([1.0, 0.1, 2.0]), (0, 5))
    whole = priority.weights(priorities, jnp.arange(3), BETA)
    assert jnp.argmax(whole) == 1
    assert whole.max() == 1.0
    np.testing.assert_array_equal(priority.weights(priorities, jnp.array([2]), BETA), whole[2:])


def test_of_a_sequence_the_largest_error_counts_most():
    error = jnp.array([[1.0, 0.0], [-3.0, 0.0], [2.0, 0.0]])  # [step, sequence]
    found = update(jnp.full(4, 9.0), jnp.array([2, 0]), error, 1.0)
    np.testing.assert_allclose(found, [1e-6, 9.0, 0.9 * 3 + 0.1 * 2, 9.0], rtol=1e-5)


def test_a_slot_that_was_drawn_twice_gets_the_larger_priority_in_any_order():
    slots, error = jnp.array([1, 3, 1, 1]), jnp.array([[0.2, 0.5, 0.4, 0.3]])
    before = jnp.full(4, 0.7)  # larger than all: it is replaced nevertheless
    for order in ([0, 1, 2, 3], [2, 1, 0, 3], [3, 2, 1, 0]):
        order = jnp.array(order)
        found = update(before, slots[order], error[:, order], 1.0)
        np.testing.assert_allclose(found, [0.7, 0.4, 0.7, 0.5], rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_new_sequences_get_the_largest_priority_of_the_ring(scale):
    kept = ring(12, rollouts=3, inserted=2)
    assert kept.priorities.tolist() == [1.0] * 8 + [0.0] * 4
    errors = scale * jnp.array([[5.0, 1, 1, 1, 1, 1, 1, 1]]) / 1_000
    kept = insert(kept.replace(priorities=update(kept.priorities, jnp.arange(8), errors, 1.0)))
    np.testing.assert_array_equal(kept.priorities[8:], kept.priorities[0])
    drawn = replay.sample(kept, jax.random.key(0), 320)
    assert (np.bincount(drawn, minlength=12)[8:] >= 40).all()  # 320 / 6.4 each; the old ones 10


def test_priorities_turn_over_with_the_ring():
    """The oldest priorities are replaced with the oldest sequences, and the others stay where they are."""
    kept = ring(12, rollouts=3, inserted=3)
    marks = jnp.arange(1, 13, dtype=jnp.float32)
    kept = insert(insert(kept.replace(priorities=marks)))
    assert kept.rows.reward.ravel().tolist() == [3] * 4 + [4] * 4 + [2] * 4
    assert kept.priorities.tolist() == [12] * 8 + [9, 10, 11, 12]


@pytest.mark.parametrize(("slots", "filled"), [(1, 1), (33, 7), (1_025, 1_000), (2_000, 1_999)])
def test_after_very_many_updates_no_empty_slot_was_drawn(slots, filled):
    """Nor does one get a priority; errors are of very different sizes, so that rounding is at its worst."""

    def step(priorities, key):
        draw_key, error_key = jax.random.split(key)
        drawn = priority.draw(priorities, draw_key, 4)
        error = 10 ** jax.random.uniform(error_key, (1, 4), jnp.float32, -8, 6)
        return priority.update(priorities, drawn, error, ALPHA), jnp.max(drawn)

    begun = jnp.pad(jnp.ones(filled), (0, slots - filled))
    keys = jax.random.split(jax.random.key(0), 30_000)
    after, largest = jax.jit(partial(jax.lax.scan, step))(begun, keys)
    assert largest.max() == filled - 1
    assert (after[filled:] == 0).all()
    assert (after[:filled] > 0).all()


def test_the_end_of_the_sum_is_no_empty_slot():
    """A number that rounding puts at the very end, or beyond it, means the last slot that is filled."""
    masses = jnp.array([0.0, 0.3, 0.1, 0.0])
    for wanted in (-0.1, 0.0, 0.4, 1.0):
        place, _ = priority._reached(masses, jnp.asarray(wanted, jnp.float32))
        assert place == (1 if wanted <= 0 else 2)


def test_without_priorities_draws_are_uniform_as_ever():
    kept = ring(12, rollouts=3, inserted=2).replace(priorities=None)
    drawn = replay.sample(kept, jax.random.key(3), 64)
    np.testing.assert_array_equal(drawn, jax.random.randint(jax.random.key(3), (64,), 0, 8, jnp.int32))
    assert priority.weights(None, drawn, BETA) is None
    assert priority.update(None, drawn, jnp.zeros((1, 64)), ALPHA) is None
