"""Opponents of groups of environments: each plays as it does alone, whoever is beside it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.core import opponents
from garrison.core.opponents import drawn, gathered, groups_of, met
from garrison.core.policy import STATE, Memoryless, Random
from garrison.core.sides import one_side
from garrison.core.struct import struct
from garrison.core.wrappers import AutoReset, Vectorize
from garrison.worlds.toy.probes import Pursuit

KEY = jax.random.key(4)
BOTH, NUM_ENVS = Pursuit(), 16


@struct
class Linear(Memoryless):
    """Samples from logits that are a linear function of the observation."""

    weights: jax.Array  # f32[feature, action]

    def act(self, key, obs, mask, memory):
        return jax.random.categorical(key, obs @ self.weights).astype(jnp.int32), memory


@struct
class Counting:
    """Goes right from its second decision on; the memory counts. Another structure than Linear's."""

    right: jax.Array  # int32[]

    def init(self, key, num_agents):
        return jnp.zeros((), jnp.int32)

    def act(self, key, obs, mask, memory):
        return jnp.where(memory > 0, self.right, 0)[None], memory + 1


@struct
class Spy(Memoryless):
    observation = STATE

    def act(self, key, state, mask, memory):
        return (state.time == 0)[None].astype(jnp.int32), memory


def linear(seed):
    return Linear(3 * jax.random.normal(jax.random.key(seed), (2, 2)))


MEMBERS = {
    "first": linear(0),
    "random": Random(),
    "counting": Counting(jnp.int32(1)),
    "second": linear(1),
    "spy": Spy(),
}


@jax.jit
def played(world, key):
    """Rewards and opponents ``[step, env]`` of episodes in which the learner goes left."""
    envs = Vectorize(world, NUM_ENVS)

    def one(state, key):
        _, state, step = envs.step(key, state, jnp.zeros((NUM_ENVS, 1), jnp.int32))
        return state, (step.reward[:, 0], step.info["opponent"])

    start, key = jax.random.split(key)
    return jax.lax.scan(one, envs.reset(start)[1], jax.random.split(key, world.max_steps))[1]


def against(members, groups=None, **options):
    pool = gathered(members, **options)
    world = one_side(BOTH, "chaser", pool)
    rewards, index = played(world if groups is None else met(world, KEY, groups), KEY)
    return np.asarray(rewards), np.asarray(pool.names)[np.asarray(index)]


def test_each_group_plays_as_against_its_opponent_alone():
    rewards, names = against(MEMBERS, groups=8)
    assert set(names[0]) == set(MEMBERS)
    for group in names.reshape(-1, 8, 2).transpose(1, 0, 2):
        assert len(set(group.ravel())) == 1  # one opponent for whole episodes
    alone = {name: against({name: one}, groups=1)[0] for name, one in MEMBERS.items()}
    for env, name in enumerate(names[0]):
        np.testing.assert_array_equal(rewards[:, env], alone[name][:, env])
    assert len({rewards.tobytes() for rewards in alone.values()}) == len(alone)  # they differ
    # the same where each environment looks its opponent up
    rewards, names = against(MEMBERS)
    assert len(set(names[0])) > 3
    for env, name in enumerate(names[0]):
        np.testing.assert_array_equal(rewards[:, env], alone[name][:, env])


def test_a_permutation_of_networks_permutes_what_is_played():
    pool = gathered([linear(seed) for seed in range(3)])
    order = np.array([2, 0, 1])
    turned = gathered([linear(int(seed)) for seed in order])
    index = jnp.array([0, 1, 2, 0, 1, 2, 1, 0])

    def of(pool, index):
        return played(one_side(BOTH, "chaser", pool.met(index)), KEY)[0]

    np.testing.assert_array_equal(of(pool, index), of(turned, jnp.asarray(np.argsort(order))[index]))


def test_more_networks_and_other_weights_do_not_compile_again():
    worlds = [
        met(one_side(BOTH, "chaser", gathered([linear(i) for i in range(count)], capacity=4)), KEY, 4)
        for count in (1, 3, 4)
    ]
    before = played._cache_size()
    shares = [np.asarray(played(world, KEY)[1]) for world in worlds]
    assert played._cache_size() == before + 1
    assert [x.max() for x in shares] == [0, 2, 3]  # padding plays nowhere


def test_draws_follow_the_weights_and_leave_out_what_has_none():
    weights = jnp.array([0.0, 2.0, 1.0, 0.0, 1.0, 0.0])
    keys = jax.random.split(KEY, 3_000)
    index = np.asarray(jax.jit(jax.vmap(lambda key: drawn(key, weights, 8)))(keys))
    assert set(np.unique(index)) == {1, 2, 4}
    assert (np.sort(index, axis=1) == [1, 1, 1, 1, 2, 2, 4, 4]).all()  # as often as the weights say
    one = np.asarray(jax.jit(jax.vmap(lambda key: drawn(key, weights, 1)))(keys))[:, 0]
    np.testing.assert_allclose(np.bincount(one)[[1, 2, 4]] / len(keys), [0.5, 0.25, 0.25], atol=0.03)
    np.testing.assert_array_equal(drawn(KEY, weights, 8), drawn(KEY, weights, 8))


def test_memory_is_reset_with_the_episode():
    pool = gathered({"counting": Counting(jnp.int32(1))})
    world = Vectorize(AutoReset(one_side(BOTH, "chaser", pool)), 2)
    state, rewards = world.reset(KEY)[1], []
    step = jax.jit(world.step)
    for t in range(6):
        _, state, result = step(jax.random.fold_in(KEY, t), state, jnp.zeros((2, 1), jnp.int32))
        rewards.append(float(result.reward[0, 0]))
    assert rewards == [1, -1, -1] * 2  # left, then right


def test_groups_are_of_equal_size():
    assert [groups_of(count) for count in (1, 7, 11, 16, 48, 100)] == [1, 7, 1, 8, 8, 5]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weights": [1.0]}, "1 weights for 5 opponents"),
        ({"weights": [1, 1, 1, 1, -1]}, "must be at least 0"),
        ({"weights": [0] * 5}, "one above 0"),
        ({"capacity": 1}, "2 networks of one structure; capacity is 1"),
    ],
)
def test_wrong_weights_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        gathered(MEMBERS, **options)


def test_privileged_members_need_the_state():
    pool = gathered({"spy": Spy()})
    with pytest.raises(ValueError, match="privileged"):
        pool.act(KEY, jnp.zeros((1, 2)), jnp.ones((1, 2), bool), pool.init(KEY, 1))


def test_a_world_without_opponents_stays_as_it_is():
    world = one_side(BOTH, "chaser", "right")
    assert opponents.names_in(world) == ()
    assert met(world, KEY, 4) == world
