"""The front door: training and runs from Python."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest

import garrison
from garrison.presets import PRESETS
from garrison.training import html
from garrison.training.config import Training
from garrison.training.train import Progress, create

SMALL = {
    "world": "toy/network",
    "options": {"steps": 5},
    "num_envs": 4,
    "hidden_sizes": (8,),
    "total_steps": 100,
}


@pytest.fixture(scope="module")
def seen() -> list[Progress]:
    return []


@pytest.fixture(scope="module")
def run(tmp_path_factory, seen):
    out = tmp_path_factory.mktemp("runs") / "run"
    return garrison.train("mlp", num_seeds=2, seed=3, out=out, on_progress=seen.append, **SMALL)


def test_training_leaves_a_run_with_a_policy_per_seed(run):
    assert run.finished
    assert (run.iterations_done, run.iterations) == (5, 5)
    assert (run.training.seed, run.training.num_seeds, run.training.options) == (3, 2, {"steps": 5})
    assert [row["env_steps"] for row in run.metrics()] == [20, 40, 60, 80, 100]
    world = run.world()
    obs, state = world.reset(jax.random.key(0))
    for policy in run.policies("latest", greedy=True):
        actions, _ = policy.act(jax.random.key(0), obs, world.legal(state), policy.init(jax.random.key(0), 2))
        assert actions.shape == (2,)


def test_progress_is_reported(run, seen):
    assert [(p.stage, p.iteration) for p in seen] == [
        ("compiling", 0), *(("training", n) for n in range(1, 6))
    ]  # fmt: skip
    assert {p.total for p in seen} == {5}
    assert seen[0].metrics is None
    last = seen[-1]
    assert len(last.metrics["return"]) == 2
    assert last.steps_per_second > 0
    assert last.eta == 0
    assert seen[1].eta > 0


def test_a_run_is_loaded_and_shown(run):
    again = garrison.load_run(str(run.path))
    assert again.training == run.training
    html = again._repr_html_()
    assert "<svg" in html
    assert "toy/network" in html
    assert "steps=5" in html
    assert "5 of 5" in html


def test_a_run_without_metrics_is_shown_too(tmp_path):
    training = PRESETS["mlp"].changed(**SMALL)
    run = garrison.load_run(create(training, tmp_path / "run").path)
    assert "0 of 5" in run._repr_html_()
    assert "<svg" not in run._repr_html_()


def test_names_are_escaped():
    assert "<script>" not in html.page({"<script>": {"<script>": "<script>"}}, [])


def test_a_configuration_is_trained_as_well_as_a_preset(run, tmp_path):
    again = garrison.train(run.training, out=tmp_path / "run", on_progress=lambda progress: None)
    for one, other in zip(again.policies(), run.policies(), strict=True):
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_run_is_resumed_and_extended(run, tmp_path):
    short = garrison.train("mlp", num_seeds=1, out=tmp_path / "run", **SMALL)
    longer = garrison.resume(short.path, total_steps=120)
    assert longer.iterations_done == 6
    assert garrison.load_run(short.path).training.settings.total_steps == 120


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "quik"}, r"no preset 'quik' \(did you mean 'quick'\?\); presets: quick"),
        ({"learning_rat": 1}, "ippo has no hyperparameter 'learning_rat'; did you mean learning_rate"),
        ({"lanes": 3}, "did you mean num_envs"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast', expected float"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"num_seeds": 0}, "num_seeds is 0"),
        ({"num_seeds": 2.0}, "num_seeds is 2.0, expected int"),
        ({"seed": 2**32}, "seed is 4294967296"),
        ({"options": {"spread": float("nan")}}, "option 'spread' is nan; it must be a finite number"),
        ({"options": {"speed": 3}}, "has no option 'speed'"),
        ({"sinks": "wandb"}, "sinks is 'wandb', expected"),
        ({"start_from": "nowhere"}, "nowhere is not a run directory"),
        ({"num_envs": 0}, "num_envs is 0"),
    ],
)
def test_mistakes_are_exceptions_before_anything_is_created(tmp_path, arguments, message):
    arguments = {"preset": "mlp", **SMALL, **arguments}
    with pytest.raises((ValueError, OSError), match=message):
        garrison.train(arguments.pop("preset"), out=tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


def test_another_algorithm_keeps_the_hyperparameters_that_both_have():
    changed = PRESETS["cc4-ippo"].changed(algorithm="mappo", learning_rate=1e-4)
    assert changed.algorithm == "mappo"
    assert (changed.settings.num_envs, changed.settings.learning_rate) == (48, 1e-4)
    changed.check()
    assert Training.from_json(json.loads(json.dumps(changed.to_json()))) == changed
    with pytest.raises(ValueError, match="no algorithm 'mapo'.*did you mean 'mappo'"):
        PRESETS["mlp"].changed(algorithm="mapo")


def test_numbers_of_numpy_are_taken():
    changed = Training(world="toy/network").changed(
        seed=np.int64(4), learning_rate=np.float32(0.5), total_steps=np.int32(7)
    )
    assert (changed.seed, changed.settings.learning_rate, changed.settings.total_steps) == (4, 0.5, 7)
    json.dumps(changed.to_json())


def test_the_front_door_is_lazy():
    program = (
        "import sys, garrison; assert 'train' in dir(garrison); import garrison.training.config\n"
        "assert callable(garrison.train) and garrison.train.__module__ == 'garrison.api'\n"
        "assert 'rich' not in sys.modules and 'matplotlib' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        garrison.trian  # noqa: B018
