"""Training at the command line: it can be stopped, killed, resumed, extended and trusted."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import SMALL

from garrison import cli
from garrison.algos import ippo
from garrison.core.wrappers import Wrapper
from garrison.presets import PRESETS
from garrison.runs import checkpoint, retention
from garrison.runs import directory as runs
from garrison.training import seeds
from garrison.training.config import Training, make_world, read


def train(path: Path, *more: str, num_seeds: int = 2) -> int:
    seeds = [] if "--num-seeds" in more else ["--num-seeds", str(num_seeds)]
    return cli.main(["train", "mlp", *SMALL, *seeds, *more, "--out", str(path)])


def states(run: runs.RunDirectory, which: str = "latest") -> ippo.TrainState:
    training = read(run)
    return seeds.load_state(run, training, make_world(training.world, training.options), which)


def assert_same(left: runs.RunDirectory, right: runs.RunDirectory) -> None:
    """The same train states bit by bit, and the same metrics but for the time they took."""
    for a, b in zip(jax.tree.leaves(states(left)), jax.tree.leaves(states(right)), strict=True):
        a, b = (
            jax.random.key_data(x) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x
            for x in (a, b)
        )
        np.testing.assert_array_equal(a, b)
    rows = [[{**row, "seconds": 0} for row in run.metrics()] for run in (left, right)]
    assert rows[0] == rows[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> runs.RunDirectory:
    """A run of 40 iterations of two seeds without interruption."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    assert train(path, "--total-steps", "800", "--keep-every", "15") == 0
    return runs.load(path)


def test_a_run_leaves_metrics_and_checkpoints_of_all_seeds(whole):
    metrics = whole.metrics()
    assert [row["iteration"] for row in metrics] == list(range(1, 41))
    assert metrics[-1]["env_steps"] == 800
    assert all(len(row["return"]) == 2 for row in metrics)
    assert set(whole.checkpoints()) == {"latest", "best", "step-00000015", "step-00000030"}
    assert states(whole).iteration.tolist() == [40, 40]
    assert states(whole, "step-00000015").iteration.tolist() == [15, 15]
    assert seeds.progress(whole) == (40, 40)
    _, world, players = seeds.load_policies(whole)
    obs, state = world.reset(jax.random.key(0))
    actions = [player.act(jax.random.key(0), obs, world.legal(state), ())[0] for player in players]
    assert [action.shape for action in actions] == [(2,), (2,)]


def test_a_seed_is_the_same_alone(whole, tmp_path):
    assert train(tmp_path, "--seed", "1", "--total-steps", "800", num_seeds=1) == 0
    alone, together = states(runs.load(tmp_path)).net, states(whole).net
    for a, b in zip(jax.tree.leaves(alone), jax.tree.leaves(together), strict=True):
        np.testing.assert_allclose(a[0], b[1], rtol=2e-3, atol=1e-4)


def test_seeds_one_after_the_other_are_those_side_by_side(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(seeds, "memory", lambda: 1)
    assert train(tmp_path, "--total-steps", "800") == 0
    assert (whole.config()["parallel_seeds"], runs.load(tmp_path).config()["parallel_seeds"]) == (2, 1)
    for a, b in zip(
        jax.tree.leaves(states(runs.load(tmp_path)).net), jax.tree.leaves(states(whole).net), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-4)


def stop_after(monkeypatch, iteration: int, what: int) -> None:
    """Send this process a signal when the metrics of an iteration have been written."""
    log = runs.RunDirectory.log

    def log_and_stop(run, metrics):
        log(run, metrics)
        if metrics["iteration"] == iteration:
            os.kill(os.getpid(), what)

    monkeypatch.setattr(runs.RunDirectory, "log", log_and_stop)


@pytest.mark.parametrize("what", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_was_stopped_is_resumed_bit_by_bit(whole, tmp_path, monkeypatch, capsys, what):
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_after(patch, 23, what)
        assert train(path, "--total-steps", "800", "--keep-every", "15") == 130
    assert f"resume with: garrison resume {path}" in capsys.readouterr().err
    assert seeds.progress(runs.load(path)) == (23, 40)
    assert cli.main(["resume", str(path)]) == 0
    assert_same(runs.load(path), whole)
    assert [entry["iteration"] for entry in runs.load(path).system()["resumed"]] == [23]
    before = (path / "metrics.jsonl").read_bytes()
    assert cli.main(["resume", str(path)]) == 0  # there is nothing left to do
    assert (path / "metrics.jsonl").read_bytes() == before


KILLED = """
import sys
from garrison import cli
from garrison.runs import retention
import jax
jax.config.update("jax_compilation_cache_dir", {cache!r})
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
retention.SECONDS = 0.0  # save after each iteration, so that most of the time a file is being written
sys.exit(cli.main(sys.argv[1:]))
"""


def killed(arguments: list[str], run: Path, after: int) -> None:
    """Train in a process of its own, and kill it some time after ``after`` lines of metrics."""
    program = KILLED.format(cache=jax.config.jax_compilation_cache_dir)
    process = subprocess.Popen([sys.executable, "-c", program, *arguments], stderr=subprocess.DEVNULL)
    metrics, deadline = run / "metrics.jsonl", time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if metrics.exists() and metrics.read_bytes().count(b"\n") >= after:
            break
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_run_that_was_killed_again_and_again_is_resumed_bit_by_bit(whole, tmp_path):
    """Killed with SIGKILL at moments that nothing prepares for."""
    path = tmp_path / "run"
    killed(
        ["train", "mlp", *SMALL, "--num-seeds", "2", "--total-steps", "800", "--out", str(path)],
        path,
        after=3,
    )
    for after in (9, 17):
        killed(["resume", str(path)], path, after)
    done, total = seeds.progress(runs.load(path))
    assert 0 < done <= total
    assert cli.main(["resume", str(path)]) == 0
    assert_same(runs.load(path), whole)


def test_one_process_trains_a_run_at_a_time(whole):
    with whole.locked(), pytest.raises(SystemExit, match="is being trained by another process"):
        cli.main(["resume", str(whole.path)])


class Broken(Wrapper):
    """A world whose rewards stop being numbers in the second iteration."""

    def step(self, key, state, actions):
        obs, state, step = self.world.step(key, state, actions)
        return obs, state, step.replace(reward=jnp.full_like(step.reward, jnp.nan))


def test_numbers_that_break_stop_the_run_and_keep_the_last_good_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_after(patch, 5, signal.SIGINT)
        assert train(path, "--total-steps", "800") == 130
    world = make_world("toy/network", ("steps=5",))
    monkeypatch.setattr(Training, "make_world", lambda _: Broken(world))
    with pytest.raises(SystemExit) as stopped:
        cli.main(["resume", str(path)])
    assert "value_loss is nan in iteration 6, seed index 0: the world gave" in str(stopped.value)
    assert f"the checkpoint of iteration 5 is kept; resume with: garrison resume {path}" in str(stopped.value)
    assert seeds.progress(runs.load(path)) == (5, 40)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(states(runs.load(path)).net))


@pytest.mark.parametrize("rate", ["1e30", "3e38"])
def test_a_learning_rate_that_diverges_ends_with_a_message(tmp_path, rate):
    """With a real train state, whose random key NumPy cannot read."""
    path = tmp_path / "a run"
    with pytest.raises(SystemExit) as stopped:
        train(path, "--total-steps", "800", "--learning-rate", rate)
    message = str(stopped.value)
    assert "training has diverged; a lower learning rate" in message
    assert "no longer finite: .net" in message
    assert f"{path}: no checkpoint was saved yet" in message
    assert stopped.value.code != 0


def test_a_finished_run_trains_further(whole, tmp_path):
    shutil.copytree(whole.path, tmp_path / "run")
    run = runs.load(tmp_path / "run")
    assert cli.main(["resume", str(run.path), "--total-steps", "860"]) == 0
    assert seeds.progress(run) == (43, 43)
    assert [row["iteration"] for row in run.metrics()] == list(range(1, 44))
    assert run.config()["settings"]["total_steps"] == 860
    assert run.config()["extended"] == [{"iteration": 40, "total_steps": 800}]
    with pytest.raises(SystemExit, match=r"total_steps is 500; .* has 860 steps already"):
        cli.main(["resume", str(run.path), "--total-steps", "500"])
    assert states(run, "step-00000030").iteration.tolist() == [30, 30]


def test_training_starts_from_the_networks_of_another_run(whole, tmp_path):
    path = tmp_path / "run"
    more = ["--total-steps", "40", "--from", f"{whole.path}:1", "--learning-rate", "1e-9"]
    assert train(path, *more, num_seeds=1) == 0
    run = runs.load(path)
    assert run.config()["start_from"] == {
        "run": str(whole.path), "checkpoint": "latest", "iteration": 40, "seed": 1
    }  # fmt: skip
    for new, old in zip(jax.tree.leaves(states(run).net), jax.tree.leaves(states(whole).net), strict=True):
        np.testing.assert_allclose(new[0], old[1], atol=1e-6)
    assert states(run).iteration.tolist() == [2]
    assert states(run).opt.count.tolist() == [16]


@pytest.mark.parametrize(
    ("more", "num_seeds", "message"),
    [
        (
            ["--hidden-sizes", "9"],
            2,
            r"do not fit .*net/trunk/layers/0/weight is float32\[8, 8\], expected float32\[8, 9\]",
        ),
        ([], 3, "num_seeds is 3; .* has 2 seeds: name one of them"),
    ],
)
def test_networks_that_do_not_fit_are_refused(whole, tmp_path, more, num_seeds, message):
    small = [word for word in SMALL if not (more and word in ("--hidden-sizes", "8"))]
    command = ["train", "mlp", *small, *more, "--num-seeds", str(num_seeds), "--from", str(whole.path)]
    with pytest.raises(SystemExit, match=message):
        cli.main([*command, "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


def test_a_seed_that_the_other_run_lacks_is_refused(whole, tmp_path):
    with pytest.raises(SystemExit, match=r"seed is 2; .* has the seeds 0 \.\. 1"):
        train(tmp_path / "run", "--from", f"{whole.path}:2")


def test_a_damaged_checkpoint_is_named_with_the_newest_sound_one(whole, tmp_path):
    shutil.copytree(whole.path, tmp_path / "run")
    run = runs.load(tmp_path / "run")
    (arrays,) = run.checkpoint().glob("*.safetensors")
    data = bytearray(arrays.read_bytes())
    data[-3] ^= 1
    arrays.write_bytes(data)
    for command in (["resume"], ["eval", "--episodes", "1"]):
        with pytest.raises(SystemExit) as error:
            cli.main([*command[:1], str(run.path), *command[1:]])
        assert f"{arrays} is damaged" in str(error.value)
        assert "the newest sound checkpoint is 'best'" in str(error.value)


def test_a_configuration_that_was_altered_is_refused(whole, tmp_path):
    shutil.copytree(whole.path, tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    path.write_text(path.read_text().replace('"activation": "tanh"', '"activation": "relu"'))
    with pytest.raises(SystemExit, match=r"settings\.activation is relu, not tanh; restore that file"):
        cli.main(["resume", str(tmp_path / "run")])


def test_the_generator_of_random_keys_is_that_of_the_run(whole, monkeypatch):
    """A run does not depend on the generator that JAX is configured to use later."""
    expected = [policy.net for policy in seeds.load_policies(whole)[2]]
    with jax.default_prng_impl("rbg"):
        assert jax.random.key_impl(states(whole).key) == "threefry2x32"
        loaded = [policy.net for policy in seeds.load_policies(whole)[2]]
    for one, other in zip(jax.tree.leaves(loaded), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_is_resumed_with_its_own_generator(tmp_path, monkeypatch):
    """Trained with JAX_DEFAULT_PRNG_IMPL=rbg, resumed and evaluated without."""
    path = tmp_path / "run"
    with jax.default_prng_impl("rbg"), monkeypatch.context() as patch:
        stop_after(patch, 1, signal.SIGINT)
        assert train(path, "--total-steps", "40", num_seeds=1) == 130
    assert cli.main(["resume", str(path)]) == 0
    run = runs.load(path)
    assert jax.random.key_impl(states(run).key) == "rbg"
    assert states(run).iteration.tolist() == [2]


def test_a_full_disk_is_reported_and_nothing_is_lost(whole, tmp_path, monkeypatch):
    path = tmp_path / "run"
    replace, full = os.replace, []

    def fail(source, target):
        if full and "checkpoint" in str(target):
            raise OSError(28, "No space left on device", str(target))
        replace(source, target)

    monkeypatch.setattr(retention, "SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        patch.setattr(runs.RunDirectory, "resumed", lambda *_: None)
        log = runs.RunDirectory.log
        patch.setattr(
            runs.RunDirectory,
            "log",
            lambda run, row: (log(run, row), full.append(1) if row["iteration"] == 7 else 0),
        )
        with pytest.raises(
            SystemExit, match=r"(?s)No space left on device.*the checkpoint of iteration 6 is kept"
        ):
            train(path, "--total-steps", "800", "--keep-every", "15")
    assert not list(path.rglob("*.tmp"))
    assert seeds.progress(runs.load(path)) == (6, 40)
    assert cli.main(["resume", str(path)]) == 0
    assert_same(runs.load(path), whole)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="Not a directory|File exists"):
        train(tmp_path / "file" / "run", "--total-steps", "100")


def test_a_checkpoint_that_does_not_fit_is_refused(whole, tmp_path):
    run = runs.create(
        tmp_path, whole.config() | {"settings": whole.config()["settings"] | {"hidden_sizes": [9]}}
    )
    like = states(whole)
    checkpoint.save(run.checkpoint(), like, 40, checkpoint.about(whole.checkpoint()))
    with pytest.raises(SystemExit, match=r"net/trunk/layers/0/weight is float32\[2, 8, 8\], expected"):
        cli.main(["resume", str(tmp_path)])
    checkpoint.save(run.checkpoint(), like, 40, {"iteration": 40, "world_version": "0"})
    with pytest.raises(SystemExit, match=r"is of version 0 of world 'toy/network', now at version 1"):
        cli.main(["resume", str(tmp_path)])
    arrays = next(run.checkpoint().glob("*.safetensors"))
    arrays.write_bytes(arrays.read_bytes()[:100])
    checkpoint.write(
        run.checkpoint() / checkpoint.INDEX,
        json.dumps(
            {"format": 1, "arrays": arrays.name, "step": 40, "about": {"iteration": 40, "world_version": "1"}}
        ),
    )
    with pytest.raises(SystemExit, match="is damaged"):
        cli.main(["resume", str(tmp_path)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num-seeds", "0"], "num_seeds is 0"),
        (["--keep-every", "0"], "keep_every is 0"),
        (["--seed", "4294967296"], "seed is 4294967296; it must be a whole number from 0 to 4294967294"),
        (["--seed", "-1"], "seed is -1; it must be a whole number at least 0"),
        (["--num-seeds", "1000000"], "num_seeds is 1000000"),
        (["--epochs", "0"], "epochs is 0"),
        (["--learning-rate", "-1"], "learning_rate is -1"),
        (["--learning-rate", "nan"], "learning_rate is nan"),
        (["--gamma", "2"], "gamma is 2"),
        (["--from", "nowhere"], "nowhere is not a run directory"),
        (["--parallel-seeds", "3"], "parallel_seeds is 3; it must be from 1 to num_seeds, 2"),
        (["--sinks", "paper"], "no sink 'paper'"),
        (["--sharing", "none"], "sharing is 'none'"),
        (["--activation", "step"], "activation is 'step'"),
    ],
)
def test_impossible_trainings_are_refused_before_anything_is_written(tmp_path, arguments, message):
    with pytest.raises(SystemExit, match=message):
        train(tmp_path / "run", *arguments)
    assert not (tmp_path / "run").exists()


def test_presets_are_listed_with_their_sources(capsys):
    assert cli.main(["presets", "--json"]) == 0
    table = {row["preset"]: row for row in json.loads(capsys.readouterr().out)}
    assert {"quick", "mlp", "cc4-ippo", "cc4-ippo-bigbatch", "cc4-ippo-1024"} <= table.keys()
    assert table["cc4-ippo"]["training"]["settings"]["num_envs"] == 48
    assert cli.main(["presets"]) == 0
    assert "The matched baseline" in capsys.readouterr().out


def test_the_published_baseline_has_182_thousand_parameters():
    preset = Training.from_json(json.loads(json.dumps(PRESETS["cc4-ippo"].to_json())))
    world = make_world(preset.world, preset.options)
    net = jax.eval_shape(partial(ippo.init, preset.settings, world), jax.random.key(0)).net
    assert sum(leaf.size for leaf in jax.tree.leaves(net)) == 183_539
