"""Environments side by side: of a JAX world, and in processes, with stand-ins and with CybORG."""

from functools import partial

import numpy as np
import pytest
from counting import DIE, FAIL, Counting

from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg.world import CybORGWorld
from garrison.parity.torch.vector_envs import LiveEnvironment, ProcessEnvs, WorldEnvs
from garrison.worlds.toy.network import Network

WORLD = Network(steps=6)


@pytest.fixture(scope="module")
def three():
    """Three environments in two processes."""
    with ProcessEnvs(Counting, num_envs=3, workers=2) as envs:
        yield envs


def test_each_lane_gets_its_seed_and_its_actions(three):
    obs, mask = three.reset([5, 6, 7])
    assert obs[:, 0, 0].tolist() == [5, 6, 7]
    assert (mask.shape, mask.dtype) == ((3, 2, 10), bool)
    assert len(set(obs[:, 0, 2].tolist())) == 2  # processes
    after = three.step(np.array([[0, 1], [2, 3], [4, 5]], np.int32))
    assert after.reward.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert after.obs[:, 0, 1].tolist() == [1, 1, 1]
    three.step(np.zeros((3, 2), np.int32))
    assert three.step(np.zeros((3, 2), np.int32)).done.all()
    assert three.reset([1, 2, 3])[0][:, 0, 1].tolist() == [0, 0, 0]


def test_lanes_are_counted(three):
    with pytest.raises(ValueError, match="one entry per environment, 3, and got 2"):
        three.reset([1, 2])
    for workers in (0, 4):
        with pytest.raises(ValueError, match=f"workers is {workers}"):
            ProcessEnvs(Counting, num_envs=3, workers=workers)


@pytest.mark.parametrize(("action", "told"), [(FAIL, "the network is down"), (DIE, "exited unexpectedly")])
def test_an_environment_that_fails_is_told_of(action, told):
    with ProcessEnvs(Counting, num_envs=2, workers=1) as envs:
        envs.reset([0, 1])
        with pytest.raises(ChildProcessError, match=told):
            envs.step(np.array([[0, 0], [action, 0]], np.int32))


def test_a_world_plays_each_seed_alike_whatever_is_beside_it():
    both, alone = WorldEnvs(WORLD), WorldEnvs(WORLD)
    actions = np.ones((2, 2), np.int32)
    seen = [both.reset([3, 4]), alone.reset([4])]
    for _ in range(WORLD.max_steps):
        for one, other in zip(*seen, strict=True):
            np.testing.assert_array_equal(one[1], other[0])
        seen = [both.step(actions), alone.step(actions[:1])]
    assert seen[0].done.all()
    np.testing.assert_array_equal(seen[0].reward[1], seen[1].reward[0])


def test_a_worlds_masks_are_those_after_the_step():
    envs = WorldEnvs(WORLD)
    _, mask = envs.reset([0])
    assert mask[0, 0].sum() == WORLD.action_counts[0]
    restore = np.array([[WORLD.action_labels(0).index("restore gateway"), 0]], np.int32)
    after = envs.step(restore)
    assert after.mask[0, 0].sum() == 1  # it is busy


@pytest.mark.cyborg
def test_cyborg_in_processes_plays_as_it_does_here():
    try:
        engine.cyborg()
    except engine.MissingCybORG as error:
        pytest.skip(str(error))
    world = CybORGWorld(steps=12)
    here = [LiveEnvironment(world) for _ in range(2)]
    rng = np.random.default_rng(0)
    with ProcessEnvs(partial(LiveEnvironment, world), num_envs=2, workers=2) as envs:
        obs, mask = envs.reset([3, 4])
        own = [one.reset(seed) for one, seed in zip(here, (3, 4), strict=True)]
        np.testing.assert_array_equal(obs, np.stack([x for x, _ in own]))
        for step in range(world.max_steps):
            actions = np.array([[rng.choice(np.flatnonzero(row)) for row in env] for env in mask], np.int32)
            after = envs.step(actions)
            own = [one.step(action) for one, action in zip(here, actions, strict=True)]
            for field, together in after._asdict().items():
                np.testing.assert_array_equal(together, np.stack([getattr(one, field) for one in own]))
            assert after.done.all() == (step == world.max_steps - 1)
            mask = after.mask
