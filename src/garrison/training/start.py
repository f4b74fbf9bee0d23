"""The train states that a training begins with: fresh, or with the networks of another run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.world import World
from garrison.runs import checkpoint, directory
from garrison.runs.directory import RunDirectory
from garrison.training import seeds
from garrison.training.config import Training, read

#: Parts of a train state that are taken over: networks, and the units of their values. Optimizers are fresh.
_NETWORKS = ("net", "target", "value_scale")


def from_run(text: str, which: str = "latest") -> dict[str, Any]:
    """``start_from`` of a training, from ``RUN`` or ``RUN:SEED``; seeds are counted from 0.

    Without a seed, each seed starts from the seed of the run in the same place. Raises ``ValueError`` and
    ``FileNotFoundError`` for a run, checkpoint or seed that does not exist.
    """
    path, colon, number = text.rpartition(":")
    if directory.find(text) is not None or not colon:
        path, number = text, ""
    if number and not number.isdecimal():
        raise ValueError(f"{text!r} is not written RUN or RUN:SEED, as in runs/base:0")
    path = str(directory.find(path) or path)
    facts = checkpoint.about(directory.load(Path(path)).checkpoint(which))
    seed = int(number) if number else None
    return {"run": path, "checkpoint": which, "iteration": facts.get("iteration"), "seed": seed}


def check(training: Training, world: World) -> None:
    """Raise ``ValueError`` or ``OSError`` if the networks to start from do not exist or do not fit."""
    if training.start_from is not None:
        shapes = jax.eval_shape(partial(seeds.init, training), world)
        _replaced(training, shapes, lambda array, like: like)


def init(run: RunDirectory, training: Training, world: World, fresh: Callable[[], Any]) -> Any:
    """The first train states, stacked.

    Networks of another run are saved in a checkpoint at once, because the other run may change.
    """
    states = fresh()
    if training.start_from is None:
        return states
    states = _replaced(training, states, lambda array, like: jnp.asarray(array, like.dtype))
    checkpoint.save(run.checkpoint(), states, 0, seeds.about(training, world, 0))
    return states


def _replaced(training: Training, states: Any, take: Callable[[np.ndarray, Any], Any]) -> Any:
    """Train states with the networks to start from, each array by ``take(array, fresh array)``."""
    origin = training.start_from or {}
    other = directory.load(Path(origin["run"]))
    saved = checkpoint.arrays(other.checkpoint(origin["checkpoint"]))
    rows = _rows(training, origin, read(other).num_seeds)
    paths, structure = jax.tree_util.tree_flatten_with_path(states)
    leaves, wrong, taken = [], [], 0
    for path, leaf in paths:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        if name.partition("/")[0] not in _NETWORKS:
            leaves.append(leaf)
            continue
        array = saved.get(name)
        if array is None or array.shape[1:] != leaf.shape[1:] or array.dtype != leaf.dtype:
            found = "missing" if array is None else f"{array.dtype}{list(array.shape[1:])}"
            wrong.append(f"{name} is {found}, expected {leaf.dtype}{list(leaf.shape[1:])}")
            continue
        taken += 1
        leaves.append(take(array[rows], leaf))
    if wrong:
        raise ValueError(f"the networks of {origin['run']} do not fit this training: {'; '.join(wrong)}")
    if not taken:
        raise ValueError(f"{training.algorithm} cannot start from the networks of another run")
    return jax.tree_util.tree_unflatten(structure, leaves)


def _rows(training: Training, origin: dict[str, Any], there: int) -> np.ndarray:
    """The seed of the other run that each seed starts from."""
    if origin["seed"] is None:
        if training.num_seeds > there:
            raise ValueError(
                f"num_seeds is {training.num_seeds}; {origin['run']} has {there} seeds: name one of them, "
                f"as in {origin['run']}:0"
            )
        return np.arange(training.num_seeds)
    if not 0 <= origin["seed"] < there:
        raise ValueError(f"seed is {origin['seed']}; {origin['run']} has the seeds 0 .. {there - 1}")
    return np.full(training.num_seeds, origin["seed"])
