"""The front door: train and load runs from Python.

>>> import garrison
>>> run = garrison.train("cc4-ippo", num_seeds=3, out="runs/base", learning_rate=1e-3)
>>> run = garrison.load_run("runs/base")
>>> policies = run.policies("best", greedy=True)
"""

from __future__ import annotations

import dataclasses
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from garrison import presets
from garrison.training import start
from garrison.training import train as training
from garrison.training.config import Training
from garrison.training.run import Run, load
from garrison.training.train import OnProgress, Progress

__all__ = ["Progress", "Run", "Training", "load_run", "resume", "train"]


def train(
    preset: str | Training,
    *,
    out: str | Path | None = None,
    num_seeds: int | None = None,
    seed: int | None = None,
    on_progress: OnProgress | None = None,
    options: dict[str, Any] | None = None,
    start_from: str | None = None,
    **hyperparameters: Any,
) -> Run:
    """Train policies and leave a run directory.

    Ctrl-C stops after the running iteration: ``run.finished`` is then False, and :func:`resume` continues.

    Args:
        preset: name of a preset, or a configuration.
        out: run directory; by default a new one under ``runs/``.
        num_seeds: number of seeds to train, from ``seed`` on. None keeps the preset's, as for ``seed`` and
            ``options``.
        seed: first random seed.
        on_progress: called with a :class:`Progress` before the first and after each iteration. None shows a
            progress bar in notebooks and terminals.
        options: options of the world, in place of the preset's.
        start_from: a run, or ``RUN:SEED``, with whose networks training starts; the optimizer is fresh.
        **hyperparameters: other fields of the configuration, such as ``world`` or ``parallel_seeds``, and
            hyperparameters of its algorithm.

    Raises:
        ValueError: for unknown names, and values that are out of range or do not fit the world.
        OSError: if ``out`` holds a run already or cannot be written.
        Diverged: if a loss stops being finite.
    """
    given = {"num_seeds": num_seeds, "seed": seed, "options": options}
    changes = {name: value for name, value in given.items() if value is not None} | hyperparameters
    configuration = _configuration(preset).changed(**changes)
    if start_from is not None:
        configuration = dataclasses.replace(configuration, start_from=start.from_run(str(start_from)))
    run = training.create(configuration, None if out is None else Path(out))
    return resume(run, on_progress=on_progress)


def resume(
    run: str | Path | Run, *, total_steps: int | None = None, on_progress: OnProgress | None = None
) -> Run:
    """Continue a run, bit by bit as if it had not been stopped.

    Args:
        run: the run, or its directory.
        total_steps: train until this many environment steps, also if the run is finished.
        on_progress: as in :func:`train`.

    Raises:
        FileNotFoundError: if the run does not exist.
        ValueError: if a file of it is damaged, or if another process trains it.
        Diverged: if a loss stops being finite.
    """
    run = run if isinstance(run, Run) else load(run)
    if total_steps is not None:
        run = training.extend(run, total_steps)
    with _shown(on_progress) as reported:
        training.train(run, reported)
    return run


def load_run(path: str | Path) -> Run:
    """Open a run directory, or one that comes with Garrison, by its name, such as ``best``.

    Raises ``FileNotFoundError`` if ``path`` is neither, and ``ValueError`` if its configuration is damaged.
    """
    return load(path)


def _configuration(preset: str | Training) -> Training:
    return preset if isinstance(preset, Training) else presets.get(preset)


def _shown(on_progress: OnProgress | None) -> AbstractContextManager[OnProgress | None]:
    if on_progress is not None or not (_in_notebook() or sys.stderr.isatty()):
        return nullcontext(on_progress)
    from garrison.cli import progress

    return progress.training()


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in shell.config
