"""``garrison sweep PRESET``: trainings that differ in a few fields."""

from __future__ import annotations

import dataclasses
import difflib
import json
import shlex
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import jax
import tyro

from garrison import presets
from garrison.cli import progress
from garrison.cli.common import INTERRUPTED, out, print_json, user_input
from garrison.cli.sweep_watch import Watcher, resume_command, say
from garrison.cli.train import Train
from garrison.judge import sweep_report
from garrison.presets import PRESETS
from garrison.runs import launch
from garrison.runs import sweep as plans
from garrison.runs.directory import RunDirectory, default_path
from garrison.runs.sweep import Sweep as Plan
from garrison.runs.trials import Trial
from garrison.runs.trials import plan as plan_trials
from garrison.training import seeds


@dataclass(frozen=True)
class Sweep:
    """Train a preset with several values of some fields, and compare.

    Each trial is a run directory. A sweep that was stopped or killed continues with --resume, or with the
    same command: finished trials are skipped, started ones are resumed.
    """

    preset: tyro.conf.Positional[str | None] = None
    """The preset to vary; `garrison presets` lists them."""
    grid: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A field and its values, as in learning_rate=1e-3,3e-4 or "hidden_sizes=64 64,256 256". May be
    repeated: all combinations are tried. A field with one value is the same in all trials."""
    overrides: Annotated[Path | None, tyro.conf.arg(name="list")] = None
    """A JSON file with a list of objects {field: value}; each is combined with the whole grid."""
    num_seeds: int | None = None
    """Number of seeds of each trial; by default the preset's."""
    out: Path | None = None
    """Directory of the sweep; by default a new one under runs/."""
    resume: Path | None = None
    """Continue the sweep in this directory, instead of PRESET and fields."""
    retry: tyro.conf.FlagCreatePairsOff[bool] = False
    """Also run failed trials again."""
    jobs: int | None = None
    """Number of trials to run at the same time; by default one, or the capacity of the Ray cluster."""
    ray: tyro.conf.FlagCreatePairsOff[bool] = False
    """Run the trials on the Ray cluster at RAY_ADDRESS, or on a new one on this machine."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print the results as JSON."""

    def run(self) -> int:
        jax.config.update("jax_platforms", "cpu")  # in this process alone: accelerators are for the trials
        with user_input():
            if self.jobs is not None and self.jobs < 1:
                raise ValueError(f"jobs is {self.jobs}; it must be at least 1")
            plan = self._open()
            with RunDirectory(plan.path).locked():
                interrupted = not self._work(plan)
                figures = sweep_report.write_report(plan)
        if self.json:
            print_json(figures)
        else:
            out.print(sweep_report.table(figures))
        say(f"The sweep is in {plan.path}, with a picture in {plan.path / 'report'}")
        failed = [trial["trial"] for trial in figures["trials"] if trial["status"] == "failed"]
        if failed:
            say(f"Failed: {', '.join(failed)}. Their output is in {plan.path / 'logs'}.")
            say(f"Run them again with: {resume_command(plan)} --retry")
        if plan.todo(retry=False):
            say(f"Stopped; resume with: {resume_command(plan)}")
        return INTERRUPTED if interrupted else int(any(failed))

    def _open(self) -> Plan:
        if self.resume is not None:
            if self.preset or self.grid or self.overrides or self.num_seeds or self.out:
                raise ValueError(
                    "--resume takes the preset, fields, number of seeds and directory from the sweep"
                )
            return plans.load(self.resume)
        if self.preset is None:
            raise ValueError(f"name a preset ({', '.join(PRESETS)}), or a sweep with --resume")
        presets.get(self.preset)  # refuses unknown ones
        trials = plan_trials(self.grid, _read_list(self.overrides))
        path = self.out or default_path(f"sweep-{self.preset}")
        check(Plan(path, self.preset, self.num_seeds, tuple(trials)))
        return plans.create(path, self.preset, self.num_seeds, trials)

    def _work(self, plan: Plan) -> bool:
        """Run the trials that are left; False if that was interrupted."""
        todo = plan.todo(self.retry)
        for trial in todo:
            if plan.run(trial).in_training():
                raise ValueError(
                    f"trial {trial.name} is still being trained, by a process of an earlier sweep; "
                    "wait for it to end, or end it"
                )
        with launch.launcher(self.ray, self.jobs) as (start, jobs), progress.bars() as add:
            watcher = Watcher(plan, todo, command, add)
            return launch.work(todo, jobs, partial(watcher.start, start), watcher.ended, watcher.look)


def command(plan: Plan, trial: Trial) -> list[str]:
    """Arguments of Python that start or resume a trial."""
    path = str(plan.run(trial).path.resolve())
    if plan.begun(trial):
        return ["-m", "garrison", "resume", path]
    return ["-m", "garrison", "train", plan.preset, *plan.arguments(trial), "--out", path]


def check(plan: Plan) -> None:
    """Raise ``ValueError`` naming the first trial that cannot be trained; nothing is started."""
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
    if plan.num_seeds is not None and "num_seeds" in trial.overrides:
        raise ValueError("num_seeds is both among the fields and given with --num-seeds")
    try:
        command = tyro.cli(
            Train,
            prog="garrison train",
            args=[plan.preset, *plan.arguments(trial)],
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.CascadeSubcommandArgs),
        )
    except SystemExit as error:
        reason = error.code if isinstance(error.code, str) else "its reason is printed above"
        raise ValueError(f"garrison train refuses {shlex.join(plan.arguments(trial))}: {reason}") from error
    seeds.check(command.preset.training())


def fields(training: Any) -> list[str]:
    """Names of the fields of a training that have flags, with those of its settings."""
    own = ["world", "options", "vary", "seed", "num_seeds", "parallel_seeds", "keep_every", "sinks"]
    return [*own, *(field.name for field in dataclasses.fields(training.settings))]


def _read_list(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(listed, list) or not all(isinstance(overrides, dict) for overrides in listed):
        raise ValueError(f'{path} is not a list of objects, as in [{{"learning_rate": 0.001}}]')
    return listed
