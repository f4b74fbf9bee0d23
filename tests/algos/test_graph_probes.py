"""What only attention along edges, or a memory that knows time, can reach."""

import numpy as np
import probe_runs
import pytest

import garrison
from garrison import algos

SETTINGS = {
    "network": "graph",
    "hidden_sizes": (16, 16),
    "activation": "relu",
    "cell_size": 16,
    "decisions_only": True,
    "num_envs": 64,
    "epochs": 4,
    "entropy_coef": 0.0,
    "learning_rate": 5e-3,
}
SLOW = pytest.mark.slow


def reached(name, world, seeds, **settings):
    """Mean return of the last five iterations of each seed."""
    algorithm = algos.get(name)
    _, returns = probe_runs.trained(algorithm, world, algorithm.Config(**SETTINGS | settings), seeds)
    return np.asarray(returns)[:, -5:].mean(axis=1)


@pytest.mark.parametrize(
    ("name", "attention"),
    [
        ("ippo", "adjacent"),
        pytest.param("mappo", "adjacent", marks=SLOW),
        pytest.param("ippo", "full", marks=SLOW),
        pytest.param("ippo", "none", marks=SLOW),
    ],
)
def test_only_attention_along_edges_finds_the_neighbor(name, attention):
    budget = {"rollout_steps": 8, "minibatches": 2, "total_steps": 25 * 64 * 8}
    found = reached(name, garrison.make("toy/graph"), 2, attention=attention, memory_time="none", **budget)
    assert (found > 0.97).all() if attention == "adjacent" else (np.abs(found - 0.5) < 0.1).all()


@pytest.mark.parametrize(
    ("name", "time"),
    [
        pytest.param("ippo", "ode", marks=SLOW),
        pytest.param("mappo", "ode", marks=SLOW),
        pytest.param("ippo", "decay", marks=SLOW),
        pytest.param("ippo", "feature", marks=SLOW),
        pytest.param("ippo", "none", marks=SLOW),
    ],
)
def test_only_a_memory_that_knows_time_tells_long_from_short(name, time):
    budget = {"num_envs": 128, "minibatches": 4, "total_steps": 80 * 128 * 2}
    found = reached(name, garrison.make("toy/timer", choice=True), 2, memory_time=time, **budget)
    assert (found > 0.93).all() if time != "none" else (np.abs(found - 0.5) < 0.15).all()
