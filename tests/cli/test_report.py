"""``garrison report``: a run as one page."""

import json
import shutil

import pytest
import tyro
from small_runs import THREE_ITERATIONS

from garrison import cli
from garrison.cli.report import Report
from garrison.judge import run_report, suites
from garrison.runs import directory as runs


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> runs.RunDirectory:
    path = tmp_path_factory.mktemp("runs") / "some run"
    assert cli.main(["train", "mlp", *THREE_ITERATIONS, "--num-seeds", "2", "--out", str(path)]) == 0
    return runs.load(path)


def test_report_writes_a_page_and_its_figures(trained, capsys):
    assert tyro.cli(Report, args=[str(trained.path), "--episodes", "4"]).run() == 0
    page = (trained.report / "report.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "some run" in page
    assert "ippo, 2 training seeds" in page
    figures = json.loads((trained.report / "evaluation.json").read_text())
    assert list(figures["policies"]) == ["random", "ippo"]
    assert (figures["policies"]["ippo"]["seeds"], figures["episodes"]) == (2, 4)
    assert "Policy: ippo. Steps: 5." in (trained.report / "episode.md").read_text()
    assert (trained.report / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr()
    assert "ippo ×2" in printed.out
    assert "report.html" in printed.err


def test_report_as_json(trained, capsys):
    assert tyro.cli(Report, args=[str(trained.path), "--episodes", "2", "--greedy", "--json"]).run() == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((trained.report / "evaluation.json").read_text())


def test_resilience_is_a_section_of_the_page_if_asked(trained):
    assert tyro.cli(Report, args=[str(trained.path), "--episodes", "2", "--resilience"]).run() == 0
    assert "<h2>Resilience</h2>" in (trained.report / "report.html").read_text()
    assert tyro.cli(Report, args=[str(trained.path), "--episodes", "2"]).run() == 0
    assert "<h2>Resilience</h2>" not in (trained.report / "report.html").read_text()


def test_a_suite_is_a_section_of_the_page_if_asked(trained, monkeypatch, capsys):
    entry = suites.Entry("plain", "one", {"steps": 5}, "toy/network")
    monkeypatch.setitem(suites.SUITES, "toy", suites.Suite("toy", 1, "a test", 40, 6, (entry,)))
    asked = [str(trained.path), "--episodes", "2", "--suite", "toy"]
    assert tyro.cli(Report, args=[*asked, "--suite-episodes", "2"]).run() == 0
    assert "suite toy" in capsys.readouterr().out
    assert "<h2>Suite toy (version 1" in (trained.report / "report.html").read_text()
    found = json.loads((trained.report / "evaluation.json").read_text())["suites"]["toy"]
    assert list(found["policies"]) == ["random", "ippo"]
    assert found["policies"]["ippo"]["seeds"] == 2
    with pytest.raises(SystemExit, match="episodes is 7; the suite toy has 1"):
        tyro.cli(Report, args=[*asked, "--suite-episodes", "7"]).run()
    with pytest.raises(SystemExit, match="cannot play 'cc4'"):
        tyro.cli(Report, args=[str(trained.path), "--suite", "heldout"]).run()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["nowhere"], "nowhere is not a run directory"), (["nowhere", "--episodes", "0"], "episodes is 0")],
)
def test_mistakes_end_with_a_message(arguments, message):
    with pytest.raises(SystemExit, match=message):
        tyro.cli(Report, args=arguments).run()


def test_a_report_that_cannot_be_written_is_found_out_before_playing(trained, monkeypatch):
    def refuse(self, name, data):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(runs.RunDirectory, "write_report", refuse)
    monkeypatch.setattr(run_report.Match, "evaluate", lambda *_, **__: pytest.fail("played"))
    with pytest.raises(SystemExit, match="the report cannot be written to .*report: Read-only file system"):
        tyro.cli(Report, args=[str(trained.path)]).run()


def test_a_run_without_metrics_has_a_report_without_a_curve(trained, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(trained.path, copied, ignore=shutil.ignore_patterns("metrics.jsonl", "report"))
    assert tyro.cli(Report, args=[str(copied), "--episodes", "1"]).run() == 0
    assert sorted(file.name for file in (copied / "report").iterdir()) == [
        *("episode.md", "evaluation.json", "replay.html", "report.html")
    ]
    assert 'href="replay.html"' in (copied / "report" / "report.html").read_text()
    assert "Garrison replay" in (copied / "report" / "replay.html").read_text()
    figures = json.loads((copied / "report" / "evaluation.json").read_text())
    assert figures["policies"]["ippo"]["return"]["low"] is None
