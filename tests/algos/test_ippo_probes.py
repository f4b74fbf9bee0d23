"""IPPO on the probe worlds: each fails if one particular part of the learner is wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.algos import ippo
from garrison.algos.ippo import Config
from garrison.core.world import World

GAMMA = 0.9
CONFIG = Config(
    total_steps=16_000,
    num_envs=32,
    rollout_steps=16,
    epochs=4,
    hidden_sizes=(32, 32),
    learning_rate=5e-3,
    gamma=GAMMA,
)


def trained(name: str, config: Config = CONFIG) -> tuple[World, ippo.TrainState, float]:
    """The world, the state after training, the mean return of the last iteration."""
    world = garrison.make(name)
    step = jax.jit(ippo.iteration, donate_argnames="state")
    state = jax.jit(ippo.init)(config, world, jax.random.key(0))
    for _ in range(ippo.num_iterations(config, world)):
        state, metrics = step(config, world, state)
    return world, state, float(metrics["return"])


def value_of(state: ippo.TrainState, obs: jax.Array) -> np.ndarray:
    """Values in units of the world's rewards, ``f32[agent]``."""
    variance = state.reward_scale.moments.variance
    value = state.value_scale.denormalize(state.net((), obs, False)[1][1])
    return np.asarray(value * (jnp.sqrt(variance) if variance > 1e-8 else 1.0))


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


@pytest.mark.parametrize(
    "change",
    [
        {"sharing": "separate"},
        {"sharing": "grouped", "separate_critic": True, "activation": "relu"},
        {"normalize_values": True, "normalize_per_agent": True, "entropy_end": 0.0, "target_kl": 0.05},
        {"normalize_rewards": False, "anneal_lr": False, "learning_rate": 1e-3},
    ],
    ids=lambda change: " ".join(change),
)
def test_every_variant_learns(change):
    config = CONFIG.replace(**change)
    world, state, _ = trained("toy/discount", config)
    values = [value_of(state, jnp.eye(3)[time][None])[0] for time in range(3)]
    np.testing.assert_allclose(values, [GAMMA**2, GAMMA, 1.0], atol=0.06)
    assert trained("toy/coordination", config)[2] > 0.97


@pytest.mark.parametrize(("decisions_only", "reached"), [(True, (0.97, 1.01)), (False, (0.3, 0.7))])
def test_a_decision_gets_what_it_leads_to(decisions_only, reached):
    """Without looking ahead (lambda 0) nobody else can tell a right action from a wrong one."""
    config = CONFIG.replace(decisions_only=decisions_only, gae_lambda=0.0, rollout_steps=15)
    assert reached[0] < trained("toy/busy", config)[2] < reached[1]
