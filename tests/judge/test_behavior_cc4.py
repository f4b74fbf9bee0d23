"""The account of blue's decisions in CAGE Challenge 4."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.judge.behavior import behavior_of, profile
from garrison.judge.evaluate import evaluate
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.behavior import BLUE, CLEAN, NO_TARGET, ROOT, USER_SHELL, hold

STEPS = 30


def action(agent: int, kind: int, host: int = T.NO_HOST, to: int | None = None) -> int:
    rows = T.BLUE_ACTIONS[agent, : T.BLUE_ACTION_COUNTS[agent]]
    same = (rows[:, 0] == kind) & (rows[:, 1] == host) & ((rows[:, 3] == to) if to is not None else True)
    return int(np.flatnonzero(same)[0])


@pytest.fixture(scope="module")
def world():
    return garrison.make("cc4", red="sleep", green="sleep", steps=STEPS)


@pytest.fixture(scope="module")
def episode(world):
    """At reset, red with a user's shell on one host, and root on another."""
    _, episode = jax.jit(world.reset)(jax.random.key(0))
    state = episode.state
    host = state.session_host.at[1, 3].set(shelled()).at[2, 0].set(rooted()).at[2, 1].set(rooted())
    kind = state.session_kind.at[1, 3].set(T.Session.SSH).at[2, 0:2].set(T.Session.SSH)
    user = state.session_user.at[2, 1].set(T.User.ROOT)
    return episode.replace(state=state.replace(session_host=host, session_kind=kind, session_user=user))


def shelled() -> int:
    return T.user_host(T.RZA, 0)


def rooted() -> int:
    return T.server_host(T.OZA, 0)


def test_hold_is_the_most_that_red_has(episode):
    hosts = jnp.array([shelled(), rooted(), T.user_host(T.RZB, 0), T.NO_HOST], jnp.uint8)
    np.testing.assert_array_equal(hold(episode.state, hosts), [USER_SHELL, ROOT, CLEAN, NO_TARGET])


def test_decisions_of_a_hand_made_sequence(world, episode):
    """Three steps: a long action is one decision, counted where and when it was taken."""
    plans = [
        [
            action(0, T.Blue.ANALYSE, shelled()),
            action(1, T.Blue.RESTORE, rooted()),
            action(2, T.Blue.MONITOR),
            action(3, T.Blue.BLOCK, to=T.OZB),
            action(4, T.Blue.DECOY, T.user_host(T.ADM, 0)),
        ],
        [action(agent, T.Blue.MONITOR) for agent in range(5)],
        [action(agent, T.Blue.SLEEP) for agent in range(5)],
    ]
    step = jax.jit(world.step)
    counts = np.zeros([len(labels) for labels in BLUE.axes.values()], int)
    for number, plan in enumerate(plans):
        _, after, result = step(jax.random.key(number), episode, jnp.array(plan))
        decided, places = BLUE.decisions(episode, jnp.array(plan), after, result)
        np.add.at(counts, tuple(np.asarray(place)[np.asarray(decided)] for place in places), 1)
        episode = after
    seen = {
        tuple(labels[i] for labels, i in zip(BLUE.axes.values(), place, strict=True)): int(counts[place])
        for place in zip(*np.nonzero(counts), strict=True)
    }
    assert seen == {
        ("Analyse", "restricted_zone_a", "user shell"): 1,  # busy in the second step, free in the third
        ("Restore", "operational_zone_a", "root"): 1,  # busy to the end
        ("DeployDecoy", "admin_network", "none"): 1,  # two steps
        ("BlockTrafficZone", "operational_zone_b", "no target host"): 1,
        ("Monitor", "none", "no target host"): 1 + 2,  # agents 2 and 3 in the second step as well
        ("Sleep", "none", "no target host"): 4,  # all but agent 1
    }


def test_an_action_on_a_host_that_is_not_there_is_sleep(world, episode):
    absent = int(np.flatnonzero(~np.asarray(episode.topology.host_exists) & (T.HOST_BLUE == 0))[0])
    plan = jnp.array([action(0, T.Blue.ANALYSE, absent), *(action(a, T.Blue.SLEEP) for a in range(1, 5))])
    _, after, result = jax.jit(world.step)(jax.random.key(0), episode, plan)
    _, (kind, subnet, attacker) = BLUE.decisions(episode, plan, after, result)
    assert BLUE.axes["action"][int(kind[0])] == "Sleep"
    assert BLUE.axes["subnet"][int(subnet[0])] == "none"
    assert attacker[0] == NO_TARGET


def test_the_attacker_is_where_it_was_before_the_step(world, episode):
    plan = jnp.array([action(0, T.Blue.ANALYSE, shelled()), *(action(a, T.Blue.SLEEP) for a in range(1, 5))])
    _, after, result = jax.jit(world.step)(jax.random.key(0), episode, plan)
    gone = after.replace(state=after.state.replace(session_kind=jnp.zeros_like(after.state.session_kind)))
    _, (_, _, attacker) = BLUE.decisions(episode, plan, gone, result)
    assert attacker[0] == USER_SHELL


@pytest.fixture(scope="module")
def results():
    world = garrison.make("cc4", steps=STEPS)
    known = world.policies()
    return world, evaluate(world, {name: known[name] for name in ("idle", "random")}, 4, seed=3)[0]


def test_an_idle_policy_only_sleeps(results):
    world, figures = results
    found = profile(behavior_of(world).axes, figures["idle"].decisions)
    assert found["shares"]["Sleep"] == {"value": 1, "low": 1, "high": 1}
    assert found["decisions"] == 5 * (STEPS - 1)
    assert (found["entropy"]["value"], found["hill"]["value"]) == (0, 1)


def test_shares_sum_to_one_and_busy_steps_are_left_out(results):
    world, figures = results
    found = profile(behavior_of(world).axes, figures["random"].decisions)
    assert sum(share["value"] for share in found["shares"].values()) == pytest.approx(1)
    for split in found["by"].values():
        assert sum(sum(row.values()) for row in split.values()) == pytest.approx(1)
    assert 0.2 * 5 * STEPS < found["decisions"] < 0.6 * 5 * STEPS  # actions take 1 to 5 steps


def test_parts_by_phase_sum_to_the_return(results):
    world, figures = results
    for name, one in figures.items():
        assert all(part.shape == (1, 4, 3) for part in one.parts.values())
        np.testing.assert_allclose(
            sum(part.sum(axis=-1) for part in one.parts.values()), one.returns, err_msg=name
        )
    assert (figures["random"].parts["ASF"].sum(axis=(0, 1)) < 0).all()  # something in each phase


def test_phases_are_those_of_the_rules(world, episode):
    """The first step of phase 1 counts to it, though the state before it is still in phase 0."""
    first = int(world.options.phase_start[0])
    sleep = jnp.array([action(agent, T.Blue.SLEEP) for agent in range(5)])
    before = episode.replace(state=episode.state.replace(step=jnp.int16(first)))
    _, after, _ = jax.jit(world.step)(jax.random.key(0), before, sleep)
    assert BLUE.phase(before, after) == 1
    before = episode.replace(state=episode.state.replace(step=jnp.int16(first - 1)))
    _, after, _ = jax.jit(world.step)(jax.random.key(0), before, sleep)
    assert BLUE.phase(before, after) == 0
