"""Run directories."""

import json
import re

import jax
import pytest

from garrison.runs import run as runs


def test_a_run_keeps_configuration_system_and_metrics(tmp_path):
    run = runs.create(tmp_path / "a" / "run", {"seed": 3})
    run.log({"iteration": 1, "return": -2.5})
    run.log({"iteration": 2, "return": float("nan")})
    run.write_report("text.md", "hello\n")
    run.write_report("picture.png", b"\x89PNG")

    again = runs.load(tmp_path / "a" / "run")
    assert again.config() == {"seed": 3}
    assert again.metrics() == [{"iteration": 1, "return": -2.5}, {"iteration": 2, "return": None}]
    assert (again.report / "text.md").read_text() == "hello\n"
    assert (again.report / "picture.png").read_bytes() == b"\x89PNG"
    system = json.loads((run.path / "system.json").read_text())
    assert system["packages"]["jax"] == jax.__version__
    assert system["devices"]


def test_a_run_is_never_overwritten(tmp_path):
    runs.create(tmp_path, {})
    with pytest.raises(FileExistsError, match="holds a run already"):
        runs.create(tmp_path, {})


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no run directory"):
        runs.load(tmp_path)


def test_default_path_has_no_slash_of_the_world():
    assert re.fullmatch(r"runs/toy-credit-\d{8}-\d{6}", runs.default_path("toy/credit").as_posix())


def test_metrics_after_the_checkpoint_are_dropped_and_a_half_line_is_no_line(tmp_path):
    run = runs.create(tmp_path, {})
    for iteration in range(1, 5):
        run.log({"iteration": iteration, "return": [1.0, float("nan")]})
    with run.metrics_file.open("a") as file:
        file.write('{"iteration": 5, "ret')  # killed in writing
    assert [row["iteration"] for row in run.metrics()] == [1, 2, 3, 4]
    assert run.rewind(2) == [{"iteration": n, "return": [1.0, None]} for n in (1, 2)]
    run.log({"iteration": 3})
    assert [row["iteration"] for row in run.metrics()] == [1, 2, 3]


def test_one_process_at_a_time(tmp_path):
    run = runs.create(tmp_path, {})
    assert not run.in_training()
    with run.locked():
        assert run.in_training()
        with pytest.raises(ValueError, match="is being trained by another process"), run.locked():
            pass
    assert not run.in_training()


def test_resuming_is_noted(tmp_path):
    run = runs.create(tmp_path, {})
    run.resumed(7)
    run.resumed(9)
    assert [entry["iteration"] for entry in run.system()["resumed"]] == [7, 9]
    assert run.system()["resumed"][0]["packages"]["jax"] == jax.__version__


def test_a_damaged_file_is_named(tmp_path):
    run = runs.create(tmp_path, {})
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json is damaged"):
        run.config()
