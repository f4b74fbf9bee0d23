"""Sweeps of trials that cost nothing; the last one is real."""

import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import jax
import pytest

from garrison import algos
from garrison.cli import sweep as cli
from garrison.cli.sweep import Sweep
from garrison.runs import directory as runs
from garrison.runs import launch
from garrison.training.config import Training

FAKE = Path(__file__).parent / "fake_trial.py"
TRAINING = Training(
    world="toy/network",
    options={"steps": 5},
    num_seeds=2,
    settings=algos.get("ippo").Config(total_steps=60, num_envs=4, hidden_sizes=(8,)),
)
GRID = ("gamma=0.9,0.99", "entropy_coef=0,0.01")
NAMES = [f"gamma={gamma},entropy_coef={coef}" for gamma in ("0.9", "0.99") for coef in ("0", "0.01")]


@pytest.fixture(autouse=True)
def platforms():
    """What the sweep's own process may use, restored after each test."""
    jax.devices()
    before = jax.config.jax_platforms
    yield
    jax.config.update("jax_platforms", before)


@pytest.fixture
def manners(monkeypatch):
    """By trial, how its fake behaves; `command` and `POLL` are those of a fake."""
    found = {}

    def command(plan, trial):
        level = -float(trial.overrides.get("gamma", 1)) - float(trial.overrides.get("entropy_coef", 0))
        config = json.dumps(TRAINING.to_json())
        return [str(FAKE), str(plan.run(trial).path), config, str(level), found.get(trial.name, "")]

    monkeypatch.setattr(cli, "command", command)
    monkeypatch.setattr(launch, "POLL", 0.02)
    return found


def states(path):
    plan = cli.plans.load(path)
    return {trial.name: plan.state(trial)["status"] for trial in plan.trials}


def rows(path, name):
    return runs.load(path / "trials" / name).metrics()


def test_a_sweep_ends_with_a_table_and_a_picture(tmp_path, manners, capsys):
    out = tmp_path / "sweep"
    assert Sweep("mlp", GRID, out=out, jobs=2, json=True).run() == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((out / "report" / "sweep.json").read_text())
    assert [trial["trial"] for trial in report["trials"]] == NAMES  # the best first: least negative
    best = report["trials"][0]
    assert best["overrides"] == {"gamma": "0.9", "entropy_coef": "0"}
    assert best["seeds"] == pytest.approx([-2.7, -0.7])
    assert (best["mean"], best["sd"]) == pytest.approx((-1.7, 2**0.5))
    assert (best["status"], best["iterations"], best["env_steps"]) == ("finished", 3, 60)
    assert (out / "report" / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_accelerators_are_left_to_the_trials(tmp_path, manners, monkeypatch):
    monkeypatch.delenv("XLA_PYTHON_CLIENT_MEM_FRACTION", raising=False)
    assert Sweep("mlp", out=tmp_path / "sweep").run() == 0
    assert jax.config.jax_platforms == "cpu"
    with launch.launcher(ray=False, jobs=3) as (start, jobs):
        job = start(
            ["-c", "import os; print(os.environ['XLA_PYTHON_CLIENT_MEM_FRACTION'])"], tmp_path / "log"
        )
        while job.poll() is None:
            time.sleep(0.01)
    assert jobs == 3
    assert (tmp_path / "log").read_text() == "0.30\n"


def test_the_table_has_a_column_per_field(tmp_path, manners, capsys):
    assert Sweep("mlp", GRID, out=tmp_path / "sweep", jobs=4).run() == 0
    printed = capsys.readouterr()
    header = printed.out.splitlines()[0].split()
    assert header[:3] == ["gamma", "entropy_coef", "return"]
    assert "4 of 4 trials" in printed.err
    assert "finished gamma=0.9,entropy_coef=0" in printed.err


def test_a_trial_that_fails_is_told_of_and_the_others_go_on(tmp_path, manners, capsys):
    out = tmp_path / "sweep"
    manners[NAMES[1]] = "fail"
    assert Sweep("mlp", GRID, out=out, json=True).run() == 1
    printed = capsys.readouterr()
    assert f"failed {NAMES[1]} (exit status 1): garrison: the world has ended" in printed.err
    assert f"--resume {out} --retry" in printed.err
    *others, failed = json.loads(printed.out)["trials"]
    assert [trial["status"] for trial in others] == ["finished"] * 3
    assert (failed["trial"], failed["exit_status"], failed["mean"]) == (NAMES[1], 1, None)
    assert failed["error"] == "garrison: the world has ended"


def test_failed_trials_are_tried_again_only_when_asked(tmp_path, manners):
    out = tmp_path / "sweep"
    manners[NAMES[1]] = "fail"
    Sweep("mlp", GRID, out=out).run()
    del manners[NAMES[1]]
    assert Sweep(resume=out).run() == 1
    assert states(out)[NAMES[1]] == "failed"
    assert Sweep(resume=out, retry=True).run() == 0
    assert set(states(out).values()) == {"finished"}
    assert len(rows(out, NAMES[0])) == 3  # and not six


@pytest.mark.parametrize("same_command", [True, False])
def test_ctrl_c_stops_the_children_and_the_sweep_goes_on_later(tmp_path, manners, capsys, same_command):
    out = tmp_path / "sweep"
    manners |= {NAMES[1]: "slow"}

    def interrupt():
        deadline = time.monotonic() + 20
        metrics = out / "trials" / NAMES[1] / "metrics.jsonl"
        while not (metrics.exists() and metrics.read_text()) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert Sweep("mlp", GRID, out=out).run() == 130
    thread.join()
    assert list(states(out).values()) == ["finished", "stopped", "waiting", "waiting"]
    assert f"resume with: garrison sweep --resume {out}" in capsys.readouterr().err
    assert len(rows(out, NAMES[1])) == 1
    manners.clear()
    again = Sweep("mlp", GRID, out=out) if same_command else Sweep(resume=out)
    assert again.run() == 0
    assert set(states(out).values()) == {"finished"}
    assert [len(rows(out, name)) for name in NAMES] == [3, 3, 3, 3]


def test_a_trial_that_was_begun_is_resumed(tmp_path):
    plan = cli.plans.create(tmp_path, "mlp", 2, cli.plan_trials(GRID, []))
    trial = plan.trials[0]
    path = str(tmp_path / "trials" / trial.name)
    arguments = ["--gamma", "0.9", "--entropy-coef", "0", "--num-seeds", "2", "--out", path]
    assert cli.command(plan, trial) == ["-m", "garrison", "train", "mlp", *arguments]
    runs.create(plan.run(trial).path, {})
    assert cli.command(plan, trial) == ["-m", "garrison", "resume", path]


def test_a_run_that_an_earlier_sweep_left_is_not_trained_twice(tmp_path, manners):
    out = tmp_path / "sweep"
    plan = cli.plans.create(out, "mlp", None, cli.plan_trials(GRID, []))
    run = runs.create(plan.run(plan.trials[2]).path, {})
    with run.locked(), pytest.raises(SystemExit, match=f"trial {NAMES[2]} is still being trained"):
        Sweep(resume=out).run()
    assert set(states(out).values()) == {"waiting"}


def test_two_sweeps_in_one_directory_do_not_run_at_once(tmp_path, manners):
    out = tmp_path / "sweep"
    cli.plans.create(out, "mlp", None, cli.plan_trials(GRID, []))
    with runs.RunDirectory(out).locked(), pytest.raises(SystemExit, match="another process"):
        Sweep(resume=out).run()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"grid": ("learning_rat=1",)}, "no field 'learning_rat'; did you mean learning_rate?"),
        ({"grid": ("gamma=x,0.9",)}, "trial gamma=x: garrison train refuses --gamma x: "),
        ({"grid": ("world=nowhere",)}, "nowhere"),
        ({"grid": ("minibatches=4,10000",)}, "trial minibatches=10000: minibatches is 10000"),
        ({"grid": ("sinks=tensorbord",)}, "no sink 'tensorbord'"),
        ({"grid": ("num_seeds=0,1",)}, "num_seeds is 0; it must be a whole number at least 1"),
        ({"grid": ("num_seeds=1,2",), "num_seeds": 2}, "num_seeds is both among the fields"),
        ({"grid": ("gamma",)}, "is not written as in"),
        ({"jobs": 0}, "jobs is 0"),
        ({"preset": "quik"}, "no preset 'quik' (did you mean 'quick'?); presets: quick"),
        ({"preset": None}, "name a preset"),
        ({"resume": Path("x")}, "--resume takes the preset"),
    ],
)
def test_mistakes_are_found_before_anything_is_started(tmp_path, manners, asked, message):
    sweep = replace(Sweep("mlp", out=tmp_path / "sweep"), **asked)
    with pytest.raises(SystemExit) as error:
        sweep.run()
    assert message in str(error.value)
    assert not (tmp_path / "sweep").exists()


def test_trials_are_taken_from_a_file(tmp_path, manners, capsys):
    listed = tmp_path / "trials.json"
    listed.write_text(json.dumps([{"hidden_sizes": [8, 8]}, {"anneal_lr": False, "learning_rate": 1e-5}]))
    out = tmp_path / "sweep"
    assert Sweep("mlp", ("gamma=0.9",), listed, out=out).run() == 0
    plan = cli.plans.load(out)
    assert [trial.name for trial in plan.trials] == [
        "hidden_sizes=8x8",
        "anneal_lr=False,learning_rate=1e-05",
    ]
    assert plan.arguments(plan.trials[0]) == ["--gamma", "0.9", "--hidden-sizes", "8", "8"]


@pytest.mark.parametrize(("text", "message"), [("{}", "is not a list of objects"), ("[", "Expecting value")])
def test_a_file_that_is_no_list_of_trials(tmp_path, text, message):
    (tmp_path / "trials.json").write_text(text)
    with pytest.raises(SystemExit, match=message):
        Sweep("mlp", overrides=tmp_path / "trials.json", out=tmp_path / "sweep").run()


@pytest.mark.slow
def test_real_trials(tmp_path):
    out = tmp_path / "sweep"
    small = ("world=toy/network", "options=steps=5", "num_envs=4", "hidden_sizes=8", "total_steps=60")
    assert Sweep("mlp", ("gamma=0.9,0.99", *small), num_seeds=2, out=out, jobs=2).run() == 0
    report = json.loads((out / "report" / "sweep.json").read_text())
    assert [trial["iterations"] for trial in report["trials"]] == [3, 3]
    assert [len(trial["seeds"]) for trial in report["trials"]] == [2, 2]
    gammas = {runs.load(out / "trials" / f"gamma={x}").config()["settings"]["gamma"] for x in ("0.9", "0.99")}
    assert gammas == {0.9, 0.99}
