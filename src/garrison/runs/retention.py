"""Which train states of a run are saved, and when."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from garrison.core.struct import nbytes
from garrison.runs import checkpoint
from garrison.runs.directory import RunDirectory

SECONDS = 60.0  # between saves of the latest state
_WINDOW = 10  # iterations whose mean return decides which state is the best
_CANDIDATES = 100  # times in a run that the present state may become the best


class CheckpointRetention:
    """Saves the latest state about once a minute, the best one, and one to keep every ``keep_every``.

    Candidates for the best come at fixed iterations and are compared by their metrics, so that a resumed run
    keeps the same one. ``left_out`` names the fields of a state that only resuming needs: the latest state is
    saved whole, others without them, which their ``left_out`` says.
    """

    def __init__(
        self,
        run: RunDirectory,
        about: Callable[[int], dict[str, Any]],
        iterations: int,
        keep_every: int | None,
        left_out: tuple[str, ...] = (),
    ):
        self.run, self.about, self.keep_every, self.left_out = run, about, keep_every, left_out
        self.iterations = iterations
        self.candidate_every = max(1, iterations // _CANDIDATES)
        self.window = min(_WINDOW, iterations)
        self.returns: list[float] = []
        self.best = -np.inf
        self.saved = time.monotonic()

    def check_space(self, state: Any) -> None:
        """Raise ``OSError`` if the disk lacks room for the checkpoints of a training with such states.

        Those are the latest twice, as a new one is complete before the old one is deleted, the best, and
        those to keep.
        """
        kept = 0 if self.keep_every is None else self.iterations // self.keep_every
        needed = 2 * nbytes(state) + (1 + kept) * nbytes(self._reduced(state))
        free = shutil.disk_usage(self.run.path).free + self.run.checkpoint_bytes()
        if free < needed:
            raise OSError(
                f"the checkpoints of this training need {needed / 1e6:,.0f} MB, and the disk of "
                f"{self.run.path} has {free / 1e6:,.0f} MB free: make room, use another directory, fewer "
                "seeds or a smaller replay, or keep fewer checkpoints"
            )

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
            self._save_reduced("best", done, state, {"return": self.best})
        if self.keep_every is not None and done % self.keep_every == 0:
            self._save_reduced(f"step-{done:08d}", done, state, {})
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

    def _reduced(self, state: Any) -> Any:
        return state.replace(**dict.fromkeys(self.left_out)) if self.left_out else state

    def _save_reduced(self, which: str, done: int, state: Any, more: dict[str, Any]) -> None:
        left_out = {"left_out": list(self.left_out)} if self.left_out else {}
        self._save(which, done, self._reduced(state), more | left_out)

    def _save(self, which: str, done: int, state: Any, more: dict[str, Any]) -> None:
        checkpoint.save(self.run.checkpoint(which), state, done, self.about(done) | more)
