"""Compiled functions shared by the tests of CC4: one step is compiled per process, not per test."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.worlds.cc4 import CC4


@pytest.fixture(scope="session")
def world() -> CC4:
    return garrison.make("cc4")


@pytest.fixture(scope="session")
def blue_actions(world: CC4):
    """``blue_actions(seed, steps, num_envs)``: random indices ``int32[step, env, agent]``, masked or not."""

    def draw(seed: int, steps: int, num_envs: int) -> np.ndarray:
        counts = np.array(world.action_counts)
        size = (steps, num_envs, world.num_agents)
        return np.random.default_rng(seed).integers(0, counts, size).astype(np.int32)

    return draw


@pytest.fixture(scope="session")
def reset(world: CC4):
    return jax.jit(jax.vmap(world.reset))


@pytest.fixture(scope="session")
def rollout(world: CC4):
    """``rollout(keys[env], actions[step, env, agent]) -> (last episode, observations, rewards)``."""

    @jax.jit
    def run(keys: jax.Array, actions: jax.Array):
        _, episode = jax.vmap(world.reset)(keys)

        def one(episode, inputs):
            t, acts = inputs
            step_keys = jax.vmap(jax.random.fold_in, (0, None))(keys, t)
            obs, episode, step = jax.vmap(world.step)(step_keys, episode, acts)
            return episode, (obs.astype(jnp.uint8), step.reward[:, 0])

        episode, (obs, rewards) = jax.lax.scan(one, episode, (jnp.arange(actions.shape[0]), actions))
        return episode, obs, rewards

    return run


@pytest.fixture(scope="session")
def played(world: CC4, blue_actions):
    """160 steps of three environments with random actions, so that each part of the reward occurs.

    Before, after, the step and the actions, axes [step, env, ...].
    """

    @jax.jit
    def run(keys: jax.Array, actions: jax.Array):
        _, episode = jax.vmap(world.reset)(keys)

        def one(episode, inputs):
            t, acts = inputs
            keys_t = jax.vmap(jax.random.fold_in, (0, None))(keys, t)
            _, after, step = jax.vmap(world.step)(keys_t, episode, acts)
            return after, (episode, after, step, acts)

        return jax.lax.scan(one, episode, (jnp.arange(len(actions)), actions))[1]

    return run(jax.random.split(jax.random.key(0), 3), blue_actions(0, 160, 3))
