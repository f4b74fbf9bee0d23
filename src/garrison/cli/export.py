"""``garrison export``: a trained policy for use outside Garrison."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import tyro

from garrison import __version__
from garrison.cli.common import out, user_input
from garrison.cli.evaluate import Which
from garrison.runs import directory
from garrison.training.seeds import load_policies


@dataclass(frozen=True)
class Export:
    """Write a policy of a run as a submission to CAGE Challenge 4, for its own evaluation script."""

    path: tyro.conf.Positional[Path]
    """Run directory."""
    submission: Path
    """Folder to write: submission.py, the weights, and all it needs apart from CybORG and NumPy."""
    seed: int = 0
    """Which seed of the run, counted from 0."""
    which: Which = "latest"
    """Which checkpoint."""
    greedy: tyro.conf.FlagCreatePairsOff[bool] = False
    """Take the most probable actions instead of sampling."""
    name: str = "Garrison"
    """The submission's author, as the evaluation shows it."""

    def run(self) -> int:
        from garrison.adapters.cyborg.export import export
        from garrison.adapters.cyborg.world import on_cyborg

        with user_input():
            run = directory.load(self.path)
            training, world, policies = load_policies(run, self.which, self.greedy)
            if not 0 <= self.seed < len(policies):
                raise ValueError(f"seed is {self.seed}; {self.path} has the seeds 0 .. {len(policies) - 1}")
            about = {
                "name": self.name,
                "team": f"{self.path.resolve().name}, seed {self.seed}",
                "technique": training.algorithm.upper(),
                "garrison": __version__,
                "checkpoint": self.which,
                "training": training.to_json(),
            }
            export(self.submission, policies[self.seed], on_cyborg(world), about)
        out.print(
            f"{self.submission}: python CybORG/Evaluation/evaluation.py {shlex.quote(str(self.submission))} RESULTS",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )
        return 0
