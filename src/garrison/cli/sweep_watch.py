"""Progress of a sweep: a bar per running trial, and the state of each trial on disk."""

from __future__ import annotations

import shlex
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from garrison.cli.common import INTERRUPTED, log
from garrison.cli.progress import Bar
from garrison.runs import launch
from garrison.runs.sweep import Sweep
from garrison.runs.trials import Trial
from garrison.training import seeds

#: Arguments of Python that train a trial.
Command = Callable[[Sweep, Trial], list[str]]


def say(line: str) -> None:
    """Print a line on standard error."""
    log.print(line, markup=False, highlight=False, soft_wrap=True)


def resume_command(sweep: Sweep) -> str:
    """The command that continues a sweep."""
    return f"garrison sweep --resume {shlex.quote(str(sweep.path))}"


class Watcher:
    """Records how trials start and end, and shows their progress.

    Args:
        add: adds a bar to the display (:func:`garrison.cli.progress.bars`).
    """

    def __init__(self, sweep: Sweep, todo: Sequence[Trial], command: Command, add: Callable[..., Bar]):
        self.sweep, self.command, self.add = sweep, command, add
        self.totals: dict[str, int] = {}
        self.began: dict[str, float] = {}
        self.bars: dict[str, Bar] = {}
        self.done = len(sweep.trials) - len(todo)
        self.all = add(self._count(), len(sweep.trials))
        self.all.update(completed=self.done)

    def start(self, start: launch.Launch, trial: Trial) -> launch.Job:
        """Start a trial."""
        arguments = self.command(self.sweep, trial)
        self.sweep.note(trial, "begun", arguments=arguments)
        self.began[trial.name] = time.monotonic()
        self.bars[trial.name] = self.add(trial.name, 1.0)
        return start(arguments, self.sweep.log_file(trial))

    def ended(self, trial: Trial, status: int) -> None:
        """Record the exit status of a trial."""
        seconds = round(time.monotonic() - self.began[trial.name], 1)
        self.bars.pop(trial.name).remove()
        if status in (INTERRUPTED, -signal.SIGINT):
            self.sweep.note(trial, "stopped", seconds=seconds)
            say(f"stopped {trial.name}")
            return
        if status == 0:
            self.sweep.note(trial, "finished", seconds=seconds)
            say(f"finished {trial.name} after {seconds:,.0f} s")
        else:
            error = launch.last_lines(self.sweep.log_file(trial))
            self.sweep.note(trial, "failed", seconds=seconds, exit_status=status, error=error)
            say(f"failed {trial.name} (exit status {status}): {error.splitlines()[-1] if error else ''}")
        self.done += 1
        self.all.update(description=self._count())

    def look(self, running: Sequence[Trial]) -> None:
        """Update the bars."""
        fractions = {trial.name: self._fraction(trial) for trial in running}
        for name, fraction in fractions.items():
            self.bars[name].update(completed=fraction)
        self.all.update(completed=self.done + sum(fractions.values()))

    def _count(self) -> str:
        return f"{self.done} of {len(self.sweep.trials)} trials"

    def _fraction(self, trial: Trial) -> float:
        """The completed fraction of a trial, by its lines of metrics: one per iteration."""
        run = self.sweep.run(trial)
        with suppress(OSError, ValueError):  # the trial itself reports what is wrong there
            if self.sweep.begun(trial):
                if trial.name not in self.totals:
                    self.totals[trial.name] = seeds.progress(run)[1]
                return run.metrics_file.read_bytes().count(b"\n") / self.totals[trial.name]
        return 0.0
