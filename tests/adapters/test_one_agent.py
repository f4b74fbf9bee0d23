"""A world in which one agent of a side acts, and a policy decides for the others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.adapters.one_agent import one_agent
from garrison.core.policy import Constant, Memoryless
from garrison.core.struct import struct
from garrison.core.testing import check_world
from garrison.worlds.toy.network import Network
from garrison.worlds.toy.probes import Pursuit

KEY = jax.random.key(2)
SLEEP, ANALYSE_WEB, RESTORE_WEB = 0, 1, 2


@struct
class Counting(Memoryless):
    """Each agent takes the action with the number of decisions so far."""

    def init(self, key, num_agents):
        return jnp.zeros(num_agents, jnp.int32)

    def act(self, key, obs, mask, memory):
        return memory, memory + 1


def test_it_keeps_the_contract_of_worlds():
    check_world(one_agent(Network(), "blue_1", "random"), KEY, steps=3)


@pytest.mark.parametrize(("agent", "own"), [("blue_0", 0), (1, 1)])
def test_it_plays_as_the_whole_world_does_with_the_joint_actions(agent, own):
    whole = Network()
    world = one_agent(whole, agent, Constant((2, 1)))
    reset_key, _ = jax.random.split(KEY)
    obs, state = whole.reset(reset_key)
    seen, view = world.reset(KEY)
    size, count = whole.observation_sizes[own], whole.action_counts[own]
    for number in range(3):
        step_key, _ = jax.random.split(jax.random.fold_in(KEY, number))
        joint = np.array([2, 1], np.int32)
        joint[own] = 0
        np.testing.assert_array_equal(seen, obs[own, :size][None])
        np.testing.assert_array_equal(world.legal(view), whole.legal(state)[own, :count][None])
        obs, state, step = whole.step(step_key, state, joint)
        seen, view, mine = world.step(jax.random.fold_in(KEY, number), view, np.array([0], np.int32))
        assert view.actions.tolist() == joint.tolist()
        assert mine.reward.tolist() == [step.reward[own]]
        assert mine.truncated == step.truncated


def test_the_others_keep_a_memory():
    world = one_agent(Network(), 0, Counting())
    _, state = world.reset(KEY)
    for number in range(3):
        _, state, _ = world.step(KEY, state, np.array([1], np.int32))
        assert state.actions.tolist() == [1, number]


def test_what_happened_is_told_of_all_agents():
    world = one_agent(Network(), 0, Constant((0, ANALYSE_WEB)))
    _, state = world.reset(KEY)
    actions = np.array([SLEEP], np.int32)
    _, after, step = world.step(KEY, state, actions)
    assert world.narrate(state, actions, after, step)[:2] == ["blue_0: sleep", "blue_1: analyse web"]


def test_the_others_may_read_more_than_the_agent():
    stock = garrison.make("cc4")
    world = one_agent(stock, "blue_agent_4", "guard")
    assert world.observation_sizes == (stock.observation_sizes[4],)
    assert (world.world.observation, stock.observation) == ("rich", "stock")
    assert world.observation_labels(0) == stock.observation_labels(4)


def test_a_single_agent_of_a_side_has_none_of_what_is_the_sides():
    world = one_agent(garrison.make("cc4"), 0, "idle")
    assert dict(world.sides) == {"blue": (0,)}
    assert world.entities() is world.behavior() is world.diagnosis() is None
    assert set(world.policies()) == {"idle", "random"}
    assert world.policies()["idle"] == Constant((world.idle_actions[0],))


@pytest.mark.parametrize(
    ("world", "agent", "others", "message"),
    [
        (Network(), "blue_7", "random", "no agent 'blue_7'"),
        (Network(), 0, "guard", "no policy 'guard' in world 'toy/network'; policies: random"),
        (Pursuit(), 0, "random", r"has the sides chaser, evader; choose one with .*one_side"),
    ],
)
def test_errors_name_what_is_possible(world, agent, others, message):
    with pytest.raises(ValueError, match=message):
        one_agent(world, agent, others)
