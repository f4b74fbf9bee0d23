"""Rollouts: what followed a step is valued before any reset; whole episodes need no reset."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from garrison.learn import rollout
from garrison.worlds.toy.network import Network
from garrison.worlds.toy.probes import Truncation

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


@dataclass(frozen=True)
class Reporting(Truncation):
    """Tells how long a step takes, a team reward, a global state; what is legal depends on the time."""

    agents = ("one", "other")
    max_steps = 3
    fixed_horizon = False
    global_state_kinds = ("concat", "time")

    def step(self, key, state, actions):
        obs, after, step = super().step(key, state, actions)
        elapsed = 0.5 + state.time.astype(jnp.float32)
        reward = jnp.array([1.0, 3.0], jnp.float32)
        return obs, after, step.replace(reward=reward, elapsed=elapsed, info={"team_reward": jnp.float32(10)})

    def legal(self, state):
        return jnp.tile(jnp.stack([state.time > 0, state.time < 3]), (2, 1))

    def global_state_size(self, kind="concat"):
        return {"concat": 2, "time": 1}[kind]

    def global_state(self, state, obs, kind="concat"):
        return state.time[None].astype(jnp.float32) if kind == "time" else super().global_state(state, obs)


def look(memory, seen):
    """The time of the global state, and a hundred times the number of legal actions."""
    times = seen.global_state[:, 2:] + jnp.zeros(seen.obs.shape[:2])
    return times if seen.mask is None else times + 100 * jnp.sum(seen.mask, axis=-1)


def look_and_sleep(key, memory, seen):
    lead = seen.obs.shape[:2]
    return memory, jnp.zeros(lead, jnp.int32), jnp.zeros(lead), look(memory, seen)


def test_rollouts_hold_what_the_world_reports():
    kinds = ("concat", "time")
    end, batch = play(Reporting(), 5, jax.random.key(0), look_and_sleep, look, kinds=kinds)
    np.testing.assert_array_equal(batch.reward[:, 0], np.tile([1.0, 3.0], (5, 1)))
    np.testing.assert_array_equal(batch.elapsed[:, 0], [0.5, 1.5, 2.5, 0.5, 1.5])
    np.testing.assert_array_equal(batch.global_state[:, 0, 2], [0, 1, 2, 0, 1])
    assert batch.global_state.shape == (5, ENVS, 3)
    mean, episodes = rollout.mean_return(batch)
    assert (mean, episodes) == (30, ENVS)  # the team's, not that of the agents' rewards
    np.testing.assert_array_equal(batch.value[:, 0, 0], [100, 201, 202, 100, 201])
    # What followed the last step of an episode is seen in its final state, under that state's mask.
    np.testing.assert_array_equal(batch.next_value[:, 0, 0], [201, 202, 103, 201, 202])


def test_steps_of_one_duration_say_nothing_of_it():
    _, batch = play(Network(steps=STEPS), 2, jax.random.key(0))
    assert batch.elapsed is None
    assert batch.first is None
    assert batch.global_state is None
