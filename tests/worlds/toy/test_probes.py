"""What each probe pays whom, for what."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.core.wrappers import AutoReset, EpisodeStats, Vectorize
from garrison.worlds.toy.probes import (
    Coordination,
    Credit,
    Discount,
    Masking,
    Memory,
    Probe,
    ProbeState,
    Truncation,
    Value,
)

KEY = jax.random.key(3)


def play(
    world: Probe, cue: int, actions: list[int]
) -> tuple[list[list[float]], list[list[float]], list[str]]:
    """Per step of an episode with this cue: what the first agent saw, all rewards, and how it ended."""
    state = ProbeState(jnp.zeros((), jnp.int32), jnp.full((), cue, jnp.int32))
    seen, rewards, ends = [world._observations(state)[0].tolist()], [], []
    for _ in range(world.max_steps):
        obs, state, step = world.step(KEY, state, actions)
        seen.append(obs[0].tolist())
        rewards.append(step.reward.tolist())
        ends.append("terminated" * bool(step.terminated) + "truncated" * bool(step.truncated))
    return seen[:-1], rewards, ends


@pytest.mark.parametrize("action", [0, 1])
def test_value_pays_whatever_is_done(action):
    assert play(Value(), 0, [action]) == ([[1]], [[1]], ["terminated"])


def test_discount_pays_at_the_end():
    seen, rewards, ends = play(Discount(), 0, [0])
    assert seen == np.eye(3).tolist()
    assert rewards == [[0], [0], [1]]
    assert ends == ["", "", "terminated"]


@pytest.mark.parametrize("cue", [0, 1])
@pytest.mark.parametrize("action", [0, 1])
def test_credit_pays_the_action_shown(cue, action):
    assert play(Credit(), cue, [action]) == (
        [np.eye(2)[cue].tolist()],
        [[float(action == cue)]],
        ["terminated"],
    )


@pytest.mark.parametrize("cue", [0, 1, 2])
def test_masking_pays_most_what_is_illegal(cue):
    world = Masking()
    rewards = [play(world, cue, [action])[1][0][0] for action in range(3)]
    legal = world.legal(ProbeState(jnp.zeros((), jnp.int32), jnp.full((), cue, jnp.int32)))[0].tolist()
    assert [legal[action] for action in np.argsort(rewards)] == [True, True, False]
    assert sorted(rewards) == [0, 1, 2]
    assert play(world, cue, [0])[0] == [np.eye(3)[cue].tolist()]


def test_truncation_is_cut_and_not_over():
    seen, rewards, ends = play(Truncation(), 0, [0])
    assert seen == [[1]] * 10
    assert rewards == [[1]] * 10
    assert ends == [""] * 9 + ["truncated"]


@pytest.mark.parametrize(("actions", "reward"), [([0, 0], 1), ([1, 1], 1), ([0, 1], 0), ([1, 0], 0)])
def test_coordination_pays_both_if_they_agree(actions, reward):
    assert play(Coordination(), 0, actions)[1] == [[reward] * 2]


@pytest.mark.parametrize("cue", [0, 1])
@pytest.mark.parametrize("action", [0, 1])
def test_memory_asks_at_the_end_for_what_it_showed_at_the_start(cue, action):
    seen, rewards, _ = play(Memory(delay=2), cue, [action])
    assert seen == [[*np.eye(2)[cue], 0], [0, 0, 0], [0, 0, 1]]
    assert rewards == [[0], [0], [float(action == cue)]]


def test_memory_needs_something_to_remember():
    with pytest.raises(ValueError, match="delay of world 'toy/memory' is 0; it must be at least 1"):
        Memory(delay=0)


def test_cues_are_drawn_evenly():
    for world in (Credit(), Masking(), Memory()):
        cues = np.bincount(Vectorize(world, 600).reset(KEY)[1].cue)
        expected = 600 / world.cues
        assert len(cues) == world.cues
        assert ((cues - expected) ** 2 / expected).sum() < 13.8  # chi-square of 2 degrees, one run in 1,000


@pytest.mark.parametrize(
    "world", [Credit(), Masking(), Coordination(), Memory()], ids=lambda world: world.name
)
def test_random_play_earns_half(world):
    num_envs, steps = 256, 4 * world.max_steps
    many = Vectorize(EpisodeStats(AutoReset(world)), num_envs)

    def one(state, key):
        act, move = jax.random.split(key)
        logits = jnp.where(many.legal(state), 0.0, -jnp.inf)
        _, state, step = many.step(move, state, jax.random.categorical(act, logits))
        return state, (step.info["episode_return"], step.done)

    returns, done = jax.jit(lambda state: jax.lax.scan(one, state, jax.random.split(KEY, steps))[1])(
        many.reset(KEY)[1]
    )
    finished = np.asarray(returns)[np.asarray(done)][:, 0]
    assert len(finished) == 4 * num_envs
    assert abs(finished.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(finished))
