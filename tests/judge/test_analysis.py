"""Counts of decisions by the states of their targets, and the measure of dependence, on made-up episodes."""

from types import SimpleNamespace

import numpy as np
import pytest

from garrison.judge import analysis
from garrison.judge.targets import SHUFFLES, WITHIN, Aims, count

#: two agents: targets 0 and 1 are the first's, 2 to 5 the second's, 6 is nobody's
TARGETS = SimpleNamespace(
    kinds=("look", "fix"),
    owners=np.array([0, 0, 1, 1, 1, 1, -1]),
    views={"belief": ("no", "yes"), "truth": ("fine", "hit", "lost")},
    severity="truth",
    graph=None,
)
NONE = 7


def aims(decided, kind, target, belief, truth):
    return Aims(*(np.array(x) for x in (decided, kind, target)), (np.array(belief), np.array(truth)))


def random_aims(rng, steps=400, attentive=0.0):
    """Random targets in random states; with ``attentive`` the kind is that of the state so often."""
    belief = rng.integers(0, 2, (steps, 7))
    belief[:, 5] = 2  # not there
    target = np.stack([rng.integers(0, 2, steps), rng.integers(2, 5, steps)], axis=1)
    kind = rng.integers(0, 2, (steps, 2))
    seen = np.take_along_axis(belief, target, axis=1)
    kind = np.where(rng.random((steps, 2)) < attentive, seen, kind)
    return aims(np.ones((steps, 2), bool), kind, target, belief, np.zeros((steps, 7), int))


def counted(episodes):
    """One seed of episodes, with the axes of an evaluation."""
    return stacked([count(TARGETS, one, number) for number, one in enumerate(episodes)])


def stacked(counts):
    first = counts[0]
    if isinstance(first, dict):
        return {name: stacked([one[name] for one in counts]) for name in first}
    return np.stack(counts)[None]


def test_decisions_on_targets_are_counted_by_kind_and_state():
    found = count(
        TARGETS,
        aims(
            decided=[[1, 1], [0, 1], [1, 1]],
            kind=[[0, 1], [1, 1], [0, 0]],
            target=[[0, 2], [1, NONE], [0, 4]],
            belief=[[1, 0, 1, 0, 0, 2, 0], [1, 1, 1, 1, 1, 2, 0], [0, 1, 1, 1, 0, 2, 1]],
            truth=np.zeros((3, 7), int),
        ),
        seed=0,
    )["views"]["belief"]
    np.testing.assert_array_equal(found["chosen"], [[2, 1], [0, 1]])
    # of the first agent's targets half, of the second's one of three and then two of three: one is not there
    np.testing.assert_allclose(found["expected"], [1 + 2 / 3 + 1 / 3, 1 + 1 / 3 + 2 / 3], rtol=1e-6)
    assert found["shuffled"].shape == (SHUFFLES, 2, 2)
    np.testing.assert_array_equal(found["shuffled"].sum(axis=-1), np.tile([3, 1], (SHUFFLES, 1)))
    mean = found["shuffled"].mean(axis=0)
    assert np.abs(mean - [[4 / 3, 5 / 3], [2 / 3, 1 / 3]]).max() < 4 * np.sqrt(3 / 4 / SHUFFLES)


def test_responses_are_counted_from_the_onset():
    """Target 1 is hit in step 2, and lost in step 6; its agent decides in every second step."""
    steps = 2 * WITHIN + 8
    decided = np.zeros((steps, 2), bool)
    decided[::2, 0] = True
    kind, target = np.zeros((steps, 2), int), np.full((steps, 2), NONE)
    truth = np.zeros((steps, 7), int)
    truth[2:, 1], truth[6:, 1] = 1, 2
    truth[:, 6] = 2  # nobody's
    truth[steps - 4 :, 0] = 1  # too late to see a response
    target[4, 0] = 1  # look
    target[8, 0], kind[8, 0] = 1, 1  # fix
    target[9, 0], kind[9, 0] = 1, 1  # the agent was busy
    target[10, 0], kind[10, 0] = 1, 1  # not the first fix
    found = count(TARGETS, aims(decided, kind, target, np.zeros((steps, 7), int), truth), 0)
    assert found["onsets"].tolist() == [1, 1]
    places = {tuple(place) for place in np.argwhere(found["answers"]).tolist()}
    assert places == {(0, 0, 2), (0, 1, 6), (1, 1, 2)}
    made = analysis.figures(TARGETS, stacked([found]))["responses"]
    assert made["hit"] == {
        "onsets": 1,
        "look": {"share": 1, "steps": 2},
        "fix": {"share": 1, "steps": 6},
    }
    assert made["lost"]["look"] == {"share": 0, "steps": None}


def test_a_response_after_ten_decisions_is_none():
    steps = 20
    decided, target = np.ones((steps, 2), bool), np.full((steps, 2), NONE)
    truth = np.zeros((steps, 7), int)
    truth[3:5, 1] = 1
    target[3 + WITHIN, 0] = 1
    found = count(TARGETS, aims(decided, np.zeros((steps, 2), int), target, truth * 0, truth), 0)
    assert found["onsets"].tolist() == [1, 0]
    assert not found["answers"].any()


def test_mutual_information_of_known_counts():
    np.testing.assert_allclose(analysis.information(np.array([[[5, 0], [0, 5]], [[4, 4], [4, 4]]])), [1, 0])
    assert analysis.information(np.zeros((2, 3))) == 0
    joint = np.array([[3, 1], [2, 4]]) / 10
    expected = sum(
        joint[i, j] * np.log2(joint[i, j] / (joint[i].sum() * joint[:, j].sum()))
        for i in range(2)
        for j in range(2)
    )
    assert analysis.information(joint * 10) == pytest.approx(expected)


def test_independent_decisions_show_no_dependence():
    rng = np.random.default_rng(0)
    found = analysis.figures(TARGETS, counted([random_aims(rng) for _ in range(12)]))
    measured = found["views"]["belief"]["dependence"]
    assert measured["low"] < 0 < measured["high"]
    assert abs(measured["value"]) < 1e-3
    assert measured["information"] > 0  # of finite counts, which the shuffles have as well
    assert measured["value"] == pytest.approx(measured["information"] - measured["shuffled"])


def test_dependence_is_found_and_measured():
    rng = np.random.default_rng(0)
    found = analysis.figures(TARGETS, counted([random_aims(rng, attentive=0.5) for _ in range(12)]))
    view = found["views"]["belief"]
    # three of four kinds are that of the state: 1 - H(1/4) bits
    known = 1 + 0.25 * np.log2(0.25) + 0.75 * np.log2(0.75)
    assert view["dependence"]["information"] == pytest.approx(known, abs=0.02)
    # of the few targets of an agent, the shuffles often draw the one that was chosen
    assert known / 2 < view["dependence"]["low"] < view["dependence"]["value"] < known
    assert view["most"]["yes"]["kind"] == "fix"
    assert view["shares"]["no"]["look"] == pytest.approx(0.75, abs=0.03)
    assert view["lift"]["fix"]["yes"] == pytest.approx(1.5, abs=0.06)
    assert found["decisions"] == 800


def test_what_only_follows_from_the_times_is_no_dependence():
    """Kind and state change together with time, but targets are random: so are those of the shuffles."""
    rng = np.random.default_rng(0)

    def episode():
        made = random_aims(rng)
        late = (np.arange(400) >= 200)[:, None]
        belief = np.where(made.states[0] == 2, 2, late.astype(int))
        return made._replace(
            kind=np.broadcast_to(late, (400, 2)).astype(int), states=(belief, made.states[1])
        )

    view = analysis.figures(TARGETS, counted([episode() for _ in range(4)]))["views"]["belief"]
    assert view["dependence"]["information"] == pytest.approx(1)
    assert view["dependence"]["value"] == pytest.approx(0, abs=1e-9)
    assert view["lift"] == {"look": {"no": 2, "yes": 0}, "fix": {"no": 0, "yes": 2}}


def test_seeds_are_resampled_too():
    rng = np.random.default_rng(0)
    seeds = [counted([random_aims(rng, attentive=x) for _ in range(6)]) for x in (0.1, 0.5, 0.9)]
    chosen, shuffled = (
        np.concatenate([one["views"]["belief"][name] for one in seeds]) for name in ("chosen", "shuffled")
    )
    together = analysis.dependence(chosen, shuffled)
    alone = analysis.dependence(chosen[1:2], shuffled[1:2])
    assert together["high"] - together["low"] > 3 * (alone["high"] - alone["low"])
    assert analysis.dependence(chosen[:1, :1], shuffled[:1, :1])["low"] is None  # a single episode
