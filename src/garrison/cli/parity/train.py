"""``garrison parity train``: the same training by an independent implementation, on either engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from garrison.cli.common import user_input
from garrison.cli.flags import PresetFlags
from garrison.cli.train import report, trained
from garrison.runs.directory import default_path
from garrison.training.train import create


@dataclass(frozen=True)
class ParityTrain:
    """Train policies by a preset with IPPO in PyTorch, which shares no code with Garrison's.

    The run directory is like that of `garrison train`: resume, runs, eval and report take it.
    """

    preset: PresetFlags
    engine: Literal["garrison", "cyborg"] = "garrison"
    """Environments: Garrison's, stepped in this process, or CybORG's, in processes of their own."""
    workers: int = 2
    """Processes that step CybORG's environments."""
    out: Path | None = None
    """Run directory; by default a new one under runs/."""

    def run(self) -> int:
        training = replace(
            self.preset.training(),
            parallel_seeds=1,  # torch trains seeds one after the other
            learner="torch-ippo",
            learner_options={"engine": self.engine, "workers": self.workers},
        )
        with user_input():
            run = create(training, self.out or default_path(f"{training.world}-torch-{self.engine}"))
        return report(run, trained(run))
