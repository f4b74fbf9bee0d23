"""``garrison report``: a run as one page."""

import json

import pytest
import tyro

from garrison import cli
from garrison.cli.report import Report
from garrison.runs import directory as runs

SMALL = [
    "--world",
    "toy/network",
    "--options",
    "steps=5",
    "--num-envs",
    "4",
    "--hidden-sizes",
    "8",
    "--total-steps",
    "60",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> runs.RunDirectory:
    path = tmp_path_factory.mktemp("runs") / "some run"
    assert cli.main(["train", "quick", *SMALL, "--num-seeds", "2", "--out", str(path)]) == 0
    return runs.load(path)


def test_report_writes_a_page_and_its_figures(trained, capsys):
    assert tyro.cli(Report, args=[str(trained.path), "--episodes", "4"]).run() == 0
    page = (trained.report / "report.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "some run" in page
    assert "2 teams of ippo" in page
    figures = json.loads((trained.report / "evaluation.json").read_text())
    assert list(figures["players"]) == ["random", "ippo"]
    assert (figures["players"]["ippo"]["teams"], figures["episodes"]) == (2, 4)
    assert "Player: ippo. Steps: 5." in (trained.report / "episode.md").read_text()
    assert (trained.report / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr()
    assert "ippo ×2" in printed.out
    assert "report.html" in printed.err


def test_report_as_json(trained, capsys):
    assert tyro.cli(Report, args=[str(trained.path), "--episodes", "2", "--greedy", "--json"]).run() == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((trained.report / "evaluation.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["nowhere"], "nowhere is no run directory"), (["nowhere", "--episodes", "0"], "episodes is 0")],
)
def test_mistakes_end_with_a_message(arguments, message):
    with pytest.raises(SystemExit, match=message):
        tyro.cli(Report, args=arguments).run()
