"""The study of collapse: its trainings go on where they stopped; its page, from figures that are made up."""

from types import SimpleNamespace

import numpy as np
import pytest
from doc_pages import script

from garrison.llm import tiny
from garrison.llm.tiny import Games
from garrison.studies.study import ORIGIN, page, save

collapse = script("studies/llm_collapse.py")
SETTINGS = {"seeds": 2, "steps": 3, "episodes": 4, "teaching": 4}


def judged(score, **tools):
    counts = np.array(list(tools.values()))
    share = counts / counts.sum()
    return {
        "scores": [score - 0.01, score, score + 0.01, score],
        "tools": tools,
        "entropy": float(-(share * np.log(share)).sum()),
        "largest_share": float(share.max()),
        "orders": 20,
        "states": 90,
        "decision_entropy": 1.2,
    }


def figures(**more):
    step = {"score": 0.4, "tools": 1.0, "largest_share": 0.5, "groups_alike": 0.0}
    found = {
        "none": judged(0.6, sleep=1_000, run_forensics=1),
        "entropy bonus": judged(0.5, sleep=50, run_forensics=50),
        "penalty": judged(0.55, sleep=60, run_forensics=40),
    }
    runs = {
        f"{name} {seed}": {"curve": [step] * 3, "held_out": one}
        for name, one in found.items()
        for seed in (0, 1)
    }
    taught = {str(seed): judged(0.4, sleep=30, run_forensics=70) for seed in (0, 1)}
    return dict.fromkeys(ORIGIN, "-") | SETTINGS | {"arms": {}, "runs": runs, "taught": taught} | more


def test_the_page_has_each_arm_and_says_which_collapsed():
    made = collapse.study(figures())
    text = "\n".join(page(made))
    assert "none: +0.200 [0." in made.finding
    assert "to the taught policy, 2 of 2 collapsed; entropy bonus: +0.100" in made.finding
    assert "| entropy bonus | adds 0.01 times" in text
    assert "| entropy bonus | 0.500 [" in text
    assert "0 of 2 |" in text
    assert "| run_forensics | 70.0% | 0.1% | 50.0% | 40.0% |" in text
    assert made.pictures[collapse.PICTURE].startswith(b"\x89PNG")


def test_arms_differ_in_one_thing():
    base = collapse.ARMS["none"]
    assert (base.entropy, base.penalty, base.beta) == (0, 0, 0)
    changed = {name: (how.entropy, how.penalty) for name, how in collapse.ARMS.items() if name != "none"}
    assert changed == {"entropy bonus": (0.01, 0), "penalty": (0, 1.0)}


def test_an_unfinished_study_is_a_page_and_goes_on(tmp_path):
    some = figures(runs={"none 0": figures()["runs"]["none 0"]})
    save(tmp_path, collapse.study(some))
    assert "Not all trainings are done." in (tmp_path / "README.md").read_text()
    empty = figures(runs={}, taught={})
    assert collapse.begun(tmp_path, empty)["runs"] == some["runs"]
    assert collapse.begun(tmp_path, empty | {"steps": 4})["runs"] == {}
    assert collapse.begun(None, empty) == empty


def test_held_out_games_are_told_by_scores_and_how_varied_they_are(monkeypatch):
    """Of batches that together are as many games as were asked for, on seeds of the test split."""
    asked = []

    def play(batch, seeds, weights, seed):
        asked.extend(seeds)
        words = np.zeros((2, tiny.MOST_CALLS, tiny.MOST_WORDS), np.int32)
        words[:, :2, 0] = (5, 6)
        orders = [("wait", f"{seeds[0]}"), tiny.SLEEP]
        return Games(np.full(2, 0.5, np.float32), words, np.zeros(2, np.int32), np.arange(2), orders)

    monkeypatch.setattr(tiny, "play", play)
    found = collapse.held_out(SimpleNamespace(number=2), np.zeros(tiny.WEIGHTS), 4)
    assert asked == [1_000_000, 1_000_001, 1_000_002, 1_000_003]
    assert found["tools"] == {"wait": 2, "sleep": 2}
    assert [found["entropy"], found["decision_entropy"]] == pytest.approx([np.log(2)] * 2)
    assert (found["orders"], found["states"]) == (3, 1)
