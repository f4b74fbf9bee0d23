import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.core.testing import check_world
from garrison.core.wrappers import AutoReset, EpisodeStats, Vectorize, lane, lane_keys
from garrison.worlds.toy.network import Network
from garrison.worlds.toy.probes import Discount, Memory, Truncation

KEY = jax.random.key(7)
MEMORY = Memory(delay=2)  # three steps; the first observation shows a cue, the last one asks for it


def rollout(world, steps, actions):
    """Steps of one environment, stacked over time, by one scan."""

    def one(state, key):
        obs, state, step = world.step(key, state, actions)
        return state, (obs, step)

    _, state = world.reset(KEY)
    return jax.lax.scan(one, state, jax.random.split(KEY, steps))[1]


@pytest.mark.parametrize("wrap", [AutoReset, EpisodeStats, lambda world: EpisodeStats(AutoReset(world))])
def test_wrapped_worlds_keep_the_contract(wrap):
    check_world(wrap(MEMORY), KEY)


def test_auto_reset_starts_a_new_episode_in_the_last_step():
    obs, step = rollout(AutoReset(MEMORY), 7, jnp.zeros(1, jnp.int32))
    assert step.terminated.tolist() == [False, False, True, False, False, True, False]
    assert not step.truncated.any()
    asks, cue = obs[:, 0, 2], obs[:, 0, :2].sum(-1)
    assert asks.tolist() == [0, 1, 0, 0, 1, 0, 0]
    assert cue.tolist() == [0, 0, 1, 0, 0, 1, 0]  # that of the next episode, in the step that ends one
    assert step.final_obs[2].tolist() == [[0, 0, 0]]  # past the question, and no new cue
    np.testing.assert_array_equal(obs[~step.done], step.final_obs[~step.done])


def test_auto_reset_draws_episodes_anew():
    obs, step = rollout(AutoReset(MEMORY), 90, jnp.zeros(1, jnp.int32))
    cues = obs[step.done][:, 0, 0]
    assert 0 < cues.sum() < len(cues)


def test_auto_reset_keeps_truncation():
    _, step = rollout(AutoReset(Truncation()), 20, jnp.zeros(1, jnp.int32))
    assert np.flatnonzero(step.truncated).tolist() == [9, 19]
    assert not step.terminated.any()


def test_episode_stats_count_the_running_and_the_last_episode():
    _, step = rollout(EpisodeStats(AutoReset(Discount())), 7, jnp.zeros(1, jnp.int32))
    assert step.info["episode_length"].tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert step.info["episode_return"][:, 0].tolist() == [0, 0, 1, 0, 0, 1, 0]
    assert step.info["last_length"].tolist() == [0, 0, 3, 3, 3, 3, 3]
    assert step.info["last_return"][:, 0].tolist() == [0, 0, 1, 1, 1, 1, 1]


def test_episode_stats_keep_what_the_world_tells():
    _, step = rollout(EpisodeStats(Network()), 2, jnp.zeros(2, jnp.int32))
    assert set(step.info) >= {"reward_parts", "episode_return"}


def test_lanes_do_not_depend_on_how_many_there_are():
    few, many = (Vectorize(Network(), lanes).reset(KEY)[1] for lanes in (2, 5))
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b[:2]).all(), few, many))
    alone = Network().reset(lane_keys(KEY, 5)[4])[1]
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), lane(many, 4), alone))
    assert len({tuple(infected) for infected in many.infected.tolist()}) > 1


def test_vectorize_has_lanes_everywhere_and_checks_its_actions():
    world = Vectorize(Network(), 3)
    obs, state = world.reset(KEY)
    obs, state, step = world.step(KEY, state, np.zeros((3, 2), int))
    assert obs.shape == (3, 2, 8)
    assert world.legal(state).shape == (3, 2, 7)
    assert {leaf.shape[0] for leaf in jax.tree.leaves((state, step))} == {3}
    with pytest.raises(ValueError, match="action 5 of agent 'blue_0' in lane 1"):
        world.step(KEY, state, [[0, 0], [5, 0], [0, 0]])


def test_reset_done_starts_episodes_where_the_old_ones_are_over():
    world = Vectorize(MEMORY, 3)
    _, state = world.reset(KEY)
    obs, state, _ = world.step(KEY, state, np.zeros((3, 1), int))
    new_obs, new = jax.jit(world.reset_done)(KEY, obs, state, jnp.array([True, False, True]))
    assert state.time.tolist() == [1, 1, 1]
    assert new.time.tolist() == [0, 1, 0]
    assert new.cue[1] == state.cue[1]
    assert new_obs[:, 0, :2].sum(-1).tolist() == [1, 0, 1]


def test_wrappers_answer_for_the_world_inside():
    world = EpisodeStats(AutoReset(MEMORY))
    assert (world.name, world.version, world.agents, world.max_steps) == ("toy/memory", "1", ("learner",), 3)
    assert world.delay == 2
    assert world.action_labels(0) == ["left", "right"]
    assert world.describe(world.reset(KEY)[1])["time"] == 0
    with pytest.raises(AttributeError, match="no_such_thing"):
        world.no_such_thing  # noqa: B018
    network = EpisodeStats(Network())
    state = network.reset(KEY)[1]
    after, step = network.step(KEY, state, [0, 0])[1:]
    assert network.narrate(state, [0, 0], after, step)[:2] == ["blue_0: sleep", "blue_1: sleep"]


def test_vectorize_is_outermost_and_describes_no_lane_by_itself():
    world = Vectorize(MEMORY, 2)
    for wrap in (AutoReset, EpisodeStats, lambda inner: Vectorize(inner, 2)):
        with pytest.raises(ValueError, match="Vectorize must be the outermost wrapper"):
            wrap(world)
    with pytest.raises(ValueError, match="one lane at a time"):
        world.describe(world.reset(KEY)[1])
    with pytest.raises(ValueError, match="lanes is 0"):
        dataclasses.replace(world, lanes=0)
