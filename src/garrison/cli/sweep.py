"""``garrison sweep PRESET``: many trainings that differ in a few fields."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import jax
import tyro

from garrison.cli.common import INTERRUPTED, out, print_json, user_input
from garrison.cli.sweep_watch import Watcher, say
from garrison.cli.train import Train
from garrison.judge import sweep_report
from garrison.presets import PRESETS
from garrison.runs import launch
from garrison.runs import run as runs
from garrison.runs import sweep as plans
from garrison.runs.run import Run
from garrison.runs.sweep import Sweep as Plan
from garrison.runs.trials import Trial
from garrison.runs.trials import plan as plan_trials
from garrison.training import seeds


@dataclass(frozen=True)
class Sweep:
    """Train by a preset many times, with other values of some fields each time, and compare.

    Each trial is a run directory. A sweep that was stopped or killed goes on with --resume, or by the same
    command again: trials that are done are skipped, those that were begun go on.
    """

    preset: tyro.conf.Positional[str | None] = None
    """What is to be varied; `garrison presets` lists them."""
    grid: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A field and its values, as in learning_rate=1e-3,3e-4 or "hidden=64 64,256 256"; may be repeated, and
    all combinations are tried. A field with one value is the same for all."""
    overrides: Annotated[Path | None, tyro.conf.arg(name="list")] = None
    """A JSON file with a list of objects {field: value}: each is tried, with each combination of the grid."""
    seeds: int | None = None
    """Teams of each trial; by default as many as the preset has."""
    out: Path | None = None
    """Directory of the sweep; by default a new one under runs/."""
    resume: Path | None = None
    """Go on with the sweep in this directory, instead of PRESET and fields."""
    retry: tyro.conf.FlagCreatePairsOff[bool] = False
    """Try failed trials again too."""
    jobs: int | None = None
    """Trials at a time; by default one, or as many as the Ray cluster takes."""
    ray: tyro.conf.FlagCreatePairsOff[bool] = False
    """Run the trials on the Ray cluster of RAY_ADDRESS, or on one that is started on this machine."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print the results as JSON."""

    def run(self) -> int:
        jax.config.update("jax_platforms", "cpu")  # here alone: accelerators are for the trials
        with user_input():
            if self.jobs is not None and self.jobs < 1:
                raise ValueError(f"jobs is {self.jobs}; it must be at least 1")
            plan = self._open()
            with Run(plan.path).locked():
                interrupted = not self._work(plan)
                told = sweep_report.write_report(plan)
        if self.json:
            print_json(told)
        else:
            out.print(sweep_report.table(told))
        say(f"The sweep is in {plan.path}, with a picture in {plan.path / 'report'}")
        failed = [trial["trial"] for trial in told["trials"] if trial["status"] == "failed"]
        if failed:
            say(f"Failed: {', '.join(failed)}. What they printed is in {plan.path / 'logs'}; try them again")
            say(f"with: garrison sweep --resume {plan.path} --retry")
        if plan.todo(retry=False):
            say(f"Stopped; go on with: garrison sweep --resume {plan.path}")
        return INTERRUPTED if interrupted else int(any(failed))

    def _open(self) -> Plan:
        if self.resume is not None:
            if self.preset or self.grid or self.overrides or self.seeds or self.out:
                raise ValueError("--resume takes the preset, fields, seeds and directory from the sweep")
            return plans.load(self.resume)
        if self.preset is None:
            raise ValueError(f"name a preset ({', '.join(PRESETS)}), or a sweep with --resume")
        if self.preset not in PRESETS:
            raise ValueError(f"no preset {self.preset!r}; presets: {', '.join(PRESETS)}")
        trials = plan_trials(self.grid, _read_list(self.overrides))
        path = self.out or runs.default_path(f"sweep-{self.preset}")
        check(Plan(path, self.preset, self.seeds, tuple(trials)))
        return plans.create(path, self.preset, self.seeds, trials)

    def _work(self, plan: Plan) -> bool:
        """Run what is to be run; False if that was interrupted."""
        todo = plan.todo(self.retry)
        for trial in todo:
            if plan.run(trial).in_training():
                raise ValueError(
                    f"trial {trial.name} is still being trained, by a process that an earlier sweep left; "
                    "wait for that to end, or end it"
                )
        with launcher(self.ray, self.jobs) as (start, jobs), Watcher(plan, todo, command) as watcher:
            return launch.work(todo, jobs, partial(watcher.start, start), watcher.ended, watcher.look)


def command(plan: Plan, trial: Trial) -> list[str]:
    """Arguments of Python that train a trial, from where it stopped if it was begun."""
    path = str(plan.run(trial).path.resolve())
    if plan.begun(trial):
        return ["-m", "garrison", "resume", path]
    return ["-m", "garrison", "train", plan.preset, *plan.arguments(trial), "--out", path]


def check(plan: Plan) -> None:
    """Raise ``ValueError``, naming the trial, for what could not be trained; nothing is started."""
    known = fields(PRESETS[plan.preset])
    for trial in plan.trials:
        for field in trial.overrides:
            if field not in known:
                close = difflib.get_close_matches(field, known, n=3)
                hint = f"did you mean {' or '.join(close)}?" if close else f"fields: {', '.join(known)}"
                raise ValueError(f"preset {plan.preset} has no field {field!r}; {hint}")
        try:
            _check_values(plan, trial)
        except ValueError as error:
            raise ValueError(f"trial {trial.name}: {error}") from error


def _check_values(plan: Plan, trial: Trial) -> None:
    if plan.seeds is not None and "seeds" in trial.overrides:
        raise ValueError("seeds stands among the fields, and is given with --seeds too")
    try:
        asked = tyro.cli(
            Train,
            prog="garrison train",
            args=[plan.preset, *plan.arguments(trial)],
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.CascadeSubcommandArgs),
        )
    except SystemExit as error:  # its reason stands on standard error
        raise ValueError(f"garrison train does not take {plan.arguments(trial)}") from error
    seeds.world_of(asked.preset)


def fields(training: Any) -> list[str]:
    """Names of all fields of a configuration, those of its parts too."""
    found = []
    for field in dataclasses.fields(training):
        value = getattr(training, field.name)
        found += fields(value) if dataclasses.is_dataclass(value) else [field.name]
    return found


def _read_list(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    listed = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(listed, list) or not all(isinstance(overrides, dict) for overrides in listed):
        raise ValueError(f'{path} is no list of objects, as in [{{"learning_rate": 0.001}}]')
    return listed


@contextmanager
def launcher(ray: bool, jobs: int | None) -> Iterator[tuple[launch.Launch, int]]:
    """How processes are started, and how many at a time."""
    if ray:
        cluster = launch.Ray()
        try:
            yield cluster, jobs or cluster.slots()
        finally:
            cluster.close()
        return
    jobs = jobs or 1
    # JAX takes three quarters of an accelerator's memory, unless it is told to leave room for others.
    share = {"XLA_PYTHON_CLIENT_MEM_FRACTION": f"{0.9 / jobs:.2f}"} if jobs > 1 else {}
    yield partial(launch.Local, environment={**share, **os.environ}), jobs
