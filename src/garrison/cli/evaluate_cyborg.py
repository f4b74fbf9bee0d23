"""``garrison eval --on cyborg``: policies evaluated on CybORG itself."""

from __future__ import annotations

import sys
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import cast

from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg import world as cyborg_world
from garrison.adapters.cyborg.submissions import Submission, is_submission
from garrison.adapters.cyborg.world import CybORGWorld
from garrison.cli.common import print_cyborg_version, waiting
from garrison.cli.progress import bar
from garrison.core.processes import WorkerError
from garrison.core.world import World
from garrison.judge.evaluation import Figures
from garrison.judge.match import Match
from garrison.judge.specs import labels
from garrison.parity.scores.evaluate_on_cyborg import evaluate

__all__ = ["evaluated", "is_submission", "on_cyborg", "submissions"]


def on_cyborg(worlds: Mapping[str | None, World]) -> dict[str | None, CybORGWorld]:
    """The worlds of CybORG with the settings of ``worlds``; prints which CybORG it is.

    Raises ``ValueError`` for settings and opponents that CybORG does not have, and when it is not installed.
    """
    others = {name: cyborg_world.on_cyborg(world) for name, world in worlds.items()}
    print_cyborg_version()
    return others


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


def evaluated(match: Match, episodes: int, seed: int, workers: int, resilience: bool = False) -> Figures:
    """Figures of a match on CybORG, and its version (:func:`engine.about`), with a progress bar.

    Args:
        match: its worlds are of :class:`CybORGWorld`.

    Raises:
        SystemExit: with a message, if a process fails.
    """
    lineups = [len(one) if isinstance(one, list) else 1 for one in match.policies.values()]
    whole = episodes * sum(lineups) * len(match.worlds)
    with bar("playing", whole, "episodes") as played:
        try:
            results = {
                name: evaluate(
                    cast(CybORGWorld, world),
                    match.policies,
                    episodes,
                    seed,
                    workers,
                    lambda done: played.advance(),
                    resilience,
                )
                for name, world in match.worlds.items()
            }
        except WorkerError as error:
            raise SystemExit(f"garrison: on CybORG, {error}") from error
    return Figures(match.figures(results, seed) | {"cyborg": engine.about()})
