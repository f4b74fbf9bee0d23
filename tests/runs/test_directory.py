"""Run directories."""

import json
import re
import subprocess
import sys
import threading

import jax
import pytest

from garrison.runs import directory as runs


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
    with pytest.raises(FileNotFoundError, match="is not a run directory"):
        runs.load(tmp_path)


def test_default_path_has_no_slash_of_the_world():
    assert re.fullmatch(r"runs/toy-credit-\d{8}-\d{6}", runs.default_path("toy/credit").as_posix())


def test_metrics_after_the_checkpoint_are_dropped_and_a_half_line_is_ignored(tmp_path):
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


@pytest.mark.parametrize("text", ["{", "[]", "", '{"a": NaN}', "\x00"])
def test_a_damaged_file_is_named_with_a_remedy(tmp_path, text):
    run = runs.create(tmp_path, {})
    for name, read in (("config.json", run.config), ("system.json", run.system)):
        (tmp_path / name).write_text(text)
        with pytest.raises(ValueError, match=rf"{name} is damaged \(.*\); restore it from a copy"):
            read()
        (tmp_path / name).unlink()
        with pytest.raises(FileNotFoundError, match=rf"{name} is missing; restore it from a copy"):
            read()


@pytest.mark.parametrize(
    "line",
    ["no JSON", "[]", "{}", '{"iteration": 1}', '{"iteration": "3"}', '{"iteration": 3, "x": NaN}', ""],
)
def test_a_damaged_line_of_metrics_is_named_with_a_remedy(tmp_path, line):
    run = runs.create(tmp_path, {})
    run.metrics_file.write_text(f'{{"iteration": 1}}\n{line}\n{{"iteration": 4}}\n')
    with pytest.raises(ValueError, match=r"metrics\.jsonl is damaged in line 2 \(.*\); delete that line"):
        run.metrics()
    with pytest.raises(ValueError, match="line 2"):
        run.rewind(1)


def test_missing_metrics_are_named_with_a_remedy(tmp_path):
    run = runs.create(tmp_path, {})
    run.metrics_file.unlink()
    with pytest.raises(FileNotFoundError, match=r"metrics\.jsonl is missing; .* create an empty file"):
        run.metrics()


def test_looking_never_disturbs_a_start(tmp_path):
    """`garrison runs` looks while another process takes the lock, again and again."""
    run = runs.create(tmp_path, {})
    with run.locked():
        pass
    stop = threading.Event()

    def look():
        while not stop.is_set():
            run.in_training()

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(300):
            with run.locked():
                assert run.in_training()
    finally:
        stop.set()
        for looker in lookers:
            looker.join()
    assert not run.in_training()


def test_looking_changes_no_file(tmp_path):
    run = runs.create(tmp_path, {})
    before = sorted(path.name for path in tmp_path.iterdir())
    assert not run.in_training()
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_lock_of_another_process_is_seen(tmp_path):
    run = runs.create(tmp_path, {})
    program = (
        "import sys; from pathlib import Path; from garrison.runs.directory import RunDirectory\n"
        "with RunDirectory(Path(sys.argv[1])).locked(): print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"locked\n"
        assert run.in_training()
        with pytest.raises(ValueError, match="by another process"), run.locked():
            pass
        process.kill()
    assert not run.in_training()
