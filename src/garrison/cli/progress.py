"""The progress bar of all commands, on standard error.

with bar("playing", total=100, unit="episodes") as episodes:
    episodes.advance()
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from garrison.cli.common import log
from garrison.training.train import OnProgress, Progress

_ESTIMATE_S = 600  # over which the time that is left is estimated


class _Count(ProgressColumn):
    """ "12/100 episodes" where things are counted, else a percentage."""

    def render(self, task: Task) -> Text:
        if unit := task.fields["unit"]:
            return Text(f"{task.completed:,.0f}/{task.total:,.0f} {unit}")
        return Text(f"{task.percentage:.0f}%")


class Bar:
    """One line of a progress display."""

    def __init__(self, progress: RichProgress, description: str, total: float, unit: str):
        self._progress = progress
        self._id = progress.add_task(description, total=total, unit=unit, note="")

    def advance(self, by: float = 1) -> None:
        """Count more as done."""
        self._progress.advance(self._id, by)

    def skip(self, count: float = 1) -> None:
        """Take work that need not be done off the total, so that it does not count as fast work."""
        total = self._task().total
        assert total is not None  # as it was given
        self._progress.update(self._id, total=total - count)

    def update(
        self, completed: float | None = None, description: str | None = None, note: str | None = None
    ) -> None:
        """Change what is shown; None keeps it. ``note`` stands behind the percentage."""
        fields: dict[str, Any] = {} if note is None else {"note": note}
        self._progress.update(self._id, completed=completed, description=description, **fields)

    def remove(self) -> None:
        """Take the line off the display."""
        self._progress.remove_task(self._id)

    def _task(self) -> Task:
        return next(task for task in self._progress.tasks if task.id == self._id)


@contextmanager
def bars(transient: bool = False) -> Iterator[Callable[..., Bar]]:
    """A display of several bars; yields ``add(description, total, unit="")``.

    Args:
        transient: clear the display at the end.
    """
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), _Count(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(), TextColumn("ETA"), TimeRemainingColumn(),
    )  # fmt: skip
    with RichProgress(
        *columns, console=log, transient=transient, speed_estimate_period=_ESTIMATE_S
    ) as progress:
        yield lambda description, total, unit="": Bar(progress, description, total, unit)


@contextmanager
def bar(description: str, total: float, unit: str = "", transient: bool = False) -> Iterator[Bar]:
    """A display of one bar.

    Args:
        unit: what is counted, as in "episodes"; without it a percentage is shown.
    """
    with bars(transient) as add:
        yield add(description, total, unit)


@contextmanager
def training() -> Iterator[OnProgress]:
    """A bar for :func:`garrison.training.train.train`; yields its ``on_progress``."""
    shown: list[Bar] = []

    def on_progress(progress: Progress) -> None:
        if not shown:
            shown.append(add("", progress.total))
        if progress.stage == "compiling":
            shown[0].update(description="compiling (up to a minute; cached afterwards)")
            return
        shown[0].update(progress.iteration + progress.fraction, "training", _note(progress))

    with bars() as add:
        yield on_progress


def _note(progress: Progress) -> str:
    if progress.metrics is None:
        return ""
    returns = np.array(progress.metrics["return"], float)
    mean = "" if np.isnan(returns).all() else f"return {np.nanmean(returns):,.1f}  "
    return f"{mean}{progress.steps_per_second:,.0f} steps/s"
