"""What all toy worlds have in common."""

import hashlib

import jax
import numpy as np
import pytest

import garrison
from garrison.core.testing import check_world
from garrison.core.wrappers import Vectorize

TOYS = [name for name in garrison.available_worlds() if name.startswith("toy/")]

# Per world and version, the hash of a trajectory. One that changes under the same version is a mistake.
GOLDEN = {
    ("toy/coordination", "1"): "9a872a1cfd9ed808",
    ("toy/credit", "1"): "e6980d95ea64928a",
    ("toy/discount", "1"): "12a182c129bf0c88",
    ("toy/masking", "1"): "08277a163bfd9963",
    ("toy/baseline", "1"): "d92bbd2bb62f79c1",
    ("toy/busy", "1"): "2fe87570c49d8387",
    ("toy/corridor", "1"): "311b20b472c409d8",
    ("toy/memory", "1"): "4263a11741868ffb",
    ("toy/pursuit", "1"): "83165778f976d6d7",
    ("toy/matrix", "1"): "4e14408cd24fea73",
    ("toy/kuhn", "1"): "08ac441e4b53a21f",
    ("toy/duel", "1"): "2f5e6e76c4f9959c",
    ("toy/network", "1"): "3f1366de64bcc0fc",
    ("toy/two_step", "1"): "f0532d6beeda5f81",
    ("toy/climb", "1"): "304a5cd0f96906dc",
    ("toy/mask_next", "1"): "0a260d66682234d2",
    ("toy/sizes", "1"): "bea0c312fd0c15ea",
    ("toy/signal", "1"): "28522a7775678269",
    ("toy/shares", "1"): "f28b7a2f02b210d9",
    ("toy/cliff", "1"): "4a09a971e8f9f630",
    ("toy/repeated", "1"): "9a18a0beb4bb82f4",
    ("toy/sojourn", "1"): "19f837a96a51c53b",
    ("toy/graph", "1"): "f551d3e514441071",
    ("toy/timer", "1"): "eac39b4e92664d3d",
    ("toy/truncation", "1"): "b40bcffb9f371f61",
    ("toy/value", "1"): "de865c78beeb3b00",
}


def trajectory_hash(name: str) -> str:
    """Hash of all that two environments return in four steps, with actions 0, 1, 0, 1."""
    world = Vectorize(garrison.make(name), 2)
    obs, state = world.reset(jax.random.key(0))
    seen = [obs, state]
    step = jax.jit(world.step)
    for time in range(4):
        actions = np.full((2, world.num_agents), time % 2, np.int32)
        obs, state, result = step(jax.random.key(time), state, actions)
        seen += [obs, state, result]
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(seen):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()[:16]


@pytest.mark.parametrize("name", TOYS)
def test_contract(name):
    check_world(garrison.make(name), jax.random.key(0))


@pytest.mark.parametrize("name", TOYS)
def test_trajectories_change_only_with_the_version(name):
    assert trajectory_hash(name) == GOLDEN[name, garrison.make(name).version]
