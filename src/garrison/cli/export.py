"""``garrison export``: a trained team for use outside Garrison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from garrison import __version__
from garrison.cli.common import out, user_input
from garrison.cli.evaluate import Which
from garrison.runs import run as runs
from garrison.train.seeds import load_teams


@dataclass(frozen=True)
class Export:
    """Write a team of a run as a submission to CAGE Challenge 4, for its own evaluation script."""

    path: tyro.conf.Positional[Path]
    """Run directory."""
    submission: Path
    """Folder to write: submission.py, the weights, and what else it needs beside CybORG and NumPy."""
    team: int = 0
    """Which of the run's teams, counted from 0."""
    which: Which = "latest"
    """Which checkpoint."""
    greedy: tyro.conf.FlagCreatePairsOff[bool] = False
    """Let the team take its most probable actions instead of sampling."""
    name: str = "Garrison"
    """The submission's author, as the evaluation shows it."""

    def run(self) -> int:
        from garrison.adapters.cyborg.export import export
        from garrison.adapters.cyborg.world import on_cyborg

        with user_input():
            training, world, teams = load_teams(runs.load(self.path), self.which, self.greedy)
            if not 0 <= self.team < len(teams):
                raise ValueError(f"team is {self.team}; {self.path} has the teams 0 .. {len(teams) - 1}")
            about = {
                "name": self.name,
                "team": f"{self.path.resolve().name}, team {self.team}",
                "technique": "IPPO",
                "garrison": __version__,
                "checkpoint": self.which,
                "training": training.to_json(),
            }
            export(self.submission, teams[self.team], on_cyborg(world), about)
        out.print(
            f"{self.submission}: python CybORG/Evaluation/evaluation.py {self.submission} RESULTS",
            soft_wrap=True,
        )
        return 0
