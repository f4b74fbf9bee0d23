"""Figures and the tables that show them."""

import io

import numpy as np
import pytest
from rich.console import Console

from garrison.judge import tables
from garrison.judge.evaluate import Episodes
from garrison.judge.summary import comparison, summary
from garrison.worlds.toy.network import Network


def episodes(*returns: list[float], act: int = 1) -> Episodes:
    """Teams with these returns, all infections, who analyse ``act`` times for each restore."""
    returns = np.array(returns)
    decisions = np.zeros((*returns.shape, 3, 2), int)
    decisions[..., 1, 0], decisions[..., 2, 1] = act, 1
    parts = {"infected": returns[..., None]}
    return Episodes(returns, returns + 1, np.full(returns.shape, 30), parts, decisions)


def shown(*tables, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO())
    for table in tables:
        console.print(table)
    return console.file.getvalue()


RESULTS = {
    "idle": episodes([-5000.0, -7000.0]),
    "ippo": episodes([-2000.0, -3000.0], [-2400.0, -3400.0], act=3),
}


@pytest.fixture(scope="module")
def figures():
    return summary(Network(), RESULTS, seed=1, versus="ippo")


def test_summary_compares_pair_by_pair(figures):
    assert figures["episodes"] == 2
    idle, ippo = figures["players"].values()
    assert idle["return"]["mean"] == -6000
    assert idle["score"]["mean"] == -5999
    assert idle["reward_parts"] == {"infected": -6000}
    assert idle["reward_parts_by_phase"] == {"infected": [-6000]}
    assert idle["advantage_of_ippo"]["mean"] == 3300
    assert idle["behavior_distance_to_ippo"]["value"] == pytest.approx(0.5)
    assert "advantage_of_ippo" not in ippo
    assert (ippo["teams"], ippo["return"]["n"]) == (2, 4)
    assert ippo["return_of_teams"] == [-2500, -2900]
    assert ippo["interquartile_mean"]["value"] == -2700
    assert ippo["behavior"]["shares"]["analyse"]["value"] == 0.75


def test_table_shows_figures_and_the_score_where_it_differs(figures):
    text = shown(tables.table(figures))
    assert "−6,000 [−7,000, −5,000]" in text
    assert "+3,300 [" in text
    assert "ippo ×2" in text
    assert "(seeds 1-2)" in text
    assert "score" not in text
    scored = shown(tables.table(figures | {"score_steps": 29}))
    assert "score: the first 29 of 30" in " ".join(scored.split())
    assert "−5,999" in scored


def test_a_table_without_anybody_to_compare_with():
    text = shown(tables.table(summary(Network(), {"idle": RESULTS["idle"]}, seed=1)))
    assert "minus this" not in text
    assert "×" not in text


def test_behavior_table(figures):
    lines = {
        line.split()[0]: line.split()[1:]
        for line in shown(tables.behavior_table(figures)).splitlines()
        if line.split()
    }
    assert lines["analyse"] == ["50.0%", "75.0%"]
    assert lines["sleep"] == ["0.0%", "0.0%"]
    assert lines["Hill"] == ["number", "2.0", "1.8"]
    assert lines["L1"] == ["to", "ippo", "0.50"]


def test_comparison_takes_every_pair_once():
    found = comparison(Network(), RESULTS | {"last": episodes([-9000.0, -9000.0])}, seed=1)
    assert [(pair["first"], pair["second"]) for pair in found["pairs"]] == [
        ("idle", "ippo"),
        ("idle", "last"),
        ("ippo", "last"),
    ]
    idle_ippo = found["pairs"][0]
    assert idle_ippo["difference"]["mean"] == -3300
    assert idle_ippo["probability_of_improvement"] == {"value": 0, "low": 0, "high": 0}
    assert idle_ippo["behavior_distance"]["value"] == pytest.approx(0.5)
    text = shown(*tables.comparison_tables(found))
    assert "idle − ippo" in text
    assert "1.00 [1.00, 1.00]" in text
    assert "−6,000 [−7,000, −5,000]" in text
