"""IPPO on the probe worlds: each fails if one particular part of the learner is wrong."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.algos import ippo
from garrison.algos.ippo import Config
from garrison.core.world import World
from garrison.core.wrappers import Wrapper
from garrison.learn import experience, ppo
from garrison.worlds.toy.timed import Sojourn, Timer

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


def trained(name: str | World, config: Config = CONFIG) -> tuple[World, ippo.TrainState, float]:
    """The world, the state after training, the mean return of the last iteration."""
    world = garrison.make(name) if isinstance(name, str) else name
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


class PerStep(Wrapper):
    """A world that does not tell how long its steps take."""

    def step(self, key, state, actions):
        obs, state, step = self.world.step(key, state, actions)
        return obs, state, step.replace(elapsed=None)


class Timeless(Wrapper):
    """``toy/timer`` without the time in its observations."""

    def reset(self, key):
        obs, state = self.world.reset(key)
        return obs.at[:, 1].set(0), state

    def step(self, key, state, actions):
        obs, state, step = self.world.step(key, state, actions)
        obs = obs.at[:, 1].set(0)
        return obs, state, step.replace(final_obs=obs)


def test_the_future_is_discounted_by_elapsed_time():
    """A discount per step takes the slow way, which pays more: here that is the wrong one."""
    world = Sojourn()
    config = CONFIG.replace(normalize_rewards=False)
    _, state, reached = trained(world, config)
    assert reached < world.pays[0] + 0.01
    np.testing.assert_allclose(value_of(state, jnp.eye(3)[:1])[0], world.value(0, GAMMA), atol=0.05)
    _, state, reached = trained(PerStep(world), config)
    assert reached > world.pays[1] - 0.01
    np.testing.assert_allclose(value_of(state, jnp.eye(3)[:1])[0], GAMMA * world.pays[1], atol=0.05)


def test_a_discount_per_decision_takes_the_slow_way():
    """It is matched to how long decisions take on average, and no longer knows which takes how long."""
    config = CONFIG.replace(normalize_rewards=False, decisions_only=True, discount="decisions")
    assert trained(Sojourn(), config)[2] > Sojourn.pays[1] - 0.01


def test_what_decisions_count_is_their_mean_duration():
    reward, decides = jnp.zeros((3, 2, 1)), jnp.array([[[1], [1]], [[0], [1]], [[0], [1]]], bool)
    batch = SimpleNamespace(reward=reward, elapsed=jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 9.0]]))
    config = CONFIG.replace(decisions_only=True, discount="decisions")
    found = ppo._durations(config, batch, decides)
    np.testing.assert_allclose(found, np.where(decides, 24 / 4, 0))
    assert ppo._durations(CONFIG, batch, decides).shape == (3, 2, 1)
    found = ppo._durations(config, SimpleNamespace(reward=reward, elapsed=None), decides)
    np.testing.assert_allclose(found, np.where(decides, 6 / 4, 0))
    with pytest.raises(ValueError, match="discount is 'decisions'; it needs decisions_only"):
        ippo.check(CONFIG.replace(discount="decisions"), Sojourn())


def test_decisions_and_time_are_counted():
    mask = jnp.array([[[[1, 1], [1, 0]]], [[[1, 1], [1, 1]]]], bool)  # [step, env, agent, action]
    batch = SimpleNamespace(mask=mask, reward=jnp.zeros((2, 1, 2)), elapsed=jnp.array([[1.5], [2.0]]))
    found = experience._played(batch)
    assert (int(found["decisions"]), float(found["elapsed"])) == (3, 3.5)
    batch.elapsed = None
    assert float(experience._played(batch)["elapsed"]) == 2


def test_acts_on_elapsed_time():
    config = CONFIG.replace(decisions_only=True, total_steps=32_000)
    assert trained("toy/timer", config)[2] > 0.95  # random play has 1/2
    assert trained(Timeless(Timer()), config)[2] < 0.65
