"""One side of a two-sided world: opponents by name, as policies and as pools."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.core.policy import STATE, Constant, Memoryless, Pool, Random
from garrison.core.sides import one_side
from garrison.core.struct import struct
from garrison.core.testing import check_world
from garrison.core.wrappers import AutoReset, Vectorize
from garrison.worlds.toy.probes import Credit, Pursuit

KEY = jax.random.key(3)
BOTH = Pursuit()


@struct
class Copy(Memoryless):
    """Does what the other side did in the step before."""

    def act(self, key, obs, mask, memory):
        return jnp.argmax(obs, axis=-1).astype(jnp.int32), memory


@struct
class Spy(Memoryless):
    """Privileged: goes left until the state says that a step is done."""

    observation = STATE

    def act(self, key, state, mask, memory):
        return jnp.minimum(state.time, 1)[None].astype(jnp.int32), memory


@struct
class Counting:
    """Goes right from its second decision on; the memory counts."""

    def init(self, key, num_agents):
        return jnp.zeros((), jnp.int32)

    def act(self, key, obs, mask, memory):
        return jnp.full(1, memory > 0).astype(jnp.int32), memory + 1


@jax.jit
def rewards(world, actions):
    """Rewards ``f32[step, agent]`` of an episode with ``actions`` (int32[step])."""
    _, state = world.reset(KEY)

    def one(state, action):
        _, state, step = world.step(KEY, state, action[None])
        return state, step.reward

    return jax.lax.scan(one, state, actions)[1]


def played(opponent, actions, side="chaser"):
    return rewards(one_side(BOTH, side, opponent), jnp.array(actions))[:, 0].tolist()


@pytest.mark.parametrize("opponent", ["random", "right", Copy(), Spy(), Counting()])
def test_one_side_keeps_the_contract(opponent):
    check_world(one_side(BOTH, "evader", opponent), KEY)


def test_the_opponent_decides_for_the_other_side():
    assert played("right", [1, 0, 1]) == [1, -1, 1]
    assert played("right", [1, 0, 1], side="evader") == [-1, 1, -1]
    assert played("idle", [1, 0, 1]) == [-1, 1, -1]
    assert played(Copy(), [1, 1, 0]) == [-1, 1, -1]  # left, then what was done before
    assert played(Spy(), [0, 1, 1]) == [1, 1, 1]
    assert played(Counting(), [0, 1, 1]) == [1, 1, 1]


def test_the_opponent_forgets_between_episodes():
    world = AutoReset(one_side(BOTH, "chaser", Counting()))
    assert rewards(world, jnp.array([0, 1, 1, 0, 1, 1]))[:, 0].tolist() == [1] * 6


def test_reward_parts_are_those_of_the_side():
    for side, sign in (("chaser", 1), ("evader", -1)):
        world = one_side(BOTH, side, "right")
        _, state = world.reset(KEY)
        step = world.step(KEY, state, jnp.array([1]))[2]
        assert float(step.info["reward_parts"]["caught"]) == float(step.reward[0]) == sign


def test_parameters_of_the_opponent_do_not_compile_again():
    @struct
    class Biased(Memoryless):
        chance: jax.Array

        def act(self, key, obs, mask, memory):
            return jax.random.bernoulli(key, self.chance, (1,)).astype(jnp.int32), memory

    before = rewards._cache_size()
    sums = [played(Biased(jnp.float32(chance)), [1, 1, 1]) for chance in (0, 1, 0.5)]
    assert rewards._cache_size() == before + 1
    assert sums[:2] == [[-1, -1, -1], [1, 1, 1]]


def test_a_pool_draws_an_opponent_per_environment():
    members = (Constant((0,)), Constant((1,)), Copy())
    world = Vectorize(one_side(BOTH, "chaser", Pool(members, jnp.array([1.0, 1.0, 0.0]))), 400)
    state = world.reset(KEY)[1]
    index = np.asarray(state.memory[0])
    assert 150 < (index == 0).sum() < 250
    assert not (index == 2).any()  # it has no weight
    step = world.step(KEY, state, np.zeros((400, 1), int))[2]
    np.testing.assert_array_equal(step.reward[:, 0], np.where(index == 0, 1, -1))


def test_a_member_of_a_pool_acts_as_it_does_alone():
    for index, member in enumerate((Copy(), Random(), Counting(), Spy())):
        members = [Constant((1,))] * 4
        members[index] = member
        for order in (members, members[::-1]):
            weights = jnp.array([float(one is member) for one in order])
            assert played(Pool(tuple(order), weights), [0, 1, 0]) == played(member, [0, 1, 0])


def test_wrong_sides_and_names_are_named():
    with pytest.raises(ValueError, match="no policy 'guard' of side 'evader'.*policies: idle, random, right"):
        one_side(BOTH, "chaser", "guard")
    with pytest.raises(ValueError, match="no side 'blue' in world 'toy/pursuit'; sides: chaser, evader"):
        one_side(BOTH, "blue", "right")
    with pytest.raises(ValueError, match="has not two sides, but 1"):
        one_side(Credit(), "agents", "random")


def test_pools_with_privileged_members_need_the_state():
    pool = Pool((Spy(),), jnp.ones(1))
    with pytest.raises(ValueError, match="privileged"):
        pool.act(KEY, jnp.zeros((1, 2)), jnp.ones((1, 2), bool), pool.init(KEY, 1))
