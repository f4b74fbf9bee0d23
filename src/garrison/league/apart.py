"""Trainings of a round side by side, in processes of this machine or of a Ray cluster.

Both sides learn against mixtures that are known before either trains, and each learner has its own seed, so
a league is the same however many processes train it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from garrison.core.files import write
from garrison.runs import launch

if TYPE_CHECKING:
    from garrison.league.run import League


@dataclass(frozen=True)
class Apart:
    """Trains learners in processes, for :meth:`garrison.league.run.League.run`.

    Args:
        command: arguments of Python that train a learner of a league: directory, place of the side, number.
        start: starts a process. It sees the directory of the league.
        jobs: processes at the same time.
    """

    command: Callable[[Path, int, int], Sequence[str]]
    start: launch.Launch
    jobs: int

    def __call__(
        self, league: League, learners: Sequence[tuple[int, int]], on_done: Callable[[float], None]
    ) -> None:
        """Train the learners of the round.

        Raises ``ValueError`` with the last lines of its log for a training that failed, after the others have
        ended, and ``KeyboardInterrupt`` if it was interrupted. Both leave checkpoints.
        """
        if league.hosts is not None:
            raise ValueError("a league with hosts trains in its own process: leave out train_apart")
        folder = league.path / "training"
        folder.mkdir(exist_ok=True)

        def log(learner: tuple[int, int]) -> Path:
            return folder / f"{league.name_of(*learner)}.log"

        def start(learner: tuple[int, int]) -> launch.Job:
            log(learner).unlink(missing_ok=True)
            return self.start(self.command(league.path.resolve(), *learner), log(learner))

        def look(running: Sequence[tuple[int, int]]) -> None:
            on_done(sum(_fraction(league, learner) for learner in learners) / len(learners))

        failed: list[tuple[int, int]] = []
        if not launch.work(
            *(learners, self.jobs, start),
            lambda learner, status: failed.append(learner) if status else None,
            look,
        ):
            raise KeyboardInterrupt
        if failed:
            raise ValueError(
                f"the training of {league.name_of(*failed[0])} failed: {launch.last_lines(log(failed[0]))}"
            )


def learn(league: League, place: int, number: int) -> None:
    """Train one learner, as such a process does; how far it is stands in a file."""
    path = _progress(league, place, number)
    league.learn(place, number, lambda done: write(path, f"{done}"))


def _progress(league: League, place: int, number: int) -> Path:
    return league.found_path(place, number).with_suffix(".done")


def _fraction(league: League, learner: tuple[int, int]) -> float:
    if league.found_path(*learner).exists():
        return 1.0
    try:
        return float(_progress(league, *learner).read_text())
    except FileNotFoundError:  # not begun
        return 0.0
