"""Running statistics and reward scaling against numpy."""

import jax.numpy as jnp
import numpy as np

from garrison.learn import norm

GAMMA = 0.9


def test_moments_of_chunks_are_those_of_all():
    chunks = [np.random.default_rng(i).normal(5, 2, size=(i + 1, 3)).astype(np.float32) for i in range(6)]
    moments = norm.Moments.zero()
    for chunk in chunks:
        moments = norm.add(moments, jnp.asarray(chunk))
    together = np.concatenate(chunks)
    assert moments.count == together.size
    np.testing.assert_allclose(moments.mean, together.mean(), rtol=1e-5)
    np.testing.assert_allclose(moments.variance, together.var(), rtol=1e-4)


def running_returns(reward: np.ndarray, done: np.ndarray) -> np.ndarray:
    totals, running = np.zeros_like(reward), np.zeros(reward.shape[1:])
    for t in range(len(reward)):
        totals[t] = running = GAMMA * running + reward[t]
        running = np.where(done[t][:, None], 0, running)
    return totals


def test_rewards_are_divided_by_the_deviation_of_the_running_return():
    rng = np.random.default_rng(0)
    reward, done = rng.normal(-3, 2, size=(40, 2, 3)).astype(np.float32), rng.random((40, 2)) < 0.2
    totals = running_returns(reward, done)
    scale = norm.RewardScale.zero(2, 3)
    # In two rollouts, so that what is carried from one to the next counts.
    scale, first = norm.scale_rewards(scale, jnp.asarray(reward[:20]), jnp.asarray(done[:20]), GAMMA)
    scale, second = norm.scale_rewards(scale, jnp.asarray(reward[20:]), jnp.asarray(done[20:]), GAMMA)
    np.testing.assert_allclose(first, reward[:20] / totals[:20].std(), rtol=1e-4)
    np.testing.assert_allclose(second, reward[20:] / totals.std(), rtol=1e-4)


def test_rewards_that_never_vary_are_left_alone():
    reward, done = jnp.ones((5, 2, 1)), jnp.ones((5, 2), bool)
    _, scaled = norm.scale_rewards(norm.RewardScale.zero(2, 1), reward, done, GAMMA)
    np.testing.assert_array_equal(scaled, reward)
