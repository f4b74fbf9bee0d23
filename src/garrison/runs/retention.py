"""Which train states of a run are saved, and when."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from garrison.runs import checkpoint
from garrison.runs.run import Run

SECONDS = 60.0  # between saves of the latest state
WINDOW = 10  # iterations whose mean return decides what is best
CANDIDATES = 100  # times that a run asks whether it is at its best


class Keeper:
    """Saves the latest state now and then, the best one, and one for good after every ``keep_every``.

    What is best is asked after fixed iterations and by what the metrics say, so that a resumed run keeps the
    same one.
    """

    def __init__(
        self, run: Run, about: Callable[[int], dict[str, Any]], iterations: int, keep_every: int | None
    ):
        self.run, self.about, self.keep_every = run, about, keep_every
        self.candidate_every = max(1, iterations // CANDIDATES)
        self.window = min(WINDOW, iterations)
        self.returns: list[float] = []
        self.best = -np.inf
        self.saved = time.monotonic()

    def resume(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take in the metrics of earlier iterations."""
        for row in rows:
            self._is_best(row["iteration"], row["return"])

    def __call__(self, done: int, state: Any, returns: list[float | None]) -> None:
        """After iteration ``done``: save what is to be saved. ``returns`` are those of the teams."""
        if self._is_best(done, returns):
            self._save("best", done, state, {"return": self.best})
        if self.keep_every is not None and done % self.keep_every == 0:
            self._save(f"step-{done:08d}", done, state, {})
        if time.monotonic() - self.saved > SECONDS:
            self.latest(done, state)

    def latest(self, done: int, state: Any) -> None:
        """Save the latest state now."""
        self._save("latest", done, state, {})
        self.saved = time.monotonic()

    def _is_best(self, done: int, returns: list[float | None]) -> bool:
        numbers = np.array(returns, float)  # None, which stands for no episode, becomes NaN
        if np.isfinite(numbers).all():
            self.returns = [*self.returns, float(numbers.mean())][-self.window :]
        if len(self.returns) < self.window or done % self.candidate_every:
            return False
        if np.mean(self.returns) <= self.best:
            return False
        self.best = float(np.mean(self.returns))
        return True

    def _save(self, which: str, done: int, state: Any, more: dict[str, Any]) -> None:
        checkpoint.save(self.run.checkpoint(which), state, done, self.about(done) | more)
