"""IPPO on the probe worlds: each fails if one particular part of the learner is wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.algos import ippo
from garrison.algos.ippo import IPPO
from garrison.core.world import World

GAMMA = 0.9
CONFIG = IPPO(
    total_steps=16_000,
    lanes=32,
    rollout_steps=16,
    epochs=4,
    hidden=(32, 32),
    learning_rate=5e-3,
    gamma=GAMMA,
)


def trained(name: str) -> tuple[World, ippo.TrainState, float]:
    """The world, the state after training, the mean return of the last iteration."""
    world = garrison.make(name)
    step = jax.jit(ippo.iteration, static_argnames="world", donate_argnames="state")
    state = jax.jit(ippo.init, static_argnames="world")(CONFIG, world, jax.random.key(0))
    for _ in range(ippo.num_iterations(CONFIG, world)):
        state, metrics = step(CONFIG, world, state)
    return world, state, float(metrics["return"])


def value_of(state: ippo.TrainState, obs: jax.Array) -> np.ndarray:
    """Values in units of the world's rewards, ``f32[agent]``."""
    variance = state.scale.moments.variance
    return np.asarray(state.net(obs)[1] * (jnp.sqrt(variance) if variance > 1e-8 else 1.0))


def test_value_is_the_reward():
    world, state, _ = trained("toy/value")
    np.testing.assert_allclose(value_of(state, world.reset(jax.random.key(0))[0]), 1.0, atol=0.02)


def test_value_is_discounted():
    _, state, _ = trained("toy/discount")
    values = [value_of(state, jnp.eye(3)[time][None])[0] for time in range(3)]
    np.testing.assert_allclose(values, [GAMMA**2, GAMMA, 1.0], atol=0.05)


def test_value_goes_on_across_a_time_limit():
    world, state, _ = trained("toy/truncation")
    np.testing.assert_allclose(value_of(state, world.reset(jax.random.key(0))[0]), 1 / (1 - GAMMA), rtol=0.05)


@pytest.mark.parametrize("name", ["toy/credit", "toy/masking", "toy/coordination"])
def test_finds_the_best_actions(name):
    assert trained(name)[2] > 0.97  # random play has 1/2
