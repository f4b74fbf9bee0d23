"""Runs with a replay: the latest checkpoint has it and goes on exactly, the others are for evaluation."""

import shutil
import signal

import jax
import numpy as np
import pytest

import garrison
from garrison.runs import checkpoint
from garrison.training import loop, seeds
from garrison.training.config import Training

TRAINING = Training(
    world="toy/network", options={"steps": 5}, num_seeds=2, keep_every=2, algorithm="qmix"
).changed(
    total_steps=80,
    num_envs=4,
    hidden_sizes=(4,),
    mixer_size=2,
    hyper_size=2,
    batch_size=3,
    updates=2,
    sequence=3,
    replay_steps=40,
    priority=0.6,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of four iterations without interruption."""
    return garrison.train(TRAINING, out=tmp_path_factory.mktemp("runs") / "whole")


def arrays(run, which="latest"):
    return checkpoint.arrays(run.checkpoint(which))


def test_a_stopped_run_goes_on_bit_by_bit(whole, tmp_path, monkeypatch):
    def stop(done, state, metrics):
        if done == 2:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_check", stop)
        run = garrison.train(TRAINING, out=tmp_path / "run")
    assert run.iterations_done == 2
    before = arrays(run)
    assert garrison.resume(run.path).finished
    resumed, through = arrays(run), arrays(whole)
    assert resumed.keys() == through.keys() >= {"replay/priorities", "replay/rows/reward"}
    for name, array in through.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)
    assert (before["replay/priorities"] != through["replay/priorities"]).any()


def test_only_the_latest_checkpoint_has_the_replay(whole):
    assert set(whole.checkpoints()) == {"latest", "best", "step-00000002", "step-00000004"}
    for which in ("best", "step-00000002", "step-00000004"):
        held = {name for name in arrays(whole) if not name.startswith("replay/")}
        assert set(arrays(whole, which)) == held
        assert len(whole.policies(which)) == 2
    for one, other in zip(*(whole.policies(which) for which in ("latest", "step-00000004")), strict=True):
        for left, right in zip(*map(jax.tree.leaves, (one.net, other.net)), strict=True):
            np.testing.assert_array_equal(left, right)


def test_training_does_not_go_on_without_a_replay(whole, tmp_path):
    shutil.copytree(whole.path, tmp_path / "run")
    run = garrison.load_run(tmp_path / "run")
    shutil.rmtree(run.checkpoint())
    shutil.copytree(run.checkpoint("step-00000002"), run.checkpoint())
    assert len(run.policies()) == 2
    with pytest.raises(ValueError, match=r"lacks replay, so training cannot go on from it; .* --from "):
        garrison.resume(run.path)


def test_a_checkpoint_without_a_replay_is_no_replacement_for_a_damaged_one(whole, tmp_path):
    shutil.copytree(whole.path, tmp_path / "run")
    run = garrison.load_run(tmp_path / "run")
    (file,) = run.checkpoint().glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(checkpoint.Damaged, match="the newest sound checkpoint is '[a-z0-9-]*': use it$"):
        seeds.load_state(run, run.training, run.world())


def test_networks_of_a_checkpoint_without_a_replay_start_another_run(whole, tmp_path):
    start = {"run": str(whole.path), "checkpoint": "best", "iteration": 4, "seed": None}
    run = garrison.train(TRAINING.changed(start_from=start), out=tmp_path / "run")
    assert run.finished


def test_a_run_that_does_not_fit_on_the_disk_is_refused_before_it_is_trained(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match="the checkpoints of this training need"):
        garrison.train(TRAINING, out=tmp_path / "run")
    monkeypatch.undo()
    assert garrison.resume(tmp_path / "run").finished
