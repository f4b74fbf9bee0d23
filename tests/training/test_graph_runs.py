"""Runs of network graph, whose critic sees memories: stopped, resumed, read from disk, compared."""

import signal

import jax
import numpy as np
import pytest
from bitwise import assert_equal

import garrison
from garrison import cli
from garrison.adapters.cyborg.export import flattened
from garrison.presets import PRESETS
from garrison.training import loop, seeds

CT = PRESETS["soc-ct-gmarl"]
TINY = {"num_envs": 2, "epochs": 1, "minibatches": 1, "hidden_sizes": (4,), "cell_size": 4}
TINY |= {"critic_hidden_sizes": (8,)}
TIMER = CT.changed(world="toy/timer", options={"choice": True}, state="concat", **TINY)
TIMER = TIMER.changed(rollout_steps=3, chunk=3, total_steps=24)
#: two simulated minutes of the smallest networks
SOC = CT.changed(options={"preset": "easy", "horizon": 120_000, "events": 1}, **TINY)
SOC = SOC.changed(num_seeds=2, rollout_steps=8, chunk=4, total_steps=64)


@pytest.mark.parametrize(
    "training",
    # Most of the time is that of compiling a training; the kernel of soc alone takes more than a minute.
    [pytest.param(TIMER, id="toy/timer"), pytest.param(SOC, id="soc", marks=pytest.mark.slow)],
)
def test_a_run_is_resumed_bit_by_bit_and_judged_from_disk(training, tmp_path, monkeypatch, capsys):
    assert training.settings.critic_memory
    whole = garrison.train(training, out=tmp_path / "whole")

    def stop(done, state, metrics):
        if done == 2:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_check", stop)
        run = garrison.train(training, out=tmp_path / "run")
    assert (run.iterations_done, whole.iterations_done) == (2, 4)
    before = jax.tree.leaves(run.policies()[0].net)
    run = garrison.resume(run.path)
    states = [seeds.load_state(one, one.training, one.world()) for one in (run, whole)]
    assert_equal(*states)
    assert any((x != y).any() for x, y in zip(before, jax.tree.leaves(run.policies()[0].net), strict=True))

    world, players = (
        training.make_world(),
        {"run": str(run.path), "whole": str(whole.path), "random": "random"},
    )
    judged = garrison.evaluate(world, players, episodes=3)
    returns = {name: judged.episodes(name).returns for name in players}
    np.testing.assert_array_equal(returns["run"], returns["whole"])
    (pair,) = judged.compare("run", "random").figures["pairs"]
    assert pair["difference"]["mean"] == pytest.approx(returns["run"].mean() - returns["random"].mean())

    with pytest.raises(ValueError, match="GraphNet cannot be exported; policies with the network 'mlp'"):
        flattened(run.policies()[0].net)
    with pytest.raises(SystemExit) as refused:
        cli.main(["export", str(run.path), "--submission", str(tmp_path / "team")])
    assert "cc4" in str(refused.value)
    assert not (tmp_path / "team").exists()
