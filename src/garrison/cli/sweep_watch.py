"""What `garrison sweep` shows, and writes down, while trials run."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from garrison.cli.common import INTERRUPTED, log
from garrison.runs import launch
from garrison.runs.sweep import Sweep
from garrison.runs.trials import Trial
from garrison.training import seeds

#: Arguments of Python that train a trial.
Command = Callable[[Sweep, Trial], list[str]]


def say(line: str) -> None:
    log.print(line, markup=False, highlight=False, soft_wrap=True)


class Watcher:
    """Notes how trials start and end, and moves the progress bar."""

    def __init__(self, plan: Sweep, todo: Sequence[Trial], command: Command):
        self.plan, self.command = plan, command
        self.totals: dict[str, int] = {}
        self.began: dict[str, float] = {}
        self.bars: dict[str, TaskID] = {}
        columns = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f}%")]
        self.bar = Progress(
            *columns, TimeElapsedColumn(), TextColumn("ETA"), TimeRemainingColumn(),
            console=log, speed_estimate_period=600,
        )  # fmt: skip
        self.done = len(plan.trials) - len(todo)
        self.all = self.bar.add_task("", total=len(plan.trials), completed=self.done)
        self._count()

    def __enter__(self) -> Watcher:
        self.bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.stop()

    def start(self, start: launch.Launch, trial: Trial) -> launch.Job:
        arguments = self.command(self.plan, trial)
        self.plan.note(trial, "begun", arguments=arguments)
        self.began[trial.name] = time.monotonic()
        self.bars[trial.name] = self.bar.add_task(trial.name, total=1.0)
        return start(arguments, self.plan.log_file(trial))

    def ended(self, trial: Trial, status: int) -> None:
        seconds = round(time.monotonic() - self.began[trial.name], 1)
        self.bar.remove_task(self.bars.pop(trial.name))
        if status == 0:
            self.plan.note(trial, "finished", seconds=seconds)
            say(f"finished {trial.name} after {seconds:,.0f} s")
        elif status in (INTERRUPTED, -signal.SIGINT):
            self.plan.note(trial, "stopped", seconds=seconds)
            say(f"stopped {trial.name}")
            return
        else:
            error = launch.last_lines(self.plan.log_file(trial))
            self.plan.note(trial, "failed", seconds=seconds, exit_status=status, error=error)
            last = error.rpartition("\n")[2]
            say(f"failed {trial.name} (exit status {status}): {last}")
        self.done += 1
        self._count()

    def look(self, running: Sequence[Trial]) -> None:
        shares = {trial.name: self._share(trial) for trial in running}
        for name, share in shares.items():
            self.bar.update(self.bars[name], completed=share)
        self.bar.update(self.all, completed=self.done + sum(shares.values()))

    def _count(self) -> None:
        self.bar.update(self.all, description=f"{self.done} of {len(self.plan.trials)} trials")

    def _share(self, trial: Trial) -> float:
        """How much of a trial is done: lines of metrics, of which there is one per iteration."""
        run = self.plan.run(trial)
        if not self.plan.begun(trial):
            return 0.0
        with suppress(OSError, ValueError):  # whatever is wrong there, the trial will say so itself
            if trial.name not in self.totals:
                self.totals[trial.name] = seeds.progress(run)[1]
            with run.metrics_file.open("rb") as file:
                return sum(1 for _ in file) / self.totals[trial.name]
        return 0.0
