"""Gaps between two sides: found where there are some, and told how sure it is that there are none."""

import numpy as np
import pytest

from garrison.judge import stats
from garrison.parity.scores import equivalence
from garrison.worlds.cc4.behavior import BLUE

PARTS = ("LWF", "ASF", "RIA", "action_cost")
KINDS = len(BLUE.axes["action"])


def rows(engine, n, rng, policy="idle", shift=0.0, kinds=None):
    """Episodes of one law: parts are normal but ASF, which is 0; ``shift`` is added to phase 1's RIA."""
    parts = rng.normal(-20, 5, (n, 3, len(PARTS)))
    parts[:, :, 1] = 0
    parts[:, 1, 2] += shift
    decisions = rng.multinomial(800, np.full(KINDS, 1 / KINDS) if kinds is None else kinds, n)
    return [
        {
            "policy": policy, "player": "f0", "red": "fsm", "world": "steps=500", "cc4": "1",
            "engine": engine, "version": f"{engine} 4", "seed": i, "length": 499,
            "score": float(parts[i].sum()),
            "parts": {name: parts[i, :, k].tolist() for k, name in enumerate(PARTS)},
            "decisions": decisions[i].tolist(),
        }
        for i in range(n)
    ]  # fmt: skip


def both(rng, ours=80, theirs=60, policy="idle", **change):
    return rows("garrison", ours, rng, policy, **change) + rows("cyborg", theirs, rng, policy)


def study(found, margin=8.0, **margins):
    return equivalence.study({(rows[0]["policy"], "fsm"): rows for rows in found}, margins, margin)


def test_quantities_are_read_from_their_places():
    row = {"score": -70.0, "parts": {name: [k, 10 * k, 100 * k] for k, name in enumerate(PARTS, start=1)}}
    sample = {name: values.tolist() for name, values in equivalence.sample_of([row, row]).items()}
    assert len(sample) == 1 + 4 + 3 + 12
    assert sample["score"] == [-70, -70]
    assert sample["RIA"] == [333, 333]
    assert sample["phase 1"] == [100, 100]
    assert sample["phase 2 action_cost"] == [400, 400]


def test_equal_sides_have_no_gap_and_are_equivalent():
    (pair,) = (figures := study([both(np.random.default_rng(0))]))["pairs"]
    assert figures["systematic"] == 0
    assert figures["tests"] == 20 - 4 + 1  # ASF never varies
    assert pair["episodes"] == {"garrison": 80, "cyborg": 60}
    gaps = {gap["quantity"]: gap for gap in pair["gaps"]}
    assert gaps["score"]["equivalent"]
    assert gaps["score"]["margin"] == 8
    share = 8 / gaps["score"]["cyborg"]["sd"]
    assert gaps["phase 2 LWF"]["margin"] == pytest.approx(share * gaps["phase 2 LWF"]["cyborg"]["sd"])
    assert gaps["ASF"] | {"constant": True, "adjusted": None, "equivalent": True, "needed": 2} == gaps["ASF"]
    assert [gap["quantity"] for gap in equivalence.prominent(pair)] == ["score", *PARTS, *BLUE.phases]


def test_equal_sides_seldom_seem_to_differ():
    """At a family-wise level of 5%."""
    rng = np.random.default_rng(1)
    tests = []
    for _ in range(60):
        names = [rng.normal(size=(2, 50)) for _ in range(17)]
        gaps = [equivalence._gap(str(i), *pair, 1.0) for i, pair in enumerate(names)]
        pair = {"policy": "idle", "red": "fsm", "gaps": gaps, "behavior": {"p": 1.0}}
        equivalence._adjust([pair])
        tests.append(min(gap["adjusted"] for gap in gaps) < equivalence.LEVEL)
    assert sum(tests) <= 8


def test_a_planted_gap_is_found_where_it_is():
    rng = np.random.default_rng(2)
    figures = study([both(rng), both(rng, policy="guard", shift=6.0)], guard=3.0)
    idle, guard = figures["pairs"]
    assert (idle["margin"], guard["margin"]) == (8, 3)
    tested = [gap for gap in guard["gaps"] if not gap["constant"]]
    wrong = {gap["quantity"] for gap in tested if gap["adjusted"] < equivalence.LEVEL}
    assert {"phase 1 RIA"} <= wrong <= {"phase 1 RIA", "RIA", "phase 1", "score"}
    assert figures["systematic"] == len(wrong)
    assert not guard["gaps"][0]["equivalent"]
    assert guard["gaps"][0]["difference"]["value"] == pytest.approx(6, abs=5)
    assert equivalence.farthest(figures) > 5


def test_a_policy_with_too_few_episodes_waits():
    rng = np.random.default_rng(3)
    figures = study([both(rng), both(rng, theirs=1, policy="guard")])
    assert figures["waiting"] == [["guard", "fsm"]]
    assert [pair["policy"] for pair in figures["pairs"]] == ["idle"]


def test_so_many_episodes_prove_a_margin():
    rng = np.random.default_rng(4)
    n = equivalence.needed(rng.normal(0, 3, 4000), rng.normal(0, 1, 4000), 0.5)
    assert n == pytest.approx(10 * 10.82 / 0.25, rel=0.1)
    shown = [
        equivalence._gap("q", rng.normal(0, 3, n), rng.normal(0, 1, n), 0.5)["equivalent"] for _ in range(400)
    ]
    assert 0.85 <= np.mean(shown) <= 0.95
    assert equivalence.needed(rng.normal(size=9), rng.normal(size=9), 0.0) is None


def test_behavior_of_one_law_is_as_far_apart_as_halves(monkeypatch):
    monkeypatch.setattr(equivalence, "RESAMPLES", 500)
    monkeypatch.setattr(stats, "RESAMPLES", 100)  # of the interval, which is not looked at
    rng = np.random.default_rng(5)
    sizes = (80, 60)
    found = [
        equivalence.behavior(*(rng.multinomial(800, np.full(KINDS, 1 / KINDS), n) for n in sizes))
        for _ in range(150)
    ]
    p = [one["p"] for one in found]
    assert np.mean(np.less(p, 0.05)) <= 0.1
    assert 0.4 < np.mean(p) < 0.6
    assert np.mean([one["distance"] < one["halves_high"] for one in found]) > 0.9
    assert all(0 < one["halves"] < one["halves_high"] < 0.03 for one in found)


def test_behavior_of_another_law_is_found():
    rng = np.random.default_rng(6)
    law = np.full(KINDS, 1 / KINDS)
    law[:2] += (0.02, -0.02)
    found = equivalence.behavior(rng.multinomial(800, law, 80), rng.multinomial(800, law[::-1], 60))
    assert found["p"] == pytest.approx(1e-4, rel=0.01)
    assert found["low"] < found["distance"] < found["high"]
    assert found["distance"] == pytest.approx(0.04, abs=0.01)
    assert found["distance"] > 2 * found["halves_high"]
