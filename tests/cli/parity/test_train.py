"""Training by the PyTorch learner at the command line, into run directories like any other."""

import json
import os
import signal

import jax
import numpy as np
import pytest

from garrison import cli
from garrison.cli.runs import table_rows
from garrison.core import extras
from garrison.runs import directory as runs
from garrison.training import seeds

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
LEARN = ["--learning-rate", "0.03", "--total-steps", "1280", "--no-anneal"]


def has_torch() -> bool:
    return all(extras.installed("parity").values())


needs_torch = pytest.mark.skipif(not has_torch(), reason="needs torch, which the extra 'parity' brings")


def train(path, *more: str) -> int:
    return cli.main(["parity", "train", "quick", *SMALL, *LEARN, *more, "--out", str(path)])


def arrays(path) -> list[np.ndarray]:
    run = runs.load(path)
    training, world = seeds.opened(run)
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
    assert (row["status"], row["teams"], row["env_steps"]) == ("complete", 2, 1280)
    metrics = runs.load(whole).metrics()
    assert np.mean(metrics[-1]["return"]) > np.mean(metrics[0]["return"]) + 0.2
    _, world, players = seeds.load_policies(runs.load(whole), greedy=True)
    obs, state = world.reset(jax.random.key(0))
    for player in players:
        actions, _ = player.act(jax.random.key(0), obs, world.legal(state), ())
        assert actions.shape == (world.num_agents,)
    assert json.loads((whole / "torch.json").read_text())["engine"] == "garrison"


@needs_torch
def test_its_metrics_are_those_of_jax(whole, tmp_path):
    ours = tmp_path / "jax"
    assert cli.main(["train", "quick", *SMALL, *LEARN, "--out", str(ours)]) == 0
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
    with pytest.raises(SystemExit, match="policies is 'separate'; the PyTorch IPPO has only 'shared'"):
        train(tmp_path / "run", "--sharing", "separate")
    with pytest.raises(SystemExit, match="is not on CybORG"):
        train(tmp_path / "run", "--engine", "cyborg")
    with pytest.raises(SystemExit, match="whole episodes of one length"):
        train(tmp_path / "run", "--world", "toy/network")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", [["train"], ["update"]])
def test_without_torch_the_remedy_is_named(command, monkeypatch, tmp_path):
    monkeypatch.setitem(extras.EXTRAS, "parity", ("no_such_package",))
    with pytest.raises(SystemExit, match=r"no_such_package; install with: pip install 'garrison\[parity\]'"):
        cli.main(["parity", *command, "quick", *SMALL])
