"""The page of the study of games with tools, from figures that are made up."""

import numpy as np
from doc_pages import script

from garrison.llm.canaries import REFERENCE, advantages
from garrison.studies.study import ORIGIN, page, save

canaries = script("studies/llm_canaries.py")
MADE_UP = dict.fromkeys(ORIGIN, "-") | {"command": "second"}


def rows(**scores):
    noise = np.random.default_rng(0).normal(0, 0.01, 30)
    found = {
        name: {
            "score": score + noise,
            "won": np.full(30, score > 0.5),
            "ratio": 1 - score + noise,
            "plan": np.ones(30),
        }
        for name, score in scores.items()
    }
    return advantages(found)


def report(**more):
    return {**MADE_UP, "seed": 5, "episodes": 30, "opponent": "fsm", "sizes": {}, **more}


def test_the_page_says_who_wins_and_what_is_not_met():
    sizes = {"small": rows(**{REFERENCE: 0.8, "idle": 0.1}), "large": rows(**{REFERENCE: 0.7, "guard": 0.68})}
    text = "\n".join(page(canaries.study(report(sizes=sizes))))
    assert "wins 100.0% of small, 100.0% of large games; no other player wins more than 100.0%" in text
    assert "| idle | " in text
    assert "60 ticks, 40 instructions" in text
    assert "Not met: guard: the reference's advantage may be as small as 0.02" in text


def test_sizes_of_the_same_seeds_are_kept(tmp_path):
    first = report(command="first", sizes={"small": rows(**{REFERENCE: 0.8, "idle": 0.1})})
    save(tmp_path, canaries.study(first))
    again = canaries.kept(tmp_path, report())
    assert list(again["sizes"]) == ["small"]
    assert again["command"] == "first; second"
    assert canaries.kept(tmp_path, report(seed=6))["sizes"] == {}
    assert canaries.kept(None, report()) == report()
