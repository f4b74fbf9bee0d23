"""Resilience in evaluations, comparisons, tables and pages, in a small world."""

import json

import numpy as np
import pytest

import garrison
from garrison.core.policy import Constant
from garrison.core.wrappers import EpisodeStats
from garrison.judge.evaluate import evaluate
from garrison.judge.html_report.resilience_plots import resilience_png
from garrison.judge.resilience_tables import measured
from garrison.worlds.toy.network import Network
from garrison.worlds.toy.probes import Value

WORLD = Network(steps=12)
IDLE, RESTORE = Constant((0, 0)), Constant((2, 4))


@pytest.fixture(scope="module")
def result():
    given = {"idle": IDLE, "mine": [RESTORE, Constant((2, 6))], "random": "random"}
    return garrison.evaluate(WORLD, given, episodes=6, seed=7, record="mine", resilience=True)


def test_figures_are_json_ready_by_policy(result):
    figures = json.loads(result.to_json())
    assert figures == result.figures
    found = measured(figures)
    assert list(found) == ["idle", "mine", "random"]
    assert found["idle"]["resilience"]["mean"] < found["mine"]["resilience"]["mean"]
    assert found["mine"]["resilience"]["seeds"] == 2
    assert found["idle"]["recovery"]["ended"]["value"] == 0
    assert found["mine"]["recovery"]["ended"]["value"] > 0
    assert list(found["idle"]["attacks"]) == ["infection"]
    assert len(found["idle"]["curves"]["step"]) == 12


def test_the_record_is_by_seed_and_episode(result):
    harm = result.episodes("mine").harm
    assert harm.impacted.shape == (2, 6, 12, 3)
    assert harm.expected.shape == (2, 6, 12, 2)
    assert harm.attacks.shape == (2, 6, 12, 1, 3)
    state = result.recording.after.infected  # of the first seed's first episode
    np.testing.assert_array_equal(harm.impacted[0, 0], state[:, [0, 2, 1]])


def test_the_record_does_not_depend_on_batches_or_wrappers(result):
    small, _ = evaluate(EpisodeStats(WORLD), {"idle": IDLE}, 5, seed=7, resilience=True, batch=2)
    ours = result.episodes("idle").harm
    for name, part in small["idle"].harm._asdict().items():
        np.testing.assert_array_equal(part, getattr(ours, name)[:, :5], err_msg=name)


def test_tables_and_pages_show_it(result, tmp_path):
    text = str(result)
    assert "outages and recovery" in text
    assert "> 12" in text  # idle repairs nothing, and the longest outage is the whole episode
    assert "published scores, and exposure" in text
    page = result.report(tmp_path / "page.html").read_text()
    assert "<h2>Resilience</h2>" in page
    assert "Outages and recovery" in page
    assert "mine, by phase" in page
    plain = garrison.evaluate(WORLD, {"idle": IDLE}, episodes=2, seed=7)
    assert "Resilience" not in plain.report(tmp_path / "plain.html").read_text()
    assert "outages" not in str(plain)
    assert resilience_png(measured(result.figures), "mine").startswith(b"\x89PNG")


def test_policies_are_compared_pair_by_pair(result):
    found = result.compare("mine", "idle")
    (pair,) = found.figures["pairs"]
    assert pair["resilience"]["resilience"]["mean"] > 0
    assert pair["resilience"]["recovery"]["value"] < 0
    assert "pairs: resilience" in str(found)
    whole = garrison.compare(WORLD, {"mine": RESTORE, "idle": IDLE}, episodes=6, seed=7, resilience=True)
    text = str(whole)
    assert "pairs: resilience" in text
    assert "outages and recovery" in text
    assert whole.figures["pairs"][0]["resilience"]["health"]["C"]["mean"] > 0


def test_a_world_without_assets_is_refused():
    with pytest.raises(ValueError, match="world 'toy/value' does not describe assets of this side"):
        garrison.evaluate(Value(), {"idle": Constant((0,))}, episodes=1, resilience=True)


def test_policies_that_lose_nothing_are_shown():
    safe = Network(steps=5, spread=0.0, phishing=0.0)
    found = garrison.evaluate(safe, {"mine": Constant((2, 4))}, episodes=3, seed=1, resilience=True)
    one = measured(found.figures)["mine"]
    assert one["resilience"]["mean"] > 0.5
    assert str(found)
