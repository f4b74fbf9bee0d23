"""The analysis of blue's decisions in CAGE Challenge 4: what is counted, and its controls."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.core.wrappers import AutoReset, EpisodeStats
from garrison.judge.evaluate import evaluate
from garrison.judge.summary import summary
from garrison.judge.without import without
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import fsm
from garrison.worlds.cc4.targets import BLUE, believed

OPTIONS = {"steps": 140, "users": 4, "servers": 2}


def memory(**states):
    """Red's memories in which agents 0 to 5 keep these states of the first server of a subnet."""
    host_state = np.zeros((T.NUM_RED, T.NUM_HOSTS), np.uint8)
    for subnet, by_agent in states.items():
        for agent, state in by_agent.items():
            host_state[agent, T.server_host(getattr(T, subnet), 0)] = T.Fsm[state]
    return fsm.initial_memory().replace(host_state=jnp.asarray(host_state))


def test_the_state_is_that_of_the_owner_or_the_highest_of_others():
    found = believed(
        memory(
            RZA={1: "K", 2: "R"},  # agent 1 is the owner
            OZA={0: "KD", 5: "U", 3: "SD"},
            PAZ={0: "F", 1: "K"},
            ADM={0: "F"},
            OFF={0: "RD", 1: "R"},
            OZB={4: "F", 0: "R"},
        )
    )
    states = {
        subnet: T.Fsm(int(found[T.server_host(getattr(T, subnet), 0)])).name
        for subnet in ("RZA", "OZA", "PAZ", "ADM", "OFF", "OZB", "RZB")
    }
    assert states == {
        "RZA": "K",
        "OZA": "U",
        "PAZ": "K",
        "ADM": "F",
        "OFF": "RD",
        "OZB": "F",
        "RZB": "NONE",
    }


@pytest.fixture(scope="module")
def world():
    return garrison.make("cc4", observation="rich", **OPTIONS)


@pytest.fixture(scope="module")
def played(world):
    known = world.policies()
    names = ("random", "reactive", "guard")
    results, _ = evaluate(world, {name: known[name] for name in names}, 10, seed=3, analyze=True)
    return results, summary(world, results, 3)["policies"]


def test_decisions_with_a_host_are_those_of_the_account_of_behavior(world, played):
    """By kind, and by red's foothold, which both count."""
    results, _ = played
    axes = world.behavior().axes
    for name, one in results.items():
        places = [axes["action"].index(kind) for kind in BLUE.kinds]
        expected = one.decisions.sum(axis=3)[:, :, places, : len(BLUE.views["red's foothold"])]
        np.testing.assert_array_equal(
            one.targets["views"]["red's foothold"]["chosen"], expected, err_msg=name
        )
        by_state = one.targets["views"]["red's state"]
        np.testing.assert_array_equal(by_state["chosen"].sum(-1), expected.sum(-1))
        np.testing.assert_allclose(by_state["expected"].sum(-1), expected.sum((-1, -2)), rtol=1e-4)
        assert (by_state["shuffled"].sum(-1) == expected.sum(-1)[:, :, None]).all()


def test_random_decisions_show_no_dependence_and_the_guards_do(played):
    for label in BLUE.views:
        measured = {name: one["targets"]["views"][label]["dependence"] for name, one in played[1].items()}
        assert measured["random"]["low"] < 0 < measured["random"]["high"]
        assert measured["guard"]["low"] > 0.02
        assert measured["reactive"]["low"] > 0


def test_responses_of_the_guard_and_of_chance(played):
    guard, chance = (played[1][name]["targets"]["responses"] for name in ("guard", "random"))
    assert list(guard) == ["user shell", "root"]
    assert chance["user shell"]["onsets"] > 1
    assert guard["root"]["Restore"]["share"] > 3 * chance["root"]["Restore"]["share"]
    assert 1 <= guard["root"]["Restore"]["steps"] < 50


def test_red_moves_on_in_what_it_believes(played):
    counts = played[1]["random"]["targets"]["views"]["red's state"]["counts"]
    seen = {state for state, row in counts.items() if sum(row.values())}
    assert {"unknown", "K", "S", "U", "R"} <= seen


def test_states_are_those_before_the_step(world):
    """And hosts that do not exist have none."""
    _, episode = jax.jit(world.reset)(jax.random.key(0))
    actions = jnp.array([0, 0, 0, 0, 145])  # Analyse; Sleep of agent 4
    _, after, step = jax.jit(world.step)(jax.random.key(1), episode, actions)
    decided, kind, target, (beliefs, truth) = BLUE.aims(episode, actions, after, step)
    assert decided.all()
    assert kind[:4].tolist() == [0] * 4
    assert target.tolist() == [*(T.server_host(z, 0) for z in (T.RZA, T.OZA, T.RZB, T.OZB)), T.NUM_HOSTS]
    there = np.asarray(episode.topology.host_exists) & (T.HOST_BLUE != T.NO_AGENT)
    routers = np.isin(np.arange(T.NUM_HOSTS), T.BLUE_ACTIONS[:, :, 1], invert=True)
    np.testing.assert_array_equal(np.asarray(beliefs) == len(T.Fsm), ~there | routers)
    assert set(np.unique(truth).tolist()) == {0, 3}


def test_who_describes_targets(world):
    assert world.targets() is BLUE
    assert garrison.make("cc4", red="sleep").targets() is None
    assert garrison.make("cc4", side="red").targets() is None
    both = garrison.make("cc4", side="both", red=("fsm", "sleep"))
    assert both.targets("blue") is BLUE
    assert both.targets("red") is None
    assert garrison.make("cc4", red=["fsm", "discovery"]).targets().views == BLUE.views
    assert EpisodeStats(AutoReset(world)).targets().owners is BLUE.owners


def test_without_a_kind_it_is_illegal_where_another_is_legal():
    world = garrison.make("cc4", busy="masked", **OPTIONS)
    narrow = without(world, ["Sleep", "Monitor"])
    _, state = jax.jit(world.reset)(jax.random.key(0))
    mask, left = np.asarray(world.legal(state)), np.asarray(narrow.legal(state))
    kinds = T.BLUE_ACTIONS[:, :, 0]
    gone = (kinds == T.Blue.SLEEP) | (kinds == T.Blue.MONITOR)
    np.testing.assert_array_equal(left, mask & ~gone)
    busy = state.replace(state=state.state.replace(blue_ticks=jnp.ones(5, jnp.uint8)))
    np.testing.assert_array_equal(narrow.legal(busy), world.legal(busy))  # Sleep alone
    with pytest.raises(ValueError, match="has no action 'Snooze'; kinds of action: Analyse, Monitor"):
        without(world, ["Snooze"])
