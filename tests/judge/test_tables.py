"""Figures and the tables that show them."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from garrison.judge import tables
from garrison.judge.evaluate import Episodes
from garrison.judge.summary import comparison, matrix, summary
from garrison.worlds.toy.network import Network


def episodes(*returns: list[float], act: int = 1) -> Episodes:
    """Seeds with these returns, all infections, which analyse ``act`` times for each restore."""
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
    idle, ippo = figures["policies"].values()
    assert idle["return"]["mean"] == -6000
    assert idle["score"]["mean"] == -5999
    assert idle["reward_parts"] == {"infected": -6000}
    assert idle["reward_parts_by_phase"] == {"infected": [-6000]}
    assert idle["advantage_of_ippo"]["mean"] == 3300
    assert idle["behavior_distance_to_ippo"]["value"] == pytest.approx(0.5)
    assert "advantage_of_ippo" not in ippo
    assert (ippo["seeds"], ippo["return"]["n"]) == (2, 4)
    assert ippo["return_by_seed"] == [-2500, -2900]
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


def test_one_episode_has_a_dash_for_interval_and_sd():
    figures = summary(Network(), {"idle": episodes([-5.75]), "mine": episodes([-6.0])}, 1, versus="mine")
    json.dumps(figures, allow_nan=False)
    text = shown(tables.table(figures))
    row = next(line for line in text.splitlines() if line.startswith("idle")).split()
    assert row[:4] == ["idle", "−5.75", "[–]", "–"]
    assert "a single episode: no intervals" in " ".join(text.split())
    assert "−5.75, −5.75" not in text


@pytest.mark.parametrize(("count", "hint"), [(9, True), (10, False)])
def test_few_episodes_come_with_a_hint(count, hint):
    figures = summary(Network(), {"idle": episodes([-5.0 * i for i in range(count)])}, seed=1)
    assert (f"only {count} episodes" in " ".join(shown(tables.table(figures)).split())) == hint


def test_names_and_figures_stay_whole_in_a_narrow_terminal(figures):
    text = shown(
        tables.table(figures), *tables.comparison_tables(comparison(Network(), RESULTS, 1)), width=40
    )
    assert max(map(len, text.splitlines())) <= 40
    words = text.split()
    for word in ("idle", "ippo", "×2", "−6,000", "[−7,000,", "−5,000]"):
        assert word in words
    assert "…" not in text


def test_invalid_actions_have_a_column_only_if_there_are_any(figures):
    assert "invalid" not in shown(tables.table(figures))
    wrong = RESULTS["idle"].replace(invalid=np.array([[3, 4]]))
    found = summary(Network(), RESULTS | {"wrong": wrong}, seed=1)
    assert [one["invalid_actions"] for one in found["policies"].values()] == [None, None, 3.5]
    text = shown(tables.table(found), width=100)
    assert "invalid actions: per episode" in " ".join(text.split())
    assert next(line for line in text.splitlines() if line.startswith("wrong")).split()[-1] == "3.50"


def test_a_matrix_has_a_row_per_policy_and_a_column_per_opponent(figures):
    against = matrix({"fsm": figures, "idle": figures | {"policies": dict(figures["policies"])}})
    assert list(against["against"]) == ["fsm", "idle"]
    assert "policies" not in against
    (view,) = tables.tables(against)
    lines = shown(view, width=100).splitlines()
    assert next(line for line in lines if "against" in line).split()[-2:] == ["fsm", "idle"]
    row = next(line for line in lines if line.startswith("idle"))
    assert row.count("−6,000 [−7,000, −5,000]") == 2
