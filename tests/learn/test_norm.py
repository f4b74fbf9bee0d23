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


def test_each_agent_may_have_a_scale_of_its_own():
    """As if it were alone, whatever the others get."""
    rng = np.random.default_rng(0)
    sizes = np.array([1, 30, 0.1], np.float32)
    reward = (rng.normal(-3, 2, size=(40, 2, 3)) * sizes).astype(np.float32)
    done = rng.random((40, 2)) < 0.2
    scale, scales = norm.RewardScale.zero(2, 3, per_agent=True), [norm.RewardScale.zero(2, 1)] * 3
    for rows in (slice(0, 20), slice(20, 40)):
        now, over = jnp.asarray(reward[rows]), jnp.asarray(done[rows])
        scale, scaled = norm.scale_rewards(scale, now, over, GAMMA)
        for agent in range(3):
            scales[agent], alone = norm.scale_rewards(scales[agent], now[..., agent, None], over, GAMMA)
            np.testing.assert_allclose(scaled[..., agent], alone[..., 0], rtol=1e-5)
    assert scale.moments.mean.shape == (3,)


def test_standardized_values_of_each_agent():
    rng = np.random.default_rng(0)
    values = (rng.normal(2, 3, size=(50, 4, 2)) * [1, 100]).astype(np.float32)
    weight = (rng.random((50, 4, 2)) < 0.7).astype(np.float32)
    found = np.asarray(norm.standardized(jnp.asarray(values), jnp.asarray(weight)))
    for agent in range(2):
        own = values[..., agent][weight[..., agent] > 0]
        expected = (values[..., agent] - own.mean()) / own.std()
        np.testing.assert_allclose(found[..., agent], expected, rtol=1e-4, atol=1e-4)


def test_the_running_return_is_discounted_by_the_time_that_passed():
    rng = np.random.default_rng(0)
    reward, done = rng.normal(-3, 2, size=(40, 2, 3)).astype(np.float32), rng.random((40, 2)) < 0.2
    elapsed = rng.uniform(0.1, 3.0, (40, 2)).astype(np.float32)
    totals, running = np.zeros_like(reward), np.zeros((2, 3))
    for t in range(40):  # what came before a step is discounted by the duration of the step before it
        totals[t] = running + reward[t]
        running = np.where(done[t][:, None], 0, GAMMA ** elapsed[t][:, None] * totals[t])
    scale = norm.RewardScale.zero(2, 3)
    arrays = [jnp.asarray(x) for x in (reward, done, elapsed)]
    for rows in (slice(0, 20), slice(20, 40)):
        parts = [x[rows] for x in arrays]
        scale, scaled = norm.scale_rewards(scale, parts[0], parts[1], GAMMA, parts[2])
    np.testing.assert_allclose(scaled, reward[20:] / totals.std(), rtol=1e-4)


def test_rewards_that_never_vary_are_left_alone():
    reward, done = jnp.ones((5, 2, 1)), jnp.ones((5, 2), bool)
    _, scaled = norm.scale_rewards(norm.RewardScale.zero(2, 1), reward, done, GAMMA)
    np.testing.assert_array_equal(scaled, reward)


def test_weighted_moments():
    values, weight = jnp.array([1.0, 2.0, 4.0, 99.0]), jnp.array([1.0, 1.0, 2.0, 0.0])
    np.testing.assert_allclose(norm.mean(values, weight), 2.75)
    np.testing.assert_allclose(
        norm.variance(values, weight), np.average([1.75**2, 0.75**2, 1.25**2, 1.25**2])
    )
    assert norm.mean(values, jnp.zeros(4)) == 0


def test_value_scale_is_that_of_the_targets_and_forgets_old_ones():
    rng = np.random.default_rng(0)
    scale = norm.ValueScale.zero()
    assert (scale.shift, scale.deviation) == (0, 1)  # nothing is changed before anything was seen
    for mean in (1000.0,) + (5.0,) * 200:
        targets = rng.normal(mean, 3, 1000).astype(np.float32)
        scale = norm.update_popart(scale, jnp.asarray(targets), jnp.ones(1000))
        if mean == 1000:
            np.testing.assert_allclose(
                [scale.shift, scale.deviation], [targets.mean(), targets.std()], rtol=0.02
            )
    np.testing.assert_allclose([scale.shift, scale.deviation], [5, 3], rtol=0.05)
    np.testing.assert_allclose(scale.normalize(scale.denormalize(jnp.array(0.3))), 0.3, rtol=1e-5)


def test_what_the_network_says_stays_the_same_in_units_of_the_reward():
    rng = np.random.default_rng(0)
    old = norm.update_popart(norm.ValueScale.zero(), jnp.asarray(rng.normal(-3, 2, 99)), jnp.ones(99))
    new = norm.update_popart(old, jnp.asarray(rng.normal(50, 9, 99)), jnp.ones(99))
    weight, bias, hidden = (
        jnp.asarray(rng.normal(size=(4, 1))),
        jnp.array([0.5]),
        jnp.asarray(rng.normal(size=4)),
    )
    moved = norm.rescale_head(weight, bias, old, new)
    np.testing.assert_allclose(
        new.denormalize(hidden @ moved[0] + moved[1]), old.denormalize(hidden @ weight + bias), rtol=1e-4
    )
