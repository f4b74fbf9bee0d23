"""Same key, same trajectory: in any batch and process. With and without jit: see test_contract."""

import hashlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

STEPS, NUM_ENVS = 60, 4
# Of world.version "1". It changes when trajectories do, and then the version must change too; and when the
# state gets another layout, where the fields that stay have to be compared with those before. Red's memory
# follows the state, of which it once was the end.
GOLDEN = "a8785afc56f178fb9f23e4a3c436c15fc223645e28e04afacac06cf8dd86cac5"


def digest(tree) -> str:
    sha = hashlib.sha256()
    for leaf in jax.tree.leaves(jax.device_get(tree)):
        array = np.asarray(leaf)
        sha.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return sha.hexdigest()


@pytest.fixture(scope="module")
def played(rollout, blue_actions):
    keys = jax.random.split(jax.random.key(7), NUM_ENVS)
    actions = blue_actions(7, STEPS, NUM_ENVS)
    return keys, actions, jax.device_get(rollout(keys, actions))


def test_golden_hash_guards_the_version(world, played):
    assert world.version == "1"
    episode, obs, rewards = played[2]
    assert digest((episode.state, episode.red_memory, episode.topology, obs, rewards)) == GOLDEN


def test_lanes_do_not_see_each_other(rollout, played):
    keys, actions, whole = played
    order = np.array([2, 0, 3, 1])
    mixed = rollout(keys[order], actions[:, order])
    expected = jax.tree.map(lambda x: x[order], whole[0])
    assert digest(mixed[0]) == digest(expected)
    assert digest(mixed[1:]) == digest(tuple(x[:, order] for x in whole[1:]))


def test_one_lane_by_itself_is_the_lane_of_a_batch(world, played):
    keys, actions, whole = played
    step = jax.jit(world.step)
    obs, episode = world.reset(keys[1])
    for t in range(STEPS):
        obs, episode, result = step(jax.random.fold_in(keys[1], t), episode, jnp.asarray(actions[t, 1]))
        np.testing.assert_array_equal(obs, whole[1][t, 1])
        assert float(result.reward[0]) == whole[2][t, 1]
    assert digest(episode) == digest(jax.tree.map(lambda x: x[1], whole[0]))


def test_other_keys_other_networks(reset):
    _, episode = reset(jax.random.split(jax.random.key(0), 8))
    assert len({digest(jax.tree.map(lambda x, i=i: x[i], episode.topology)) for i in range(8)}) == 8


PROGRAM = """
import jax, numpy as np, garrison
world = garrison.make("cc4")
_, episode = jax.jit(world.reset)(jax.random.key(3))
print(int(np.asarray(episode.topology.service_pid, np.int64).sum()), episode.topology.red_start.tolist())
"""


def test_another_process_draws_the_same_network(world):
    _, episode = jax.jit(world.reset)(jax.random.key(3))
    pids, starts = np.asarray(episode.topology.service_pid, np.int64), episode.topology.red_start
    there = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == f"{int(pids.sum())} {starts.tolist()}"
