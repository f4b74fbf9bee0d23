"""Training: create a run, train it, resume it, extend it.

    run = create(Training(world="cc4", num_seeds=3), Path("runs/base"))
    train(run, on_progress=print)

Nothing here prints or exits. Errors are exceptions, which carry as a note what of the run is kept. Progress
is reported to a callback.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from garrison.core.files import write_json
from garrison.core.world import World
from garrison.learn import shard
from garrison.runs import checkpoint, directory, hosts, sinks
from garrison.runs.directory import RunDirectory
from garrison.runs.retention import CheckpointRetention
from garrison.training import learner, loop, seeds, start
from garrison.training.config import Training
from garrison.training.loop import Diverged
from garrison.training.run import Run

__all__ = ["Diverged", "OnProgress", "Progress", "create", "extend", "train"]


@dataclass(frozen=True)
class Progress:
    """How far a training is."""

    #: "compiling" before the first iteration, then "training"
    stage: Literal["compiling", "training"]
    #: completed iterations
    iteration: int
    #: number of iterations of the training
    total: int
    #: completed fraction (0–1) of the running iteration, where the learner reports it
    fraction: float = 0.0
    #: metrics of the last completed iteration, lists with a number per seed; None before the first
    metrics: dict[str, Any] | None = None
    #: environment steps per second in the last iteration, all seeds together
    steps_per_second: float | None = None
    #: estimated seconds until the end
    eta: float | None = None


OnProgress = Callable[[Progress], None]


def create(training: Training, out: Path | None = None) -> Run:
    """Check a training and make its run directory, by default a new one under ``runs/``.

    Raises ``ValueError`` for settings that are wrong or do not fit together, before anything is created, and
    ``OSError`` if the directory holds a run already or cannot be written.
    """
    world = seeds.check(training)
    learner.get(training.learner).check(training, world)
    start.check(training, world)
    # Recorded, so that resuming or repeating the run rounds as it does.
    training = dataclasses.replace(training, parallel_seeds=seeds.parallel(training, world))
    if not hosts.first():
        return Run(hosts.temporary(training.to_json()).path, training)
    path = out or directory.default_path(training.world)
    facts = learner.get(training.learner).facts(training)
    return Run(directory.create(path, training.to_json(), facts).path, training)


def extend(run: Run, total_steps: int) -> Run:
    """Let a run, finished or not, train until ``total_steps``; its configuration records the change.

    Schedules that depend on progress, such as the learning rate's, follow the new number. Raises
    ``ValueError`` if the run has more steps already, or is being trained.
    """
    training = run.training.changed(total_steps=total_steps)
    world = run.world()
    training.algo.check(training.settings, world)
    done = seeds.iterations_done(run)
    if training.algo.num_iterations(training.settings, world) <= done:
        steps = done * training.algo.steps_per_iteration(training.settings, world)
        raise ValueError(
            f"total_steps is {total_steps:,}; {run.path} has {steps:,} steps already: name a larger number"
        )
    if total_steps == run.training.settings.total_steps:
        return run
    before = {"iteration": done, "total_steps": run.training.settings.total_steps}
    training = dataclasses.replace(training, extended=(*training.extended, before))
    if hosts.first():
        with run.locked():
            write_json(run.path / "config.json", training.to_json())
    return Run(run.path, training)


def train(run: Run, on_progress: OnProgress | None = None) -> bool:
    """Train a run until its steps are done, from its latest checkpoint if it has one.

    Ctrl-C and SIGTERM let the running iteration end. A checkpoint is saved either way, bit by bit the same as
    without interruption. Returns whether all steps are done.

    Raises:
        Diverged: if a loss stops being finite.
        ValueError: if another process trains the run, or if a file of it is damaged.
        OSError: if the run directory cannot be written, or its disk lacks room for the checkpoints.
    """
    training = run.training
    world = training.make_world()
    with (
        learner.get(training.learner).opened(training, world) as session,
        hosts.written(run) as written,
        shard.devices(training.settings.num_envs),
    ):
        total = training.algo.num_iterations(training.settings, world)
        done, states = _first(run, written, world, session)
        if done >= total:
            return True
        states = seeds.placed(training, states)
        retention = CheckpointRetention(
            written,
            partial(seeds.about, training, world),
            total,
            training.keep_every,
            getattr(training.algo, "RESUME_ONLY", ()),
        )
        retention.check_space(states)
        rows = written.rewind(done)
        if done:
            written.resumed(done)
        retention.resume(rows)
        reporter = _Reporter(training, world, written, on_progress or (lambda progress: None), done, total)
        with reporter, _kept_in_note(run):
            reporter.compiling()
            step = session.prepare(states)
            states, done = loop.repeat(
                lambda states: step(states, reporter.fraction),
                states,
                done,
                total,
                lambda done, states, metrics, seconds: (
                    reporter.iteration(done, metrics, seconds),
                    retention(done, states, metrics["return"]),
                ),
            )
            retention.latest(done, states)
    return done == total


def _first(run: Run, written: RunDirectory, world: World, session: learner.Session) -> tuple[int, Any]:
    """Completed iterations, and the train states after them."""
    training = run.training
    try:
        done = seeds.iterations_done(run)
        if done or run.checkpoint().joinpath(checkpoint.INDEX).exists():
            return done, seeds.load_state(run, training, world, resumable=True)
    except checkpoint.Damaged:
        seeds.load_state(run, training, world)  # names the newest sound checkpoint
        raise
    return 0, start.init(written, training, world, session.init)


class _Reporter:
    """Writes the metrics of each iteration to the run and the sinks, and reports progress."""

    def __init__(
        self,
        training: Training,
        world: World,
        run: RunDirectory,
        on_progress: OnProgress,
        done: int,
        total: int,
    ):
        self.run, self.on_progress = run, on_progress
        self.steps, self.num_seeds = (
            training.algo.steps_per_iteration(training.settings, world),
            training.num_seeds,
        )
        self.sinks = sinks.opened(training.sinks if hosts.first() else (), run, done)
        self.progress = Progress("training", done, total)
        self.seconds: list[float] = []

    def __enter__(self) -> _Reporter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.sinks.close()

    def compiling(self) -> None:
        self.on_progress(dataclasses.replace(self.progress, stage="compiling"))

    def fraction(self, fraction: float) -> None:
        self.on_progress(dataclasses.replace(self.progress, fraction=fraction))

    def iteration(self, done: int, metrics: loop.Metrics, seconds: float) -> None:
        row = {"iteration": done, "env_steps": done * self.steps, "seconds": seconds, **metrics}
        self.run.log(row)
        self.sinks.log(row)
        self.seconds = [*self.seconds, seconds][-20:]
        self.progress = dataclasses.replace(
            self.progress,
            iteration=done,
            metrics=metrics,
            steps_per_second=self.steps * self.num_seeds / seconds,
            eta=float(np.mean(self.seconds)) * (self.progress.total - done),
        )
        self.on_progress(self.progress)


@contextmanager
def _kept_in_note(run: RunDirectory) -> Iterator[None]:
    """Add to errors which checkpoint of the run is kept."""
    try:
        yield
    except (FloatingPointError, OSError) as error:
        done = seeds.iterations_done(run)
        kept = f"the checkpoint of iteration {done} is kept" if done else "no checkpoint was saved yet"
        error.add_note(f"{run.path}: {kept}")
        raise
