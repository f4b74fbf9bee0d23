"""Behavior from counts, and what worlds without an account of their own are counted by."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.core.policy import Constant, Random
from garrison.core.world import Step
from garrison.judge.behavior import ByLabel, behavior_of, distance, entropy, profile, shares
from garrison.judge.evaluate import evaluate
from garrison.worlds.toy.network import Network

AXES = {"action": ("wait", "act", "rest"), "place": ("here", "there")}


def counts(*episodes) -> np.ndarray:
    """One seed whose episodes have these tables [action][place]."""
    return np.array([episodes])


def test_profile_of_hand_made_counts():
    found = profile(AXES, counts([[2, 0], [3, 1], [0, 0]], [[2, 0], [0, 4], [0, 0]]))
    assert found["decisions"] == 6
    assert {kind: share["value"] for kind, share in found["shares"].items()} == pytest.approx(
        {"wait": 1 / 3, "act": 2 / 3, "rest": 0}
    )
    assert found["entropy"]["value"] == pytest.approx(np.log(3) - 2 / 3 * np.log(2))
    assert found["hill"]["value"] == pytest.approx(3 / 2 ** (2 / 3))
    assert found["by"]["place"]["here"] == pytest.approx({"wait": 4 / 12, "act": 3 / 12, "rest": 0})
    assert found["by"]["place"]["there"] == pytest.approx({"wait": 0, "act": 5 / 12, "rest": 0})


def test_intervals_are_those_of_the_resampled_episodes():
    rng = np.random.default_rng(0)
    kinds = rng.multinomial(50, [0.2, 0.5, 0.3], size=(1, 80))
    found = profile({"action": AXES["action"]}, kinds)["shares"]["act"]
    error = kinds[0, :, 1].std(ddof=1) / 50 / np.sqrt(80)
    np.testing.assert_allclose(
        [found["low"], found["high"]], found["value"] + np.array([-2, 2]) * error, atol=0.004
    )


def test_seeds_widen_the_intervals():
    rng = np.random.default_rng(1)
    seeds = np.stack(
        [rng.multinomial(50, p, size=40) for p in ([0.2, 0.5, 0.3], [0.6, 0.2, 0.2], [0.4, 0.4, 0.2])]
    )
    together = profile({"action": AXES["action"]}, seeds)["shares"]["wait"]
    one = profile({"action": AXES["action"]}, seeds[:1])["shares"]["wait"]
    assert together["value"] == pytest.approx(0.4, abs=0.03)
    assert together["low"] < 0.25 < 0.55 < together["high"]
    assert one["high"] - one["low"] < 0.06


def test_nothing_decided_has_no_shares():
    found = profile(AXES, counts(np.zeros((3, 2), int)))
    assert [share["value"] for share in found["shares"].values()] == [0, 0, 0]
    assert found["entropy"]["value"] == 0


def test_entropy_and_shares():
    np.testing.assert_allclose(entropy(np.array([[0.5, 0.5, 0], [1, 0, 0]])), [np.log(2), 0])
    assert not np.signbit(entropy(np.array([1.0, 0.0])))
    np.testing.assert_array_equal(shares(np.array([[1, 3], [0, 0]])), [[0.25, 0.75], [0, 0]])


def test_distance_is_the_sum_of_differences_of_shares():
    first = counts([[2, 0], [1, 1], [0, 0]], [[2, 0], [2, 0], [0, 0]])
    second = counts([[0, 0], [1, 0], [0, 3]], [[0, 0], [1, 0], [0, 3]])
    found = distance(first, second)
    assert found.value == pytest.approx(0.5 + 0.25 + 0.75)
    assert found.low <= found.value <= found.high
    assert distance(first, first).value == 0
    nothing_shared = distance(counts([[1, 0], [0, 0], [0, 0]]), counts([[0, 0], [0, 9], [0, 0]]))
    assert (nothing_shared.value, nothing_shared.low, nothing_shared.high) == (2, None, None)  # one episode


def test_kinds_are_the_first_words_of_labels():
    world = Network()
    behavior = behavior_of(world)
    assert isinstance(behavior, ByLabel)
    assert behavior.axes == {"action": ("sleep", "analyse", "restore"), "agent": ("blue_0", "blue_1")}
    _, state = world.reset(jax.random.key(0))
    state = state.replace(busy=jnp.array([True, False]))
    step = Step(jnp.zeros(2), *jnp.zeros(2, bool), jnp.zeros((2, 1)), {})
    decided, (kind, agent) = behavior.decisions(state, jnp.array([2, 5]), state, step)
    np.testing.assert_array_equal(decided, [False, True])  # a busy agent can only sleep
    np.testing.assert_array_equal(kind, [2, 1])
    np.testing.assert_array_equal(agent, [0, 1])
    assert behavior.phase(state, state) == 0


def test_busy_steps_are_left_out_of_an_evaluation():
    """An agent that restores whenever it can is busy in every second step."""
    policies = {"restore": Constant((2, 4)), "sleep": Constant((0, 0)), "random": Random()}
    results, _ = evaluate(Network(steps=10), policies, 3, seed=0)
    np.testing.assert_array_equal(
        results["restore"].decisions, np.tile([[0, 0], [0, 0], [5, 5]], (1, 3, 1, 1))
    )
    np.testing.assert_array_equal(results["sleep"].decisions[0, 0], [[10, 10], [0, 0], [0, 0]])
    found = profile(behavior_of(Network()).axes, results["random"].decisions)
    assert sum(share["value"] for share in found["shares"].values()) == pytest.approx(1)
    assert sum(sum(row.values()) for row in found["by"]["agent"].values()) == pytest.approx(1)
