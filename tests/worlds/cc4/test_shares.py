"""Rewards split among agents add up to the team's, and go to whom they belong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.shares import SharedRewards, reward_shares


@pytest.fixture(scope="module")
def played(played):
    """Episodes after each step, its info, and the reward, [step and env, ...]."""
    _, after, step, _ = played
    rows = (after, step.info, step.reward[..., 0])
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), rows)


def shares(played, by, contractor="count"):
    episodes, info, _ = played
    split = jax.jit(jax.vmap(lambda o, s, e: reward_shares(o, s, e, by, contractor)))
    return [np.asarray(x, np.float64) for x in split(episodes.options, episodes.state, info["events"])]


@pytest.mark.parametrize("by", ["area", "cause"])
def test_they_add_up_to_the_teams(played, by):
    own, nobody = shares(played, by)
    np.testing.assert_allclose(own.sum(-1) + nobody, played[2], atol=1e-4)
    parts = {name: np.asarray(part) for name, part in played[1]["reward_parts"].items()}
    assert all(part.any() for part in parts.values())
    assert (own <= 0).all()


def test_the_contractor_network_can_be_left_out(played):
    own, nobody = shares(played, "area", "leave_out")
    all_own, all_nobody = shares(played, "area")
    np.testing.assert_array_equal(own, all_own)
    events = played[1]["events"]
    host = np.minimum(np.asarray(events.red_host), T.NUM_HOSTS - 1)
    impacts = (np.asarray(events.red_kind) == T.Red.IMPACT) & (T.HOST_SUBNET[host] == T.CON)
    left_out = nobody - all_nobody
    assert (left_out[~impacts.any(-1)] == 0).all()
    assert set(np.unique(left_out).tolist()) <= {0.0, 5.0, 10.0}
    assert left_out.any()


def test_a_restore_is_paid_by_who_ordered_it(played):
    own, _ = shares(played, "cause")
    restores = (np.asarray(played[1]["events"].blue_submitted) == T.Blue.RESTORE).astype(float)
    quiet = np.asarray(played[2]) == -restores.sum(-1)  # nothing else cost
    assert quiet.sum() > 10
    np.testing.assert_array_equal(own[quiet], -restores[quiet])


def test_who_blocked_an_access_pays_for_it(played):
    """Areas pay for their users; by cause a server's agent pays for blocking them out."""
    area, _ = shares(played, "area")
    cause, _ = shares(played, "cause")
    failed = np.asarray(played[1]["reward_parts"]["ASF"]) < 0
    assert (area[~failed] == cause[~failed]).all()
    assert (area[failed] != cause[failed]).any()


def test_agents_learn_from_shares_and_judges_from_the_team():
    """Of n subnets of 7, an agent gets n/7 of what is the team's and of what is nobody's."""
    plain = garrison.make("cc4", steps=40)
    world = garrison.make("cc4", steps=40, rewards="cause", team_share=0.5)
    assert isinstance(world, SharedRewards)
    key, actions = jax.random.key(1), jnp.array(plain.action_counts, jnp.int32) - 1
    step, own_step = jax.jit(plain.step), jax.jit(world.step)
    state = jax.jit(plain.reset)(key)[1]
    total, team = np.zeros(5), 0.0
    for t in range(39):
        at = jax.random.fold_in(key, t)
        _, after, true = step(at, state, actions)
        _, same, shared = own_step(at, state, actions)
        assert shared.info["team_reward"] == true.reward[0] == shared.team_reward
        np.testing.assert_allclose(np.sum(shared.reward), true.reward[0], atol=1e-4)
        total, team, state = total + shared.reward, team + true.reward[0], after
    np.testing.assert_array_equal(same.state.step, after.state.step)
    assert team < 0
    weight = np.array([1, 1, 1, 1, 3]) / 7
    assert (total <= 0.5 * weight * team + 1e-3).all()


@pytest.mark.parametrize(
    ("name", "team_share"), [("reactive", 0.5), pytest.param("guard", 1.0, marks=pytest.mark.slow)]
)
def test_shares_of_scripted_teams_add_up_too(name, team_share):
    """With all of it the team's, agents get parts by their numbers of subnets."""
    world = garrison.make("cc4", observation="rich", steps=120, rewards="area", team_share=team_share)
    policy = world.policies()[name]

    @jax.jit
    def run(key):
        obs, state = world.reset(key)

        def one(carry, t):
            obs, state, memory = carry
            at = jax.random.fold_in(key, t)
            actions, memory = policy.act(at, obs, world.legal(state), memory)
            obs, state, step = world.step(at, state, actions)
            return (obs, state, memory), (step.reward, step.info["team_reward"])

        start = (obs, state, policy.init(key, world.num_agents))
        return jax.lax.scan(one, start, jnp.arange(119))[1]

    reward, team = (np.asarray(x) for x in run(jax.random.key(2)))
    assert (team < 0).sum() > 5
    np.testing.assert_allclose(reward.sum(-1), team, atol=1e-4)
    by_size = team[:, None] * np.array([1, 1, 1, 1, 3]) / 7
    assert np.allclose(reward, by_size, atol=1e-4) == (team_share == 1)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="rewards='cause' is for side='blue'"):
        garrison.make("cc4", side="red", rewards="cause")
    with pytest.raises(ValueError, match="team_share is 2; it must be in 0 .. 1"):
        garrison.make("cc4", rewards="cause", team_share=2)
    with pytest.raises(ValueError, match="no rewards 'own'; there are: team, area, cause"):
        garrison.make("cc4", rewards="own")
