"""Which train states of a run are saved, and when."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from garrison.runs import checkpoint
from garrison.runs.directory import RunDirectory

SECONDS = 60.0  # between saves of the latest state
_WINDOW = 10  # iterations whose mean return decides which state is the best
_CANDIDATES = 100  # times in a run that the present state may become the best


class CheckpointRetention:
    """Saves the latest state about once a minute, the best one, and one to keep every ``keep_every``.

    Candidates for the best come at fixed iterations and are compared by their metrics, so that a resumed run
    keeps the same one.
    """

    def __init__(
        self,
        run: RunDirectory,
        about: Callable[[int], dict[str, Any]],
        iterations: int,
        keep_every: int | None,
    ):
        self.run, self.about, self.keep_every = run, about, keep_every
        self.candidate_every = max(1, iterations // _CANDIDATES)
        self.window = min(_WINDOW, iterations)
        self.returns: list[float] = []
        self.best = -np.inf
        self.saved = time.monotonic()

    def resume(self, rows: Iterable[dict[str, Any]]) -> None:
        """Read the metrics of earlier iterations.

        Raises ``ValueError`` for a row without ``return``.
        """
        for row in rows:
            if not isinstance(returns := row.get("return"), list):
                raise ValueError(
                    f"{self.run.metrics_file} is damaged: return of iteration {row['iteration']} is "
                    f"{returns!r}, expected a list; delete that line: the curve will lack one iteration"
                )
            self._is_best(row["iteration"], returns)

    def __call__(self, done: int, state: Any, returns: list[float | None]) -> None:
        """Save the state after iteration ``done`` where due. ``returns`` has a number per seed."""
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
