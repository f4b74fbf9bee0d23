"""Runs that a study needs: trained where they are missing, resumed where they were stopped."""

from __future__ import annotations

from pathlib import Path

import garrison
from garrison.training.config import Training
from garrison.training.run import Run

#: What makes a training another one.
_PARTS = ("world", "options", "vary", "seed", "num_seeds", "algorithm", "settings", "learner", "start_from")


def trained(training: Training, path: Path) -> Run:
    """The finished run of ``training`` at ``path``.

    Raises ``SystemExit`` for a run of another training there, and if it was stopped before its end.
    """
    run = garrison.resume(path) if path.exists() else garrison.train(training, out=path)
    if any(getattr(run.training, part) != getattr(training, part) for part in _PARTS):
        raise SystemExit(f"{path} was trained with other settings; move it away")
    if not run.finished:
        raise SystemExit(f"{path} was stopped; repeat the command to go on")
    return run
