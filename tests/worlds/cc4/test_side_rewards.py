"""What red and blue learn from: the identity of both rewards, and steps of an attack that are paid once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.core.sides import one_side
from garrison.worlds.cc4 import side_rewards
from garrison.worlds.cc4.side_rewards import SideRewards, coupled


def test_blues_reward_is_less_than_what_red_gains_by_its_own_costs(played):
    """r_B = -r_R - λC on 480 random steps of the game, and on 1,000 random parts."""
    _, _, step, _ = played
    parts = {name: np.asarray(part).ravel() for name, part in step.info["reward_parts"].items()}
    assert all(part.any() for part in parts.values())
    reward = np.asarray(step.reward[..., 0]).ravel()
    inflicted, own = coupled(parts)
    np.testing.assert_allclose(reward, inflicted + own, atol=1e-4)
    drawn = {name: -np.random.default_rng(3).exponential(5, 1_000).astype(np.float32) for name in parts}
    for weight in (0.0, 1.0, 0.3):
        inflicted, own = coupled(drawn)
        costs = -(drawn["ASF"] + drawn["action_cost"])
        red = -(drawn["LWF"] + drawn["RIA"])
        np.testing.assert_allclose(inflicted + weight * own, -red - weight * costs, rtol=1e-5)


def test_each_side_gets_what_it_is_to_learn_from():
    both = garrison.make("cc4", side="both", red_reward="coupled", cost_weight=0.5)
    parts = {"LWF": -3.0, "ASF": -4.0, "RIA": -10.0, "action_cost": -2.0}
    blue, red = both.learned({name: jnp.float32(x) for name, x in parts.items()})
    assert (float(blue), float(red)) == (-13 - 0.5 * 6, 13)
    plain = SideRewards(both.world)
    assert [float(x) for x in plain.learned({name: jnp.float32(x) for name, x in parts.items()})] == [-19, 19]


# ---------------------------------------------------------------- shaped


def shaped_total(episodes, events):
    """What each environment is paid over all steps, and the flags at the end."""
    before, after = episodes

    def one(paid, now):
        reward, paid = side_rewards.progress_of(paid, *now)
        return paid, reward

    paid = side_rewards.initial(jax.tree.map(lambda x: x[0], before))
    return jax.lax.scan(one, paid, (before, events, after))


def test_each_step_of_an_attack_is_paid_once(played):
    before, after, step, _ = played
    trees = (before.state, step.info["events"], after.state)
    total = jax.jit(jax.vmap(lambda b, e, a: shaped_total((b, a), e), in_axes=1))
    paid, rewards = total(*trees)
    assert np.asarray(rewards).max() > 0.3
    # without blue's Removes and Restores nothing is ever paid a second time
    quiet = trees[1].replace(blue_kind=jnp.zeros_like(trees[1].blue_kind))
    paid, rewards = total(trees[0], quiet, trees[2])
    first = jax.vmap(side_rewards.initial)(jax.tree.map(lambda x: x[0], trees[0]))

    def gained(name):
        return (np.asarray(getattr(paid, name)) & ~np.asarray(getattr(first, name))).sum(axis=-1)

    expected = side_rewards.STEP * len(rewards[0]) + sum(
        getattr(side_rewards, name.upper()) * gained(name)
        for name in ("foothold", "root", "exfiltration", "sabotage", "noticed", "zone")
    )
    np.testing.assert_allclose(np.asarray(rewards).sum(axis=1), expected, rtol=1e-4)
    assert gained("foothold").sum() > 3
    assert gained("noticed").sum() > 3


def test_shaping_ends_after_a_share_of_the_training():
    world = garrison.make("cc4", side="red", red_reward="shaped")
    weights = [float(world.during(progress).world.shaping) for progress in (0.0, 0.15, 0.3, 1.0)]
    np.testing.assert_allclose(weights, [1, 0.5, 0, 0], atol=1e-6)
    plain = garrison.make("cc4", side="red")
    assert plain.during(0.1) == plain
    assert garrison.make("cc4", side="red", red_reward="coupled").during(0.1).world.shaping == 1.0


# ---------------------------------------------------------------- options


def test_judges_play_the_games_own():
    red = garrison.make("cc4", side="red", red_reward="coupled")
    assert isinstance(red.world, SideRewards)
    assert one_side(red.two_sided(), "blue", "fsm") == garrison.make("cc4")
    assert garrison.make("cc4", side="red", red_reward="zero_sum") == garrison.make("cc4", side="red")
    assert garrison.make("cc4", side="both", cost_weight=1) == garrison.make("cc4", side="both")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"side": "red", "red_reward": "couple"}, "no red_reward 'couple' .did you mean 'coupled'"),
        ({"red_reward": "coupled"}, "red_reward='coupled' is for side='red' or 'both'"),
        ({"side": "red", "cost_weight": 2}, "cost_weight=2 is for side='both'"),
        ({"side": "both", "cost_weight": -1}, "cost_weight is -1"),
        ({"red_observation": "acts"}, "red_observation='acts' is for side='red' or 'both'"),
        ({"side": "red", "red_observation": "all"}, "no red_observation 'all'"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        garrison.make("cc4", **options)
