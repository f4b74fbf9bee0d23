import json
from pathlib import Path

import numpy as np
import pytest

from garrison.parity.scores import returns
from garrison.parity.scores.returns import LEVEL, POLICIES
from garrison.worlds import cc4

DATA = Path(__file__).parents[2] / "data" / "cc4_returns"


@pytest.fixture(scope="module")
def reference():
    return returns.read_reference(DATA)


def test_reference(reference):
    assert list(reference) == list(POLICIES)
    for sample in reference.values():
        assert len(sample) == 1 + 3 * 4 + 2 * 9 + 2
        assert {values.shape for values in sample.values()} == {(100,)}
    sleep = reference["sleep"]
    assert sleep["return"].mean() == pytest.approx(-6490.66)
    assert np.all(sleep["phase 0 action_cost"] == 0)
    assert sleep["rooted after 449"][0] == 60


def test_quantities_are_read_from_their_places():
    parts = np.arange(24).reshape(2, 3, 4)
    sample = returns.sample_of(
        {
            "parts": parts,
            "infected": np.arange(18).reshape(2, 9),
            "rooted": np.zeros((2, 9)),
            "hosts": [3, 4],
            "greens": [1, 2],
        }  # fmt: skip
    )
    assert sample["return"].tolist() == [66, 210]
    assert sample["phase 2 LWF"].tolist() == [8, 20]
    assert sample["phase 1 action_cost"].tolist() == [7, 19]
    assert sample["infected after 49"].tolist() == [0, 9]
    assert sample["infected after 449"].tolist() == [8, 17]


def alike(reference, rng, episodes=1000):
    """Episodes with the means and spreads of the reference, but none of the same."""
    return {
        policy: {name: rng.normal(x.mean(), x.std(), episodes) for name, x in sample.items()}
        for policy, sample in reference.items()
    }


def test_equal_samples_agree():
    """The chance that any of the quantities of any family is rejected is 1% a family."""
    rng = np.random.default_rng(0)
    names = [f"q{i}" for i in range(33)]
    wrong = 0
    for _ in range(40):
        theirs = {policy: {name: rng.normal(0, 1, 100) for name in names} for policy in POLICIES}
        wrong += not all(one.agrees for one in returns.compare(alike(theirs, rng, 300), theirs))
    assert wrong <= 3


@pytest.mark.parametrize(
    ("policy", "quantity"), [("sleep", "return"), ("firewall", "phase 2 ASF"), ("random", "rooted after 99")]
)
def test_a_planted_bias_is_found(reference, policy, quantity):
    ours = alike(reference, np.random.default_rng(1))
    before = returns.compare(ours, reference)
    assert all(one.agrees for one in before)
    assert len(before) == 132
    ours[policy][quantity] += 0.8 * reference[policy][quantity].std()
    (found,) = [one for one in returns.compare(ours, reference) if not one.agrees]
    assert (found.policy, found.quantity) == (policy, quantity)
    assert found.z > 5
    assert found.adjusted < LEVEL


def test_a_constant_that_differs_is_found(reference):
    ours = alike(reference, np.random.default_rng(2))
    ours["sleep"]["phase 1 ASF"][:] = -1  # CybORG's is always 0
    (found,) = [one for one in returns.compare(ours, reference) if not one.agrees]
    assert (found.quantity, found.z, found.p) == ("phase 1 ASF", None, 0)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda r: r.pop("red"), "'red' is missing"),
        (lambda r: r["episodes"][3].pop("hosts"), "'hosts' is missing"),
        (lambda r: r.update(policy="random"), "not 499 steps of 'reactive'"),
        (lambda r: r.update(steps_scored=500), "not 499 steps"),
        (lambda r: r["episodes"][0]["infected_every_50"].pop(), "inhomogeneous"),
        (lambda r: r["episodes"][9].update({"return": 1.0}), "do not add up"),
        (lambda r: r.update(episodes=7), "not iterable"),
    ],
)
def test_a_bad_reference_is_named(tmp_path, change, complaint):
    for policy in POLICIES:
        record = json.loads((DATA / f"{policy}.json").read_text())
        if policy == "reactive":
            change(record)
        (tmp_path / f"{policy}.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=rf"reactive\.json: .*{complaint}"):
        returns.read_reference(tmp_path)


def test_a_missing_reference_is_named(tmp_path):
    with pytest.raises(OSError, match=r"sleep\.json"):
        returns.read_reference(tmp_path)


@pytest.mark.slow
def test_our_returns_agree(reference):
    player = returns.player(cc4.make(), 100)
    ours = {policy: returns.sample_of(player.all(policy, 150, seed=77)) for policy in POLICIES}
    assert [one for one in returns.compare(ours, reference) if not one.agrees] == []
    for policy in POLICIES:
        assert {values.shape for values in ours[policy].values()} == {(150,)}


@pytest.mark.slow
def test_a_slightly_different_world_is_found(reference):
    """Users who open twice as many phishing mails."""
    player = returns.player(cc4.make(green_phishing=0.02), 100)
    ours = {policy: returns.sample_of(player.all(policy, 100, seed=77)) for policy in POLICIES}
    wrong = {(one.policy, one.quantity) for one in returns.compare(ours, reference) if not one.agrees}
    assert ("sleep", "infected after 49") in wrong
    assert ("sleep", "hosts") not in wrong
