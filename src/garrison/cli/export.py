"""``garrison export``: a trained policy for use outside Garrison."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import tyro

from garrison import __version__
from garrison.cli.common import out, user_input
from garrison.judge.specs import Which, load_run, run_of


@dataclass(frozen=True)
class Export:
    """Write a policy of a run as a submission to CAGE Challenge 4, for its own evaluation script."""

    path: tyro.conf.Positional[str]
    """Run directory; RUN:1 for another training seed than the first, counted from 0."""
    submission: Path
    """Folder to write: submission.py, the weights, and everything else it needs besides CybORG and NumPy."""
    which: Which = "latest"
    """Checkpoint of the run."""
    greedy: tyro.conf.FlagCreatePairsOff[bool] = False
    """Take the most probable actions instead of sampling."""
    name: str = "Garrison"
    """The submission's author, as the evaluation shows it."""

    def run(self) -> int:
        from garrison.adapters.cyborg.export import export
        from garrison.adapters.cyborg.world import on_cyborg

        with user_input():
            run = load_run(self.path, self.which, self.greedy)
            path, number = run_of(self.path) or (Path(self.path), None)
            about = {
                "name": self.name,
                "team": f"{path.resolve().name}, seed {number or 0}",
                "technique": run.training.algorithm.upper(),
                "garrison": __version__,
                "checkpoint": self.which,
                "training": run.training.to_json(),
            }
            export(self.submission, run.policies[0], on_cyborg(run.world), about)
        folder = shlex.quote(str(self.submission))
        out.print(f"{folder}: python CybORG/Evaluation/evaluation.py {folder} RESULTS", soft_wrap=True)
        return 0
