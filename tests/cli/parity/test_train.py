"""Training by the PyTorch learner at the command line, into run directories like any other."""

import importlib.metadata
import json
import os
import shutil
import signal

import jax
import numpy as np
import pytest

from garrison import cli
from garrison.algos import RENAMED
from garrison.cli.runs import table_rows
from garrison.core import extras
from garrison.runs import directory as runs
from garrison.training import seeds
from garrison.training.config import make_world, read

# A probe that the usual settings solve in a few iterations: both agents have to do what the other does.
SMALL = [
    "--world",
    "toy/coordination",
    "--num-envs",
    "32",
    "--hidden-sizes",
    "16",
    "--minibatches",
    "1",
    "--num-seeds",
    "2",
]
LEARN = ["--learning-rate", "0.03", "--total-steps", "1280", "--no-anneal-lr"]


def has_torch() -> bool:
    return all(extras.installed("parity").values())


needs_torch = pytest.mark.skipif(not has_torch(), reason="needs torch, which the extra 'parity' brings")


def train(path, *more: str) -> int:
    return cli.main(["parity", "train", "mlp", *SMALL, *LEARN, *more, "--out", str(path)])


def arrays(path) -> list[np.ndarray]:
    run = runs.load(path)
    training = read(run)
    world = make_world(training.world, training.options)
    leaves = jax.tree.leaves(seeds.load_state(run, training, world).replace(key=None))
    return [np.asarray(leaf) for leaf in leaves]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "whole"
    assert train(path) == 0
    return path


@needs_torch
def test_a_run_is_one_like_any_other_and_learns(whole):
    (row,) = table_rows(whole)
    assert (row["status"], row["num_seeds"], row["env_steps"]) == ("complete", 2, 1280)
    metrics = runs.load(whole).metrics()
    assert np.mean(metrics[-1]["return"]) > np.mean(metrics[0]["return"]) + 0.2
    _, world, players = seeds.load_policies(runs.load(whole), greedy=True)
    obs, state = world.reset(jax.random.key(0))
    for player in players:
        actions, _ = player.act(jax.random.key(0), obs, world.legal(state), ())
        assert actions.shape == (world.num_agents,)
    config = runs.load(whole).config()
    assert config["learner"] == "torch-ippo"
    assert config["learner_options"] == {"engine": "garrison", "workers": 2}
    assert runs.load(whole).system()["torch"] == importlib.metadata.version("torch")


@needs_torch
def test_a_run_with_the_mark_of_earlier_releases_is_resumed_by_torch(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    config = json.loads(path.read_text())
    renamed = {new: old for old, new in RENAMED.items()}
    old = {
        "world": config["world"],
        "options": [],
        "seed": 0,
        "seeds": 2,
        "at_once": 1,
        "keep_every": None,
        "sinks": [],
        "ippo": {renamed.get(name, name): value for name, value in config["settings"].items()},
    }
    path.write_text(json.dumps(old))
    assert read(runs.load(tmp_path / "run")).learner == "jax"
    (tmp_path / "run" / "torch.json").write_text(
        json.dumps({"engine": "garrison", "workers": 2, "torch": "2.9", "cyborg": None})
    )
    assert read(runs.load(tmp_path / "run")) == read(runs.load(whole))


@needs_torch
def test_its_metrics_are_those_of_jax(whole, tmp_path):
    ours = tmp_path / "jax"
    assert cli.main(["train", "mlp", *SMALL, *LEARN, "--out", str(ours)]) == 0
    mine, theirs = runs.load(ours).metrics()[0], runs.load(whole).metrics()[0]
    assert mine.keys() == theirs.keys()
    assert {k: np.shape(v) for k, v in mine.items()} == {k: np.shape(v) for k, v in theirs.items()}


@needs_torch
def test_a_run_that_was_stopped_is_resumed_by_torch_bit_by_bit(whole, tmp_path, monkeypatch):
    path, log = tmp_path / "run", runs.RunDirectory.log

    def stop(run, metrics):
        log(run, metrics)
        if metrics["iteration"] == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(runs.RunDirectory, "log", stop)
        assert train(path) == 130
    assert cli.main(["resume", str(path)]) == 0
    for one, other in zip(arrays(path), arrays(whole), strict=True):
        np.testing.assert_array_equal(one, other)


@needs_torch
def test_what_it_cannot_train_is_refused_before_there_is_a_run(tmp_path):
    with pytest.raises(SystemExit, match="sharing is 'separate'; the PyTorch IPPO has only 'shared'"):
        train(tmp_path / "run", "--sharing", "separate")
    with pytest.raises(SystemExit, match="is not on CybORG"):
        train(tmp_path / "run", "--engine", "cyborg")
    with pytest.raises(SystemExit, match="whole episodes of one length"):
        cli.main(["parity", "train", "mlp", "--world", "toy/network", "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", [["train"], ["update"]])
def test_without_torch_the_remedy_is_named(command, monkeypatch, tmp_path):
    monkeypatch.setitem(extras.EXTRAS, "parity", ("no_such_package",))
    with pytest.raises(SystemExit, match=r"no_such_package; install with: pip install 'garrison\[parity\]'"):
        cli.main(["parity", *command, "mlp", *SMALL])
