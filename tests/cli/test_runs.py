"""The table of runs, over folders that hold more than runs."""

import io
import json
import os
from dataclasses import replace

import pytest
from rich.console import Console

from garrison import algos
from garrison.cli.runs import Runs, _table, find, table_rows
from garrison.runs import directory as runs
from garrison.training.config import Training

IPPO = algos.get("ippo").Config

#: 4 environments of 5 steps: 20 steps per iteration, three iterations in all.
TRAINING = Training(
    world="toy/network",
    options={"steps": 5},
    num_seeds=2,
    settings=IPPO(total_steps=60, num_envs=4, hidden_sizes=(8,)),
)


def make(path, iterations, training=TRAINING):
    """A run directory as a training of so many iterations leaves it, but for checkpoints."""
    run = runs.create(path, training.to_json())
    for iteration in range(1, iterations + 1):
        returns = [-10.0 / iteration] * training.num_seeds
        run.log({"iteration": iteration, "env_steps": 20 * iteration, "seconds": 0.5, "return": returns})
    return run


def by_name(folder):
    return {row["run"]: row for row in table_rows(folder)}


def test_a_row_says_what_was_trained_and_how_it_went(tmp_path):
    make(tmp_path / "a", 3)
    row = by_name(tmp_path)["a"]
    assert (row["algorithm"], row["world"], row["options"]) == ("ippo", "toy/network", {"steps": 5})
    assert (row["seed"], row["num_seeds"]) == (0, 2)
    assert (row["iterations"], row["total_iterations"], row["env_steps"]) == (3, 3, 60)
    assert row["return_last"] == row["return_best"] == pytest.approx(-10 / 3)
    assert row["steps_per_second"] == pytest.approx(2 * 60 / 1.5)
    assert (row["status"], row["problem"]) == ("complete", None)


def test_the_best_return_may_be_an_earlier_one(tmp_path):
    run = make(tmp_path / "a", 0)
    for iteration, value in enumerate((-3.0, -1.0, None), start=1):
        row = {"iteration": iteration, "env_steps": 20 * iteration, "seconds": 1.0, "return": [value, value]}
        run.log(row | ({"return": [-2.0, None]} if iteration == 3 else {}))
    row = by_name(tmp_path)["a"]
    assert (row["return_last"], row["return_best"]) == (-2, -1)


def test_a_run_that_is_not_done_is_running_while_a_process_holds_its_lock(tmp_path):
    run = make(tmp_path / "a", 2)
    assert by_name(tmp_path)["a"]["status"] == "stopped"
    with run.locked():
        assert by_name(tmp_path)["a"]["status"] == "running"


def test_a_run_before_its_first_iteration(tmp_path):
    make(tmp_path / "a", 0)
    row = by_name(tmp_path)["a"]
    assert (row["status"], row["iterations"], row["return_last"]) == ("stopped", 0, None)


def test_runs_are_found_at_any_depth_and_sorted_by_time(tmp_path):
    for name, time in (("sweep/trials/late", "2026-02"), ("early", "2026-01"), ("last", "2026-03")):
        run = make(tmp_path / name, 1)
        (run.path / "system.json").write_text(json.dumps({"time": time}))
    assert [row["run"] for row in table_rows(tmp_path)] == ["early", "sweep/trials/late", "last"]


def test_a_run_itself_can_be_the_folder(tmp_path):
    run = make(tmp_path / "a", 3)
    (row,) = table_rows(run.path)
    assert row["run"] == "a"


def test_what_is_no_run_is_left_alone(tmp_path):
    run = make(tmp_path / "a", 1)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"layers": 3}')
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden").mkdir()
    make(tmp_path / ".hidden" / "b", 1)
    make(run.path / "inner", 1)
    os.symlink(tmp_path, tmp_path / "again")
    assert list(find(tmp_path)) == [run.path]


def damage(name, text):
    return lambda path: (path / name).write_text(text)


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (lambda path: (path / "config.json").unlink(), "it has no config.json"),
        (damage("config.json", "{"), "config.json is damaged"),
        (damage("config.json", '{"world": "toy/network"}'), "missing: ippo"),
        (damage("metrics.jsonl", '{"iteration": 1}\n'), "row 1 of the metrics lacks 'return'"),
        (damage("config.json", "[]"), "config.json is damaged (it holds a list, expected an object)"),
        (damage("metrics.jsonl", "no JSON\n"), "metrics.jsonl is damaged in line 1 (Expecting value"),
        (damage("system.json", "[]"), "system.json is damaged (it holds a list, expected an object)"),
        (lambda path: (path / "metrics.jsonl").unlink(), "metrics.jsonl"),
    ],
)
def test_a_broken_run_says_why_and_hides_no_other(tmp_path, harm, problem):
    harm(make(tmp_path / "bad", 3).path)
    make(tmp_path / "good", 3)
    rows = by_name(tmp_path)
    assert rows["good"]["status"] == "complete"
    assert rows["bad"]["status"] == "broken"
    assert problem in rows["bad"]["problem"]


def test_a_run_of_an_unknown_world_is_broken_but_told_of(tmp_path):
    make(tmp_path / "a", 1, replace(TRAINING, world="nowhere"))
    row = by_name(tmp_path)["a"]
    assert (row["status"], row["world"], row["iterations"]) == ("broken", "nowhere", 1)
    assert "nowhere" in row["problem"]


def test_a_line_that_is_cut_off_is_left_out(tmp_path):
    run = make(tmp_path / "a", 2)
    with run.metrics_file.open("a") as file:
        file.write('{"iteration": 3, "env_')
    assert by_name(tmp_path)["a"]["iterations"] == 2


def test_the_table_has_a_line_per_run_and_says_what_is_broken(tmp_path, capsys):
    make(tmp_path / "a", 3)
    (make(tmp_path / "b", 3).path / "config.json").unlink()
    assert Runs(tmp_path).run() == 0
    printed = capsys.readouterr().out
    assert "complete" in printed
    assert "100%" in printed
    assert "b is broken:" in printed


@pytest.mark.parametrize(("width", "shown"), [(80, False), (120, True)])
def test_options_of_worlds_are_shown_where_their_words_fit(tmp_path, width, shown):
    options = {"observation": "recall", "contractor": "leave_out"}
    make(tmp_path / "cc4-best-of-seed-3", 3, replace(TRAINING, world="cc4", options=options))
    text = io.StringIO()
    Console(file=text, width=width, color_system=None).print(_table(table_rows(tmp_path), width))
    assert all((word in text.getvalue()) == shown for word in ("observation=recall", "contractor=leave_out"))
    assert "cc4-best-of-seed-3" in text.getvalue()
    assert ("--json" in text.getvalue()) != shown


def test_the_table_as_json(tmp_path, capsys):
    make(tmp_path / "a", 3)
    assert Runs(tmp_path, json=True).run() == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["run"] == "a"


def test_a_folder_without_runs(tmp_path, capsys):
    assert Runs(tmp_path).run() == 0
    assert "no runs" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="no folder"):
        Runs(tmp_path / "none").run()
