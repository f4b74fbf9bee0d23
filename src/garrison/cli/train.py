"""``garrison train PRESET``: train a team and leave a run directory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import tyro
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from garrison.algos import ippo
from garrison.cli.common import INTERRUPTED, log, user_input
from garrison.core.world import World
from garrison.learn import checkpoint, loop
from garrison.learn import run as runs
from garrison.learn.run import Run
from garrison.presets import DESCRIPTIONS, PRESETS, Training, make_world

CHECKPOINT_SECONDS = 60.0

if TYPE_CHECKING:
    Preset = Training
else:
    Preset = tyro.extras.subcommand_type_from_defaults(PRESETS, DESCRIPTIONS, prefix_names=False)


@dataclass(frozen=True)
class Train:
    """Train a team by a preset, any part of which can be changed."""

    preset: Preset
    out: Path | None = None
    """Run directory; by default a new one under runs/."""

    def run(self) -> int:
        with user_input():
            world = make_world(self.preset.world, self.preset.options)
            run, state = start(self.preset, world, self.out)
        _, finished = train(self.preset, world, run, state)
        log.print(f"The run is in {run.path}; judge it with: garrison eval {run.path}", soft_wrap=True)
        return 0 if finished else INTERRUPTED


def start(training: Training, world: World, out: Path | None) -> tuple[Run, ippo.TrainState]:
    """Check the training and make its run directory and first train state."""
    init = jax.jit(ippo.init, static_argnames="world")
    state = init(training.ippo, world, jax.random.key(training.seed))
    run = runs.create(out or runs.default_path(training.world), training.to_json())
    return run, state


def train(training: Training, world: World, run: Run, state: ippo.TrainState) -> tuple[ippo.TrainState, bool]:
    """Train until the preset's steps are done or Ctrl-C; a checkpoint is saved either way.

    Returns the train state, and whether it is the final one.
    """
    config = training.ippo
    total = ippo.num_iterations(config, world)
    with log.status(f"compiling the training on {world.name}"):
        step = compiled(config, world, state)
    with Progress(*_columns(), console=log) as bar:
        watcher = _Watcher(run, training, bar, total, ippo.steps_per_iteration(config, world))
        state, done = loop.repeat(step, state, 0, total, watcher)
    watcher.save(state, done)
    if done < total:
        log.print(f"Stopped after iteration {done} of {total}; the checkpoint is saved.")
    return state, done == total


def compiled(config: ippo.IPPO, world: World, state: ippo.TrainState) -> loop.Step[ippo.TrainState]:
    """One iteration, compiled ahead of time so that the first one takes no longer than the others."""
    step = jax.jit(ippo.iteration, static_argnames="world", donate_argnames="state")
    return partial(step.lower(config, world, state).compile(), config)


def load_state(run: Run, training: Training, world: World) -> ippo.TrainState:
    """The train state saved in a run directory."""
    like = jax.eval_shape(partial(ippo.init, training.ippo, world), jax.random.key(0))
    return checkpoint.load(run.checkpoint, like)


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


class _Watcher:
    """Logs each iteration, moves the progress bar, and saves a checkpoint now and then."""

    def __init__(self, run: Run, training: Training, bar: Progress, total: int, steps: int):
        self.run, self.training, self.bar, self.steps = run, training, bar, steps
        self.task = bar.add_task("training", total=total, mean_return=float("nan"), speed=0.0)
        self.saved = time.monotonic()

    def __call__(self, done: int, state: ippo.TrainState, metrics: dict[str, float], seconds: float) -> None:
        speed = self.steps / seconds
        self.run.log({"iteration": done, "env_steps": done * self.steps, "seconds": seconds, **metrics})
        self.bar.update(self.task, completed=done, speed=speed)
        if metrics["episodes"]:
            self.bar.update(self.task, mean_return=metrics["return"])
        if time.monotonic() - self.saved > CHECKPOINT_SECONDS:
            self.save(state, done)

    def save(self, state: ippo.TrainState, done: int) -> None:
        about = {"iteration": done, "env_steps": done * self.steps, "training": self.training.to_json()}
        checkpoint.save(self.run.checkpoint, state, done, about)
        self.saved = time.monotonic()
