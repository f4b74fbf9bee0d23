"""PQN on the probe worlds: with VDN's sum, QMIX's mixer, and each agent for itself."""

import numpy as np
import probe_runs
import pytest
from probe_runs import returns, values

import garrison
from garrison.algos import pqn
from garrison.algos.pqn import Config
from garrison.learn import dists, explore

GAMMA = 0.9
CONFIG = Config(
    total_steps=6_000,
    num_envs=16,
    rollout_steps=8,
    minibatches=2,
    hidden_sizes=(32,),
    learning_rate=3e-3,
    gamma=GAMMA,
    exploration_until=0.5,
    mixer_size=8,
    hyper_size=16,
)


SLOW = pytest.mark.slow
#: Return in ``toy/two_step`` by the mixer.
REACHED = {"qmix": 8, "sum": 7, "none": 7}


def trained(name: str, seeds: int = 1, **changes):
    """The world, and the train states of several seeds: leaves [seed, ...]."""
    world = garrison.make(name)
    return world, probe_runs.trained(pqn, world, CONFIG.replace(**changes), seeds)[0]


@SLOW
def test_value_is_the_reward():
    _, states = trained("toy/value", exploration_end=1.0)
    np.testing.assert_allclose(values(states, [1.0]), 1.0, atol=0.02)


@pytest.mark.parametrize("td_lambda", [pytest.param(0.0, marks=SLOW), 0.85])
def test_values_are_discounted(td_lambda):
    _, states = trained("toy/discount", td_lambda=td_lambda)
    found = np.array([values(states, row) for row in np.eye(3)])
    np.testing.assert_allclose(found, np.array([[GAMMA**2], [GAMMA], [1.0]]) * np.ones(2), atol=0.05)


@pytest.mark.parametrize("rollout_steps", [pytest.param(None, marks=SLOW), 16])
def test_values_go_on_across_a_time_limit(rollout_steps):
    _, states = trained("toy/truncation", rollout_steps=rollout_steps, total_steps=12_000)
    np.testing.assert_allclose(values(states, [1.0]), 1 / (1 - GAMMA), rtol=0.02)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("toy/credit", {"mixer": "none"}),
        ("toy/masking", {"mixer": "qmix"}),
        pytest.param("toy/coordination", {}, marks=SLOW),
        pytest.param("toy/busy", {}, marks=SLOW),
        ("toy/sizes", {"sharing": "grouped", "total_steps": 12_000}),
    ],
)
def test_finds_the_best_actions(name, changes):
    world, states = trained(name, **changes)
    assert returns(pqn, world, states) > 0.97


def test_the_next_states_mask_reaches_the_target(monkeypatch):
    """Before an illegal action of value 2 the value is γ; a maximum over all actions says 2 γ."""
    _, states = trained("toy/mask_next")
    np.testing.assert_allclose(values(states, [0, 1, 0]), GAMMA, atol=0.07)
    np.testing.assert_allclose(values(states, [1, 0, 0]), 2 * GAMMA, atol=0.07)
    play = explore.epsilon_greedy
    monkeypatch.setattr(explore, "greedy", lambda q, mask: dists.mode(q))
    monkeypatch.setattr(explore, "epsilon_greedy", lambda q, mask, _: play(q, mask, 1.0))  # stays legal
    _, states = trained("toy/mask_next", td_lambda=0.0)
    np.testing.assert_allclose(values(states, [0, 1, 0]), 2 * GAMMA, atol=0.1)


@pytest.mark.parametrize(
    ("mixer", "reached", "seeds"),
    [
        ("qmix", 8, 1),
        *(pytest.param(mixer, reached, 5, marks=SLOW) for mixer, reached in REACHED.items()),
    ],
)
def test_only_a_mixer_of_the_state_plays_the_risky_game(mixer, reached, seeds):
    """From random play, by λ = 0: with λ > 0 a value is partly that of what was done, here at random."""
    world, states = trained(
        "toy/two_step",
        seeds,
        mixer=mixer,
        td_lambda=0.0,
        exploration_end=1.0,
        gamma=0.99,
        total_steps=8_000,
    )
    assert (returns(pqn, world, states) == reached).all()


@pytest.mark.parametrize(
    ("network", "chunk", "seeds"),
    [
        ("recurrent", None, 1),
        pytest.param("recurrent", None, 5, marks=SLOW),
        pytest.param("recurrent", 2, 5, marks=SLOW),
        pytest.param("mlp", None, 5, marks=SLOW),
    ],
)
def test_only_a_recurrent_network_remembers(network, chunk, seeds):
    world, states = trained(
        "toy/memory",
        seeds,
        network=network,
        chunk=chunk,
        cell_size=32,
        rollout_steps=None,
        total_steps=16_000,
        learning_rate=5e-3,
    )
    found = returns(pqn, world, states)
    assert (found > 0.97).all() if network == "recurrent" else (np.abs(found - 0.5) < 0.2).all()
