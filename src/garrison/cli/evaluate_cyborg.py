"""``garrison eval --on cyborg``: policies evaluated on CybORG itself."""

from __future__ import annotations

import sys
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg import world as cyborg_world
from garrison.adapters.cyborg.submissions import Submission, is_submission
from garrison.adapters.cyborg.world import CybORGWorld
from garrison.cli.common import print_cyborg_version, waiting
from garrison.cli.progress import bar
from garrison.core.processes import WorkerError
from garrison.core.world import World
from garrison.judge.evaluation import Figures
from garrison.judge.specs import labels
from garrison.judge.summary import summary
from garrison.parity.scores.evaluate_on_cyborg import evaluate

__all__ = ["evaluated", "is_submission", "on_cyborg", "submissions"]


def on_cyborg(world: World) -> CybORGWorld:
    """The world of CybORG with the settings of ``world``; prints which CybORG it is.

    Raises ``ValueError`` for settings that CybORG does not have, and when it is not installed.
    """
    other = cyborg_world.on_cyborg(world)
    print_cyborg_version()
    return other


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


def evaluated(
    world: CybORGWorld,
    policies: Mapping[str, Any],
    episodes: int,
    seed: int,
    workers: int,
    options: Sequence[str],
    resilience: bool = False,
) -> Figures:
    """Figures of policies on CybORG, and its version (:func:`engine.about`), with a progress bar.

    Raises ``SystemExit`` with a message if a process fails.
    """
    total = episodes * sum(len(one) if isinstance(one, list) else 1 for one in policies.values())
    with bar("playing", total, "episodes") as played:
        try:
            results = evaluate(
                world, policies, episodes, seed, workers, lambda done: played.advance(), resilience
            )
        except WorkerError as error:
            raise SystemExit(f"garrison: on CybORG, {error}") from error
    trained = [name for name, one in policies.items() if isinstance(one, list)]
    figures = summary(world, results, seed, trained[0] if trained else None, options)
    return Figures(figures | {"cyborg": engine.about()})
