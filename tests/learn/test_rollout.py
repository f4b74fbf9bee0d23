"""Rollouts: what followed a step is valued before any reset; whole episodes need no reset."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from garrison.learn import rollout
from garrison.worlds.toy.network import Network

ENVS, STEPS = 2, 5


@dataclass(frozen=True)
class FixedNetwork(Network):
    """All its episodes have the same length, and it says so."""

    fixed_horizon = True


def sleep(key, memory, seen):
    """Everybody sleeps; the value is the last feature that both agents have, the time."""
    lead = seen.obs.shape[:2]
    return memory, jnp.zeros(lead, jnp.int32), jnp.zeros(lead), time_of(seen.obs)


def time_of(obs):
    """The fraction of the episode that is over, which is the network's last feature."""
    return jnp.stack([obs[:, 0, 3], obs[:, 1, 7]], axis=1)


@partial(jax.jit, static_argnames=("steps", "act", "value", "kinds", "chunk"))
def play(world, steps, key, act=sleep, value=None, memory=(), kinds=(), chunk=None):
    envs = rollout.envs_of(world, ENVS, steps, kinds)
    start = rollout.Position(*envs.reset(key), jnp.ones(ENVS, bool), memory)
    value = value or (lambda memory, seen: time_of(seen.obs))
    end, batch = rollout.play(envs, act, value, key, start, steps, kinds, chunk)
    return end, batch


def test_what_followed_the_last_step_is_valued_before_the_reset():
    end, batch = play(Network(steps=STEPS), 2 * STEPS + 1, jax.random.key(0))
    times = np.tile(np.arange(STEPS), 3)[: 2 * STEPS + 1] / STEPS
    for env in range(ENVS):
        for agent in range(2):
            np.testing.assert_allclose(batch.value[:, env, agent], times, atol=1e-6)
            np.testing.assert_allclose(batch.next_value[:, env, agent], times + 1 / STEPS, atol=1e-6)
    np.testing.assert_array_equal(np.flatnonzero(batch.done[:, 0]), [STEPS - 1, 2 * STEPS - 1])
    assert not batch.terminated.any()
    np.testing.assert_allclose(time_of(end.obs), 1 / STEPS, atol=1e-6)


def test_whole_episodes_have_no_reset_and_the_same_values():
    assert rollout.whole_episodes(FixedNetwork(steps=STEPS), STEPS)
    assert not rollout.whole_episodes(FixedNetwork(steps=STEPS), STEPS + 1)
    assert not rollout.whole_episodes(Network(steps=STEPS), STEPS)
    end, whole = play(FixedNetwork(steps=STEPS), STEPS, jax.random.key(1))
    np.testing.assert_allclose(time_of(end.obs), 1.0, atol=1e-6)  # the end of the episode, not a new one
    np.testing.assert_allclose(whole.next_value[:, 0, 0], np.arange(1, STEPS + 1) / STEPS, atol=1e-6)
    assert whole.done[-1].all()
    assert not whole.done[:-1].any()


def test_mean_return_is_over_the_episodes_that_ended():
    _, batch = play(Network(steps=STEPS), 2 * STEPS + 1, jax.random.key(0))
    rewards = np.asarray(batch.reward)[: 2 * STEPS].mean(axis=-1)  # of the two episodes in each environment
    mean, episodes = rollout.mean_return(batch)
    assert episodes == 2 * ENVS
    np.testing.assert_allclose(mean, rewards.sum() / (2 * ENVS), rtol=1e-5)
    unfinished = jax.tree.map(lambda x: x[: STEPS - 1], batch)
    mean, episodes = rollout.mean_return(unfinished)
    assert episodes == 0
    assert np.isnan(mean)


def test_picked_rows_are_those_of_the_steps_of_each_environment():
    rows = jnp.arange(4 * 3 * 2).reshape(4, 3, 2)
    index = jnp.array([[0, 3, 1], [2, 2, 0]])
    expected = np.stack([np.stack([rows[index[r, env], env] for env in range(3)]) for r in range(2)])
    np.testing.assert_array_equal(rollout.pick(rows, index), expected)
    np.testing.assert_array_equal(rollout.pick(rows[..., 0], index), expected[..., 0])


def test_entries_are_counted_over_all_axes():
    rows = jnp.ones((4, 3, 2)).at[1, 2, 0].set(jnp.nan).at[3, 0, 1].set(jnp.inf)
    assert rollout.count(jnp.isnan, rows) == 1
    assert rollout.count(lambda x: ~jnp.isfinite(x), rows) == 2
    assert rollout.count(lambda x: x > 0, rows[..., 0]) == 11
