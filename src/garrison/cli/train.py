"""``garrison train PRESET`` and ``garrison resume RUN``: train teams and leave a run directory."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np
import tyro
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from garrison.algos import ippo
from garrison.cli.common import INTERRUPTED, log, user_input, waiting
from garrison.core.world import World
from garrison.learn import shard
from garrison.presets import DESCRIPTIONS, PRESETS, Training
from garrison.runs import hosts, sinks
from garrison.runs import run as runs
from garrison.runs.retention import Keeper
from garrison.runs.run import Run
from garrison.train import loop, seeds

if TYPE_CHECKING:
    Preset = Training
else:
    Preset = tyro.extras.subcommand_type_from_defaults(PRESETS, DESCRIPTIONS, prefix_names=False)


@dataclass(frozen=True)
class Train:
    """Train teams by a preset, any part of which can be changed."""

    preset: Preset
    out: Path | None = None
    """Run directory; by default a new one under runs/."""
    hosts: str | None = None
    """Train on several hosts: auto under Slurm, Open MPI and on TPUs, else ADDRESS:PORT,COUNT,INDEX."""

    def run(self) -> int:
        with user_input():
            if self.hosts is not None:
                hosts.join(self.hosts)
            training, world, run = start(self.preset, self.out)
        return report(run, train(training, world, run)[1])


@dataclass(frozen=True)
class Resume:
    """Go on with a run that was stopped or killed, bit by bit as if it had not been."""

    path: tyro.conf.Positional[Path]
    """Run directory."""
    hosts: str | None = None
    """Train on several hosts: auto under Slurm, Open MPI and on TPUs, else ADDRESS:PORT,COUNT,INDEX."""

    def run(self) -> int:
        with user_input():
            if self.hosts is not None:
                hosts.join(self.hosts)
            run = runs.load(self.path)
            training, world = seeds.opened(run)
        with learner_of(run, training, world) as learner:
            return report(run, train(training, world, run, learner)[1])


def report(run: Run, finished: bool) -> int:
    """Say where the run is and what can be done with it; returns the exit status."""
    more = (
        f"judge it with: garrison eval {run.path}" if finished else f"go on with: garrison resume {run.path}"
    )
    log.print(f"The run is in {run.path}; {more}", soft_wrap=True)
    return 0 if finished else INTERRUPTED


def start(training: Training, out: Path | None) -> tuple[Training, World, Run]:
    """Check the training, settle what it leaves open, and make its world and run directory."""
    world = seeds.world_of(training)
    # Written down, so that whoever resumes or repeats the run rounds as it does.
    training = dataclasses.replace(training, at_once=seeds.at_once(training, world))
    if not hosts.first():
        return training, world, hosts.temporary(training.to_json())
    return training, world, runs.create(out or runs.default_path(training.world), training.to_json())


#: Makes an iteration of train states; is told whom to tell what share of the iteration is done.
Within = Callable[[float], None]
Iteration = Callable[[ippo.TrainState, Within], tuple[ippo.TrainState, ippo.Metrics]]


@dataclass(frozen=True)
class Learner:
    """What trains the teams of a run: JAX, unless the run is one of the PyTorch learner."""

    init: Callable[[Training, World], ippo.TrainState]
    prepare: Callable[[Training, World, ippo.TrainState], Iteration]


@contextlib.contextmanager
def learner_of(run: Run, training: Training, world: World) -> Iterator[Learner]:
    """The learner that a run began with, ready to go on within the block."""
    from garrison.parity.torch.backend import read_backend

    if (backend := read_backend(run)) is None:
        yield JAX
        return
    from garrison.cli.parity.train import torch_learner

    with torch_learner(backend, training, world) as learner:
        yield learner


def train(
    training: Training, world: World, run: Run, learner: Learner | None = None
) -> tuple[ippo.TrainState, bool]:
    """Train until the preset's steps are done or Ctrl-C, from where the run stopped if it began before.

    A checkpoint is saved either way. Returns the train states of the teams, and whether they are final.

    Args:
        learner: JAX by default.

    Raises:
        SystemExit: with a message, where training diverges or the run directory cannot be written.
    """
    learner = learner or JAX
    with user_input(), hosts.written(run) as written, shard.devices(training.ippo.lanes):
        total = ippo.num_iterations(training.ippo, world)
        done = seeds.iterations_done(run)
        states = seeds.load_state(run, training, world) if done else learner.init(training, world)
        if done >= total:
            return states, True
        states, run = seeds.placed(states), written
        rows = run.rewind(done)
        if done:
            run.resumed(done)
        keeper = Keeper(run, partial(seeds.about, training, world), total, training.keep_every)
        keeper.resume(rows)
        step = learner.prepare(training, world, states)
        with (
            _watcher(training, world, run, keeper, done, total) as (watcher, within),
            _told_what_is_left(run),
        ):
            states, done = loop.repeat(lambda states: step(states, within), states, done, total, watcher)
            keeper.latest(done, states)
    if done < total:
        log.print(f"Stopped after iteration {done} of {total}; the checkpoint is saved.")
    return states, done == total


def compiled(training: Training, world: World, states: ippo.TrainState) -> loop.Step[ippo.TrainState]:
    """One iteration of all teams, compiled ahead of time so that the first takes no longer than others."""
    step = jax.jit(seeds.iteration, static_argnames=("world", "at_once"), donate_argnames="states")
    at_once = seeds.at_once(training, world)
    return partial(step.lower(training.ippo, world, at_once, states).compile(), training.ippo)


def _prepared(training: Training, world: World, states: ippo.TrainState) -> Iteration:
    with waiting(f"compiling the training on {world.name} (once, up to a minute: it is kept)"):
        step = compiled(training, world, states)
    return lambda states, within: step(states)


JAX = Learner(seeds.init, _prepared)


@contextlib.contextmanager
def _told_what_is_left(run: Run) -> Iterator[None]:
    """Errors within the block end the program, and say what of the run is safe."""
    try:
        yield
    except (FloatingPointError, OSError) as error:
        left = "there is no checkpoint yet"
        if iteration := seeds.iterations_done(run):
            left = f"the checkpoint of iteration {iteration} is kept; go on with: garrison resume {run.path}"
        raise SystemExit(f"garrison: {error}\n{run.path}: {left}") from error


@contextlib.contextmanager
def _watcher(
    training: Training, world: World, run: Run, keeper: Keeper, done: int, total: int
) -> Iterator[tuple[loop.Report, Within]]:
    """What is told of each iteration: a line of metrics, the sinks, the progress bar, checkpoints.

    The second function moves the bar within an iteration.
    """
    steps = ippo.steps_per_iteration(training.ippo, world)
    names = training.sinks if hosts.first() else ()
    with sinks.opened(names, run, done) as others, Progress(*_columns(), console=log) as bar:
        task = bar.add_task("training", total=total, completed=done, mean_return=float("nan"), speed=0.0)

        def watch(done: int, states: ippo.TrainState, metrics: loop.Metrics, seconds: float) -> None:
            speed = steps * training.seeds / seconds
            row = {"iteration": done, "env_steps": done * steps, "seconds": seconds, **metrics}
            run.log(row)
            others.log(row)
            keeper(done, states, metrics["return"])
            bar.update(task, completed=done, speed=speed)
            if all(metrics["episodes"]):
                bar.update(task, mean_return=float(np.mean(metrics["return"])))

        yield watch, lambda share: bar.update(task, completed=int(bar.tasks[task].completed) + share)


def _columns() -> list[TextColumn | BarColumn | TimeElapsedColumn | TimeRemainingColumn]:
    return [
        TextColumn("training"),
        BarColumn(),
        TextColumn("{task.percentage:.0f}%"),
        TextColumn("return {task.fields[mean_return]:,.1f}"),
        TextColumn("{task.fields[speed]:,.0f} steps/s"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    ]
