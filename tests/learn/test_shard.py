"""Two devices learn what one does, up to the order of sums."""

import os
import subprocess
import sys

import jax
import pytest

from garrison.learn import shard

# Devices can only be multiplied before JAX starts, so a process of its own does both trainings.
PROGRAM = """
import jax, numpy as np
from garrison import algos
from garrison.learn import shard
from garrison.worlds.toy.network import Network
from dataclasses import dataclass

@dataclass(frozen=True)
class FixedNetwork(Network):
    fixed_horizon = True

assert jax.device_count() == 2
algorithm = algos.get(name)
def trained(world, rollout_steps):
    config = algorithm.Config(
        total_steps=500, num_envs=4, rollout_steps=rollout_steps, hidden_sizes=(8,), **settings
    )
    state = jax.jit(algorithm.init)(config, world, jax.random.key(0))
    step = jax.jit(algorithm.iteration).lower(config, world, state).compile()
    for _ in range(algorithm.num_iterations(config, world)):
        state, metrics = step(config, world, state)
    return step, state, metrics

for world, rollout_steps in ((Network(steps=6), 8), (FixedNetwork(steps=6), None)):
    _, one, _ = trained(world, rollout_steps)
    with shard.devices(4):
        step, two, _ = trained(world, rollout_steps)
    assert len(jax.tree.leaves(two.net)[0].sharding.device_set) == 2
    assert joined in step.as_text()
    for a, b in zip(jax.tree.leaves(one.net), jax.tree.leaves(two.net), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
print("equal")
"""


_REPLAY = {"sequence": 2, "updates": 2, "batch_size": 4, "replay_steps": 100}
#: What each algorithm joins: gradients are summed over the devices, a replay is on each of them.
JOINED = [
    ("ippo", "all-reduce", {}),
    pytest.param(
        "ippo", "all-reduce", {"novelty": "ngu", "novelty_ignore": ("time",)}, marks=pytest.mark.slow
    ),
    pytest.param("pqn", "all-reduce", {"minibatches": 1}, marks=pytest.mark.slow),
    ("qmix", "all-gather", _REPLAY),
    pytest.param("maddpg", "all-gather", _REPLAY, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "joined", "settings"), JOINED)
def test_two_devices_learn_what_one_does(name, joined, settings):
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    program = f"name, joined, settings = {name!r}, {joined!r}, {settings!r}\n{PROGRAM}"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.stdout == "equal\n", done.stderr


@pytest.mark.parametrize(
    ("there", "num_envs", "used"), [(1, 5, 1), (4, 8, 4), (4, 6, 3), (8, 7, 7), (2, 5, 1)]
)
def test_as_many_devices_as_share_the_environments_evenly(monkeypatch, there, num_envs, used):
    monkeypatch.setattr(jax, "device_count", lambda: there)
    assert shard.usable(num_envs) == used
