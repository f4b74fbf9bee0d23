"""Options that restrict what blue may choose: the same from the engine's state as from what agents see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.algos import ippo
from garrison.worlds.cc4 import restrict
from garrison.worlds.cc4 import tables as T

KIND = T.BLUE_ACTIONS[:, :, 0]
BLOCK, ALLOW = KIND == T.Blue.BLOCK, KIND == T.Blue.ALLOW
SLEEP, MONITOR = KIND == T.Blue.SLEEP, KIND == T.Blue.MONITOR


@pytest.fixture(scope="module")
def played(world, blue_actions):
    """Episodes and observations of 40 steps in which blue blocks and allows a lot."""

    @jax.jit
    def run(key, actions):
        obs, episode = world.reset(key)

        def one(episode, inputs):
            t, acts = inputs
            obs, episode, _ = world.step(jax.random.fold_in(key, t), episode, acts)
            return episode, (obs, episode)

        return jax.lax.scan(one, episode, (jnp.arange(len(actions)), actions))[1]

    actions = blue_actions(0, 40, 1)[:, 0]
    generator = np.random.default_rng(2)
    for agent in range(5):
        traffic = np.flatnonzero((BLOCK | ALLOW)[agent])
        actions[::2, agent] = generator.choice(traffic, len(actions[::2]))
    return run(jax.random.key(0), actions)


def masks(played, **options):
    world = garrison.make("cc4", **options)
    return np.asarray(jax.vmap(world.legal)(played[1]))


@pytest.mark.parametrize("traffic", restrict.TRAFFIC)
@pytest.mark.parametrize("idle", restrict.IDLE)
def test_what_agents_see_gives_the_same_mask(played, traffic, idle):
    obs, episodes = played
    free, busy = masks(played), np.asarray(episodes.state.blue_ticks) > 0
    seen = [
        restrict.restricted(free[t], busy[t], *restrict.of_vectors(np.asarray(obs[t])), traffic, idle)
        for t in range(len(obs))
    ]
    np.testing.assert_array_equal(np.stack(seen), masks(played, traffic=traffic, idle=idle))


def test_traffic_off_leaves_all_but_traffic(played):
    free, off = masks(played), masks(played, traffic="off")
    assert not off[:, BLOCK | ALLOW].any()
    np.testing.assert_array_equal(off[:, ~(BLOCK | ALLOW)], free[:, ~(BLOCK | ALLOW)])


def test_traffic_by_policy(played):
    """A link is blocked by one legal Block, and opened again by one legal Allow."""
    episodes = played[1]
    mask = masks(played, traffic="policy")
    blocked = np.asarray(episodes.state.blocked) > 0
    wanted = T.POLICY[np.asarray(episodes.state.phase)][:, :, np.argsort(T.ALPHABETICAL)] > 0
    source, target = T.BLUE_ACTIONS[:, :, 2], T.BLUE_ACTIONS[:, :, 3]
    assert blocked.any()
    for t in range(0, len(mask), 7):
        for agent, action in np.argwhere(BLOCK | ALLOW):
            link = target[agent, action], source[agent, action]
            legal = blocked[t][link] if ALLOW[agent, action] else wanted[t][link] and not blocked[t][link]
            assert mask[t, agent, action] == legal
    assert mask[:, BLOCK].any()
    assert mask[:, ALLOW].any()


def test_idle_off_leaves_sleep_to_the_busy(played):
    mask, busy = masks(played, idle="off"), np.asarray(played[1].state.blue_ticks) > 0
    assert not mask[:, MONITOR].any()
    assert (mask & SLEEP).any(-1).tolist() == busy.tolist()
    both = masks(played, idle="off", busy="masked")
    assert (both.sum(-1) == 1).tolist() == busy.tolist()


def test_they_are_blues():
    with pytest.raises(ValueError, match="traffic='off' is for side='blue'"):
        garrison.make("cc4", side="red", traffic="off")
    with pytest.raises(
        ValueError, match=r"no traffic 'of' \(did you mean 'off'\?\); there are: free, policy, off"
    ):
        garrison.make("cc4", traffic="of")
    with pytest.raises(ValueError, match="no idle"):
        garrison.make("cc4", idle="never")


RESTRICTED = {"observation": "rich", "busy": "masked", "traffic": "policy", "idle": "off"}


@pytest.fixture(scope="module")
def seen_rich():
    """Rich observations, masks of the usual world and restricted ones, of 30 steps; leaves [step, ...]."""
    free, narrow = garrison.make("cc4", observation="rich"), garrison.make("cc4", **RESTRICTED)

    @jax.jit
    def run(key):
        def one(at, t):
            obs, state = at
            masks = free.legal(state), narrow.legal(state)
            weight = jax.random.uniform(jax.random.fold_in(key, t), masks[0].shape)
            after, state, _ = free.step(
                jax.random.fold_in(key, 100 + t), state, jnp.argmax(masks[0] * weight, axis=1)
            )
            return (after, state), (obs, *masks)

        return jax.lax.scan(one, free.reset(key), jnp.arange(30))[1]

    return run(jax.random.key(3))


def test_a_restriction_narrows_the_usual_mask_to_the_restricted_one(seen_rich):
    obs, usual, restricted = seen_rich
    restriction = garrison.make("cc4", **RESTRICTED).restriction()
    assert (np.asarray(usual) != np.asarray(restricted)).any((0, 2)).all()
    np.testing.assert_array_equal(jax.vmap(restriction)(obs, usual), restricted)
    np.testing.assert_array_equal(jax.vmap(restriction)(obs, restricted), restricted)


def test_policies_play_by_the_rules_that_they_learned_under(seen_rich):
    """In a world where more is legal, too."""
    obs, usual, restricted = seen_rich
    config = ippo.Config(hidden_sizes=(4,), num_envs=1)
    world = garrison.make("cc4", **RESTRICTED)
    policy = ippo.policy(ippo.init(config, world, jax.random.key(0)), world)

    def chosen(policy, t):
        return policy.act(jax.random.key(1), obs[t], usual[t], ())[0]

    choose = jax.jit(jax.vmap(chosen, in_axes=(None, 0)))
    own, free = (choose(one, jnp.arange(30)) for one in (policy, policy.replace(restriction=None)))
    allowed = np.take_along_axis(np.asarray(restricted), np.asarray(own)[..., None], axis=2)
    assert allowed.all()
    assert not np.take_along_axis(np.asarray(restricted), np.asarray(free)[..., None], axis=2).all()


def test_worlds_without_restrictions_say_so():
    for options in ({}, {"observation": "rich"}, {"busy": "masked"}, {"side": "red"}):
        assert garrison.make("cc4", **options).restriction() is None
    both = garrison.make("cc4", side="both", **RESTRICTED)
    assert both.restriction("blue") == restrict.Restriction("masked", "policy", "off")
    assert both.restriction("red") is None
