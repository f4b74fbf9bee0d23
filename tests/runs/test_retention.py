"""Which train states are kept, what of them, and whether they fit on the disk."""

from collections import namedtuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.core.struct import Struct, nbytes
from garrison.core.typing import Array
from garrison.runs import checkpoint, retention
from garrison.runs import directory as runs

STATE = {"iteration": jnp.zeros((), jnp.int32)}


def state(done: int) -> dict[str, jax.Array]:
    return {"iteration": jnp.asarray(done, jnp.int32)}


def keeper(
    run: runs.RunDirectory, iterations: int = 30, keep_every: int | None = None
) -> retention.CheckpointRetention:
    return retention.CheckpointRetention(run, lambda done: {"iteration": done}, iterations, keep_every)


def kept(run: runs.RunDirectory, which: str) -> int:
    return int(checkpoint.load(run.checkpoint(which), STATE)["iteration"])


@pytest.fixture
def run(tmp_path) -> runs.RunDirectory:
    return runs.create(tmp_path, {})


def test_every_nth_is_kept_for_good(run):
    keeps = keeper(run, keep_every=4)
    for done in range(1, 11):
        keeps(done, state(done), [0.0])
    assert [name for name in run.checkpoints() if name.startswith("step")] == [
        "step-00000004",
        "step-00000008",
    ]
    assert kept(run, "step-00000008") == 8


def test_the_best_is_by_the_mean_of_a_window_over_all_teams(run):
    returns = [0.0] * 10 + [100.0] + [0.0] * 5 + [30.0] * 10 + [-5.0] * 4
    keeps = keeper(run)
    for done, value in enumerate(returns, start=1):
        keeps(done, state(done), [value - 1, value + 1])
    assert kept(run, "best") == 26  # the last of those with 30, not the one with 100
    assert checkpoint.about(run.checkpoint("best")) == {"iteration": 26, "return": 30.0}


def test_iterations_without_an_episode_do_not_count(run):
    keeps = keeper(run, iterations=3)
    for done, value in enumerate((None, 5.0, None), start=1):
        keeps(done, state(done), [value])
    assert "best" not in run.checkpoints()


def test_a_resumed_run_keeps_the_same_best(tmp_path):
    returns = np.random.default_rng(0).normal(size=(30, 2)).tolist()
    through, stopped = runs.create(tmp_path / "a", {}), runs.create(tmp_path / "b", {})
    whole, first = keeper(through), keeper(stopped)
    for done, values in enumerate(returns, start=1):
        whole(done, state(done), values)
        if done <= 17:
            first(done, state(done), values)
    second = keeper(stopped)
    # Its last checkpoint was of iteration 12: what came after it is done again.
    second.resume({"iteration": n, "return": returns[n - 1]} for n in range(1, 13))
    for done in range(13, 31):
        second(done, state(done), returns[done - 1])
    assert kept(stopped, "best") == kept(through, "best")
    assert second.best == whole.best


def test_the_latest_is_saved_now_and_then(run, monkeypatch):
    clock = iter([0.0, 10.0, 59.0, 61.0, 61.0, 70.0])
    monkeypatch.setattr(retention.time, "monotonic", lambda: next(clock))
    keeps = keeper(run)
    saved = []
    for done in range(1, 5):
        keeps(done, state(done), [0.0])
        saved.append("latest" in run.checkpoints() and kept(run, "latest"))
    assert saved == [False, False, 3, 3]


class Large(Struct):
    """A state whose ring is needed to go on alone."""

    net: Array
    ring: Array | None


LARGE = Large(jnp.arange(250, dtype=jnp.float32), jnp.zeros(250_000))  # 1 kB, and 1 MB


def test_only_the_latest_has_what_only_resuming_needs(run):
    keeps = retention.CheckpointRetention(run, lambda done: {"iteration": done}, 1, 1, ("ring",))
    keeps(1, LARGE, [0.0])
    keeps.latest(1, LARGE)
    sizes = {
        name: sum(x.nbytes for x in checkpoint.arrays(run.checkpoint(name)).values())
        for name in run.checkpoints()
    }
    assert sizes == {"best": 1_000, "step-00000001": 1_000, "latest": nbytes(LARGE)}
    told = {name: checkpoint.about(run.checkpoint(name)).get("left_out") for name in sizes}
    assert told == {"best": ["ring"], "step-00000001": ["ring"], "latest": None}


@pytest.mark.parametrize(("keep_every", "needed"), [(None, 2_003_000), (1, 2_003_000 + 30_000)])
def test_the_room_on_the_disk_is_checked(run, monkeypatch, keep_every, needed):
    """Two of the latest and one of the others; what the run has there already counts."""
    keeps = retention.CheckpointRetention(run, lambda done: {}, 30, keep_every, ("ring",))
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(retention.shutil, "disk_usage", lambda path: usage(needed))
    keeps.check_space(LARGE)
    monkeypatch.setattr(retention.shutil, "disk_usage", lambda path: usage(1_400_000))
    with pytest.raises(OSError, match="need 2 MB, and the disk of .* has 1 MB free"):
        keeps.check_space(LARGE)
    keeps.latest(1, LARGE)
    keeps.check_space(LARGE)
