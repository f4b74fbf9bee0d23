"""The card of the trained team has the figures of the results, and describes the run beside it."""

import json
import re

import numpy as np
import pytest
from doc_pages import ROOT, script

import garrison
from garrison.judge.suites.published import COMPETITION
from garrison.presets import PRESETS

study = script("studies/model_card.py")
CARD = study.CARD.read_text()
FACTS = dict(re.findall(r"^\| \**([^|*]+?)\** \| (.*) \|$", CARD, flags=re.MULTILINE))


@pytest.mark.parametrize("page", [study.CARD, study.TEST / "README.md"], ids=["card", "test"])
def test_figures_are_those_of_the_results(page):
    """``python studies/model_card.py`` writes them."""
    text = page.read_text()
    assert text == study.filled(text, study.tables())


def test_the_card_has_all_tables():
    marks = re.findall(r"<!-- (\w+): python studies/model_card.py -->", CARD)
    assert marks == ["stock", "competition", "heldout"]
    rows = [line for line in CARD.splitlines() if line.startswith("| ") and line.count("[") > 1]
    assert len(rows) > 25


def test_other_figures_replace_those_in_the_page():
    changed = study.filled(CARD, {"stock": ["| new |"]})
    assert "| new |" in changed
    assert "training seed 3" not in changed
    assert changed.partition("<!-- end of stock")[2] == CARD.partition("<!-- end of stock")[2]


def test_the_table_counts_every_episode():
    """The first row against the file itself, without the study's functions."""
    lines = (study.TEST / "episodes/best_0-fsm.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    scores = [row["score"] for row in rows if row["engine"] == "cyborg"]
    [row] = (line for line in study.stock_table() if "training seed 0" in line)
    assert row.split(" | ")[1].startswith(f"−{abs(np.mean(scores)):.1f} [")
    assert row.split(" | ")[2] == f"{len(scores):,}"


def test_verdicts_follow_the_intervals():
    rows = [line.strip("| ").split(" | ") for line in study.suite("heldout")[2:]]
    verdicts = {row[0]: row[4] if len(row) > 4 else "" for row in rows}
    gaps = {row[0]: row[3].replace("−", "-") for row in rows}
    for game, gap in gaps.items():
        low, high = map(float, re.findall(r"[-+][\d.]+", gap)[1:])
        assert verdicts[game].strip("| ") == ("worse" if high < 0 else "better" if low > 0 else "")
    worse = {game for game, verdict in verdicts.items() if verdict == "worse"}
    weak = CARD.partition("## Where it is weak")[2]
    assert all(f"`{game}`" in weak for game in worse)


def test_the_run_is_what_the_card_says():
    run = garrison.load_run("best")
    training = run.training
    assert FACTS["command"] == "`garrison train cc4-best --seed 0 --out runs/best`"
    preset = PRESETS["cc4-best"]
    assert training.changed(parallel_seeds=None) == preset.changed(seed=0, num_seeds=1)
    assert FACTS["environment steps"].startswith(f"{training.settings.total_steps:,} (")
    for option in ("observation=recall", "traffic=off", "busy=masked"):
        name, value = option.split("=")
        assert training.options[name] == value
        assert f"`{option}`" in CARD
    packages = json.loads((study.CARD.parent / "system.json").read_text())["packages"]
    assert f"Garrison {packages['garrison']}, jax {packages['jax']}" in FACTS["made with"]


def test_what_was_published_is_what_the_suites_say():
    best = COMPETITION["teams"]["best published"]["base"]["mean"]
    for text in (CARD, study.finding()[0], (ROOT / "results/cc4_best_test/README.md").read_text()):
        assert f"−{abs(best)}" in text
