"""The replay: what a sequence holds, the order of the ring, what is drawn."""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.learn import replay, rollout
from garrison.worlds.toy.network import Network
from garrison.worlds.toy.probes import Memory

ENVS = 3


@lru_cache
def played(world, steps, seed=0):
    """A rollout of random play with its ends; ``first`` is kept, as for networks with a memory."""

    def act(key, memory, seen):
        action = jax.random.categorical(key, jnp.where(seen.mask, 0.0, -jnp.inf)).astype(jnp.int32)
        return memory, action, jnp.zeros(action.shape), jnp.zeros(action.shape)

    @partial(jax.jit, static_argnames=("steps", "world"))
    def play(world, key, steps):
        envs = rollout.envs_of(world, ENVS, steps, ("concat",))
        start = rollout.Position(*envs.reset(key), jnp.ones(ENVS, bool), jnp.zeros(ENVS))
        return rollout.play(envs, act, None, key, start, steps, ("concat",), ends=True)[1]

    return play(world, jax.random.key(seed), steps)


def filled(batch, length, rollouts=1):
    ring = replay.empty(batch, length, rollouts)
    return insert(ring, cut(batch, length))


cut = jax.jit(replay.sequences, static_argnames="length")
insert, take = jax.jit(replay.insert), jax.jit(replay.take)


@pytest.mark.parametrize(("whole", "length"), [(True, None), (True, 4), (False, 4), (False, 1)])
def test_a_sequence_is_a_piece_of_one_environment_with_what_each_step_led_to(whole, length):
    """Whole episodes and rollouts with resets give the same; the last sequence overlaps where it must."""
    world, steps = (Memory(delay=5), 6) if whole else (Network(steps=4), 10)
    batch = played(world, steps)
    ring, size = filled(batch, length), length or steps
    starts = [min(n * size, steps - size) for n in range(-(-steps // size))]
    assert ring.slots == ring.filled == ENVS * len(starts)
    assert replay.num_sequences(steps, length) == len(starts)
    rows = take(ring, jnp.arange(ring.slots))
    now, after = rows.views()
    assert (rows.after is None) == (whole or length == steps == 1)
    slot = 0
    for start in starts:  # in the order in which they are cut: chunk by chunk, env by env
        for env in range(ENVS):
            piece = slice(start, start + size)
            np.testing.assert_array_equal(now.obs[:, slot], batch.obs[piece, env])
            np.testing.assert_array_equal(now.mask[:, slot], batch.mask[piece, env])
            np.testing.assert_array_equal(now.first[:, slot], batch.first[piece, env])
            np.testing.assert_array_equal(now.global_state[:, slot], batch.global_state[piece, env])
            for name in ("action", "reward", "terminated", "done"):
                np.testing.assert_array_equal(getattr(rows, name)[:, slot], getattr(batch, name)[piece, env])
            goes_on = ~np.asarray(batch.done)[piece, env] & (np.arange(start, start + size) < steps - 1)
            for name in ("obs", "mask", "global_state"):
                later = np.asarray(getattr(batch, name))[np.arange(start, start + size)[goes_on] + 1, env]
                np.testing.assert_array_equal(np.asarray(getattr(after, name))[goes_on, slot], later)
            slot += 1


def test_what_ends_an_episode_leads_to_its_last_observation_and_not_to_the_next_ones_first():
    world, steps = Network(steps=4), 10
    batch = played(world, steps)
    rows = take(filled(batch, None), jnp.arange(ENVS))
    now, after = rows.views()
    time = np.asarray(now.obs)[:, :, 0, 3]  # of the first agent
    ends = np.asarray(rows.done)
    assert ends.sum() == 2 * ENVS
    assert not np.asarray(rows.terminated).any()
    assert (np.asarray(after.obs)[:, :, 0, 3][ends] > time[ends]).all()
    assert (time[1:][ends[:-1]] == 0).all()
    assert after.mask[ends].any(-1).all()


def test_the_ring_replaces_the_oldest_and_keeps_order():
    batches = [played(Network(steps=4), 6, seed) for seed in range(5)]
    ring = replay.empty(batches[0], 3, rollouts=3)
    assert ring.filled == 0
    for number, batch in enumerate(batches):
        ring = insert(ring, cut(batch, 3))
        assert ring.filled == min(number + 1, 3) * 2 * ENVS
    held = np.asarray(ring.rows.reward).reshape(3, -1)
    for place, number in enumerate([3, 4, 2]):  # 0 and 1 were replaced
        np.testing.assert_array_equal(held[place], np.asarray(cut(batches[number], 3).reward).ravel())


def test_samples_are_uniform_and_never_of_empty_slots():
    batch = played(Network(steps=4), 6)
    ring = replay.empty(batch, 3, rollouts=4)
    ring = insert(insert(ring, cut(batch, 3)), cut(batch, 3))
    drawn = np.bincount(replay.sample(ring, jax.random.key(0), 6_000), minlength=ring.slots)
    there = int(ring.filled)
    assert there == ring.slots // 2
    assert (drawn[there:] == 0).all()
    expected = 6_000 / there
    assert ((drawn[:there] - expected) ** 2 / expected).sum() < 31.3  # of 11 degrees, one run in 1,000


def test_masks_and_small_observations_take_little_and_come_back_exactly():
    batch = played(Network(steps=4), 6)
    small = batch.replace(obs=jnp.round(batch.obs).astype(jnp.uint8))
    small = small.replace(after=small.after.replace(obs=jnp.round(small.after.obs).astype(jnp.uint8)))
    ring = filled(small, 6)
    assert ring.rows.now.obs.dtype == ring.rows.now.mask.dtype == jnp.uint8
    assert ring.rows.now.mask.shape[-1] == 1  # seven actions
    rows = take(ring, jnp.arange(ENVS))
    assert rows.now.obs.dtype == jnp.float32
    np.testing.assert_array_equal(rows.now.obs, np.round(batch.obs))
    np.testing.assert_array_equal(rows.now.mask, batch.mask)


def test_an_insert_needs_no_second_ring():
    batch = played(Network(steps=4), 6)
    rows = cut(batch, 3)
    ring = replay.empty(batch, 3, rollouts=100)
    one, all_of_them = (sum(x.nbytes for x in jax.tree.leaves(tree)) for tree in (rows, ring.rows))
    compiled = jax.jit(replay.insert, donate_argnums=0).lower(ring, rows).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 2 * one < all_of_them


def test_a_sequence_has_to_fit_into_a_rollout():
    batch = played(Network(steps=4), 6)
    with pytest.raises(ValueError, match="sequence is 7; a rollout has 6 steps"):
        replay.sequences(batch, 7)
