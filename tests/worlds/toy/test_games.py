"""What the games of teams pay, and what is seen of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.worlds.toy.games import Cliff, Climb, MaskNext, Repeated, Sizes, TwoStep
from garrison.worlds.toy.probes import ProbeState

KEY = jax.random.key(0)


def state(cue=0, time=0):
    return ProbeState(jnp.full((), time, jnp.int32), jnp.full((), cue, jnp.int32))


@pytest.mark.parametrize("other", [0, 1])
@pytest.mark.parametrize(
    ("pick", "then", "paid"),
    [(0, (0, 0), 7), (0, (1, 0), 7), (1, (0, 0), 0), (1, (0, 1), 1), (1, (1, 0), 1), (1, (1, 1), 8)],
)
def test_the_first_agent_picks_the_game(pick, other, then, paid):
    world = TwoStep()
    obs, now = world.reset(KEY)
    np.testing.assert_array_equal(obs, [[1, 0, 0]] * 2)
    obs, now, step = world.step(KEY, now, jnp.asarray([pick, other], jnp.int32))
    np.testing.assert_array_equal(obs, [np.eye(3)[1 + pick]] * 2)
    np.testing.assert_array_equal(step.final_obs, obs)
    assert not step.done
    np.testing.assert_array_equal(step.reward, 0)
    _, _, step = world.step(KEY, now, jnp.asarray(then, jnp.int32))
    np.testing.assert_array_equal(step.reward, paid)
    assert step.terminated


def test_the_best_pair_is_surrounded_by_the_worst():
    world = Climb()
    paid = [
        [world.step(KEY, state(), jnp.asarray([i, j], jnp.int32))[2].reward for j in range(3)]
        for i in range(3)
    ]
    expected = [[8, -12, -12], [-12, 0, 0], [-12, 0, 0]]
    np.testing.assert_array_equal(np.asarray(paid), np.repeat(np.array(expected)[..., None], 2, axis=-1))


@pytest.mark.parametrize("cue", [0, 1])
def test_only_the_mask_shows_what_may_follow(cue):
    world = MaskNext()
    assert world.legal(state(cue)).all()
    assert world.legal(state(cue, time=1))[0].tolist() == [True, cue == 0]
    assert world._observations(state(cue))[0].tolist() == np.eye(3)[cue].tolist()
    assert world._observations(state(cue, time=1))[0].tolist() == [0, 0, 1]
    for action in range(2):
        chosen = jnp.asarray([action], jnp.int32)
        assert world.step(KEY, state(cue), chosen)[2].reward == 0
        assert world.step(KEY, state(cue, time=1), chosen)[2].reward == 1 + action


def test_each_agent_is_shown_an_action_of_its_own():
    world, seen = Sizes(), set()
    for cue in range(world.cues):
        small, large = np.asarray(world._observations(state(cue)))
        shown = int(small[:3].argmax()), int(large[:7].argmax())
        assert small.tolist() == [*np.eye(3)[shown[0]], 1, 0, 0, 0, 0, 0]
        assert large.tolist() == [*np.eye(7)[shown[1]], 1, 1]
        seen.add(shown)
        both, one = jnp.asarray(shown, jnp.int32), jnp.asarray([shown[0], (shown[1] + 1) % 7], jnp.int32)
        assert world.step(KEY, state(cue), both)[2].reward.tolist() == [1, 1]
        assert world.step(KEY, state(cue), one)[2].reward.tolist() == [0.5, 0.5]
    assert len(seen) == 21
    assert world.legal(state()).sum(axis=1).tolist() == [3, 7]


def test_a_wrong_step_falls_off_the_cliff():
    """What is right alternates; only the end of the way is paid."""
    world = Cliff(states=3)
    for actions, paid in ([[0, 1, 0], 1], [[0, 1, 1], 0], [[0, 0], 0], [[1], 0]):
        obs, now = world.reset(KEY)
        for number, action in enumerate(actions, start=1):
            assert obs.tolist() == [np.eye(3)[number - 1].tolist()]
            obs, now, step = world.step(KEY, now, jnp.asarray([action], jnp.int32))
            assert bool(step.terminated) == (number == len(actions))
            assert step.reward.tolist() == [paid * (number == len(actions))]


def test_a_cliff_without_a_way_is_refused():
    with pytest.raises(ValueError, match="states of world 'toy/cliff' is 0; it must be at least 1"):
        Cliff(states=0)


@pytest.mark.parametrize(
    ("game", "pairs"),
    [
        ("climbing", {(0, 0): 11, (0, 1): -30, (1, 0): -30, (1, 1): 7, (2, 1): 6, (2, 2): 5, (0, 2): 0}),
        ("penalty", {(0, 2): 10, (2, 0): 10, (1, 1): 2, (0, 0): -50, (2, 2): -50, (0, 1): 0}),
    ],
)
def test_both_are_paid_by_the_table_in_each_round(game, pairs):
    world = Repeated(game=game, penalty=-50, rounds=2)
    for actions, paid in pairs.items():
        for time, over in ((0, False), (1, True)):
            step = world.step(KEY, state(time=time), jnp.asarray(actions, jnp.int32))[2]
            assert step.reward.tolist() == [paid, paid]
            assert bool(step.terminated) == over


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"game": "climb"}, r"no game 'climb' \(did you mean 'climbing'\?\); games: climbing, penalty"),
        ({"penalty": 1.0}, "penalty of world 'toy/repeated' is 1.0; it must be at most 0"),
        ({"rounds": 0}, "rounds of world 'toy/repeated' is 0; it must be at least 1"),
    ],
)
def test_games_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Repeated(**options)
