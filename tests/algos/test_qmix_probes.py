"""QMIX, VDN and independent Q-learning on the probe worlds, each beside a learner that has to fail."""

from functools import partial

import jax.numpy as jnp
import numpy as np
import probe_runs
import pytest
from probe_runs import values

import garrison
from garrison.algos import qmix
from garrison.algos.qmix import Config
from garrison.learn import targets

GAMMA = 0.9
CONFIG = Config(
    total_steps=6_000,
    num_envs=16,
    hidden_sizes=(32,),
    learning_rate=3e-3,
    gamma=GAMMA,
    mixer="sum",
    mixer_size=8,
    hyper_size=16,
    updates=8,
    target_updates=50,
    replay_steps=20_000,
    exploration_until=0.5,
)
#: play at random, so that what is reached depends on what can be represented alone
RANDOM = CONFIG.replace(exploration_end=1.0, gamma=0.99)


def trained(name: str, config: Config = CONFIG, seeds: int = 1):
    """The world, and the train states of several seeds: leaves [seed, ...]."""
    world = garrison.make(name)
    return world, probe_runs.trained(qmix, world, config, seeds)[0]


returns = partial(probe_runs.returns, qmix)


@pytest.mark.parametrize("td_lambda", [0.0, 0.6])
def test_values_are_discounted(td_lambda):
    _, states = trained("toy/discount", CONFIG.replace(td_lambda=td_lambda))
    found = np.array([values(states, row) for row in np.eye(3)])
    np.testing.assert_allclose(found, np.array([[GAMMA**2], [GAMMA], [1.0]]) * np.ones(2), atol=0.05)


@pytest.mark.parametrize("rollout_steps", [None, 16])
def test_values_go_on_across_a_time_limit(rollout_steps):
    config = CONFIG.replace(rollout_steps=rollout_steps, sequence=1, batch_size=64, updates=16)
    _, states = trained("toy/truncation", config.replace(total_steps=12_000, target_updates=20))
    np.testing.assert_allclose(values(states, [1.0]), 1 / (1 - GAMMA), rtol=0.05)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("toy/credit", {"mixer": "none"}),
        ("toy/masking", {"mixer": "qmix"}),
        ("toy/coordination", {"mixer": "qmix", "exploration": "boltzmann"}),
        ("toy/coordination", {"mixer": "none", "target_tau": 0.02}),
        ("toy/busy", {"td_lambda": 0.6}),
        ("toy/sizes", {"mixer": "qmix", "sharing": "grouped", "total_steps": 12_000}),
    ],
)
def test_finds_the_best_actions(name, change):
    world, states = trained(name, CONFIG.replace(**change))
    assert returns(world, states) > 0.97


def test_the_next_states_mask_reaches_the_target(monkeypatch):
    """Before an illegal action of value 2 the value is γ; a maximum over all actions says 2 γ."""
    _, states = trained("toy/mask_next")
    np.testing.assert_allclose(values(states, [0, 1, 0]), GAMMA, atol=0.05)
    np.testing.assert_allclose(values(states, [1, 0, 0]), 2 * GAMMA, atol=0.05)
    masked = targets.double_q
    monkeypatch.setattr(
        targets, "double_q", lambda online, target, mask: masked(online, target, jnp.ones_like(mask))
    )
    _, states = trained("toy/mask_next")
    np.testing.assert_allclose(values(states, [0, 1, 0]), 2 * GAMMA, atol=0.05)


@pytest.mark.parametrize("seeds", [1, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("mixer", "reached"), [("qmix", 8), ("sum", 7), ("none", 7)])
def test_only_a_mixer_of_the_state_plays_the_risky_game(mixer, reached, seeds):
    """Rashid et al. 2018, section 5: a sum says 6.5 of the best pair, and each alone 4.5."""
    world, states = trained("toy/two_step", RANDOM.replace(mixer=mixer, total_steps=8_000), seeds)
    assert (returns(world, states) == reached).all()


@pytest.mark.parametrize("seeds", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_a_monotonic_mixer_does_not_climb(seeds):
    """Nor should it: from random play it cannot represent the game, and says so by playing safe."""
    world, states = trained("toy/climb", RANDOM.replace(mixer="qmix"), seeds)
    assert (returns(world, states) == 0).all()


@pytest.mark.parametrize("seeds", [1, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("network", ["recurrent", "mlp"])
def test_only_a_recurrent_network_remembers(network, seeds):
    config = CONFIG.replace(network=network, cell_size=32, total_steps=16_000, learning_rate=5e-3)
    world, states = trained("toy/memory", config, seeds)
    found = returns(world, states)
    assert (found > 0.97).all() if network == "recurrent" else (np.abs(found - 0.5) < 0.2).all()
