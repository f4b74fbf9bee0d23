"""How long the steps of the timed probes take, and what they pay."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.core.wrappers import Vectorize
from garrison.worlds.toy.timed import Sojourn, Timer

KEY = jax.random.key(4)
EPISODES = 4096


def play(world, actions):
    """Elapsed times and rewards of both steps, and the cues drawn: [step, env], [step, env], [env]."""
    many = Vectorize(world, EPISODES)
    obs, state = many.reset(KEY)
    cue, elapsed, rewards = np.asarray(state.cue), [], []
    for time in range(2):
        action = jnp.full((EPISODES, 1), actions[time], jnp.int32)
        obs, state, step = many.step(jax.random.fold_in(KEY, time), state, action)
        elapsed.append(np.asarray(step.elapsed))
        rewards.append(np.asarray(step.reward[:, 0]))
    assert np.asarray(step.done).all()
    return np.stack(elapsed), np.stack(rewards), cue


@pytest.mark.parametrize("way", [0, 1])
def test_sojourns_value_is_the_mean_of_the_discounted_pay(way):
    world = Sojourn()
    elapsed, rewards, _ = play(world, [way, 0])
    assert (rewards[0] == 0).all()
    assert (elapsed[1] == 0).all()
    np.testing.assert_allclose(rewards[1], world.pays[way])
    discounted = 0.9 ** elapsed[0] * rewards[1]
    error = discounted.std() / np.sqrt(EPISODES)
    assert abs(discounted.mean() - world.value(way, 0.9)) < 4 * error


def test_the_quick_way_is_worth_more_only_by_time():
    world = Sojourn()
    assert world.value(0, 0.9) > world.value(1, 0.9)
    assert 0.9 * world.pays[0] < 0.9 * world.pays[1]


def test_with_a_choice_the_first_step_changes_nothing():
    plain, choice = play(Timer(), [2, 1]), play(Timer(choice=True), [0, 1])
    for one, other in zip(plain, choice, strict=True):
        np.testing.assert_array_equal(one, other)
    world = Timer(choice=True)
    _, state = world.reset(KEY)
    assert np.asarray(world.legal(state)).tolist() == [[True, True, True]]
    assert np.asarray(world.legal(state.replace(time=state.time + 1))).tolist() == [[True, True, False]]


@pytest.mark.parametrize("said", [0, 1])
def test_timer_pays_for_what_the_time_was(said):
    elapsed, rewards, cue = play(Timer(), [2, said])
    np.testing.assert_array_equal(elapsed, [cue + 1, np.zeros_like(cue)])
    np.testing.assert_array_equal(rewards[1], (elapsed[0] > 4) == said)
    assert (rewards[0] == 0).all()
    assert abs(rewards[1].mean() - 0.5) < 4 * 0.5 / np.sqrt(EPISODES)
