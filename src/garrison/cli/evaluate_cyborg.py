"""``garrison eval --on cyborg``: players judged on CybORG itself."""

from __future__ import annotations

import sys
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg.pool import WorkerError
from garrison.adapters.cyborg.submissions import Submission, is_submission
from garrison.adapters.cyborg.world import CybORGWorld, on_cyborg
from garrison.cli.common import waiting
from garrison.cli.evaluate import labels
from garrison.cli.parity.record import bar, say_which
from garrison.core.world import World
from garrison.judge.evaluate import Episodes
from garrison.parity.scores.evaluate_on_cyborg import evaluate

__all__ = ["beside", "is_submission", "played", "submissions"]


def beside(world: World) -> tuple[CybORGWorld, dict[str, Any]]:
    """The world of CybORG that is played as ``world`` is, and which CybORG that is (:func:`engine.about`).

    Says which one it is. Raises ``ValueError`` when there is no such world, or no CybORG.
    """
    other = on_cyborg(world)
    say_which()
    return other, engine.about()


def submissions(
    folders: Sequence[str], python: str | None, taken: Container[str] = ()
) -> tuple[dict[str, Submission], dict[str, dict[str, str]]]:
    """Submissions by what they are called in tables, and what they say of themselves.

    Args:
        folders: of the submissions.
        python: the interpreter that runs them; None for the one that runs this.
        taken: names that others have.

    Raises:
        SubmissionError: when one cannot be played.
    """
    found, described = {}, {}
    python = python or sys.executable
    for folder, name in labels(folders, taken).items():
        submission = Submission(str(Path(folder).resolve()), python)
        with waiting(f"starting the submission {folder}"):
            described[name] = {"folder": folder, "python": python} | submission.about()
        found[name] = submission
    return found, described


def played(
    world: CybORGWorld, players: Mapping[str, Any], episodes: int, seed: int, workers: int
) -> dict[str, Episodes]:
    """:func:`garrison.parity.scores.evaluate_on_cyborg.evaluate` with a progress bar.

    Raises ``SystemExit`` with a message if a process fails.
    """
    total = episodes * sum(len(one) if isinstance(one, list) else 1 for one in players.values())
    with bar(total, "playing") as advance:
        try:
            return evaluate(world, players, episodes, seed, workers, lambda done: advance())
        except WorkerError as error:
            raise SystemExit(f"garrison: on CybORG, {error}") from error
