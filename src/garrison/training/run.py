"""A run: a run directory together with its training.

run = load("runs/base")
run.training, run.world(), run.metrics()
policies = run.policies("best", greedy=True)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from garrison.core.policy import Policy
from garrison.core.world import World
from garrison.runs import directory
from garrison.runs.directory import RunDirectory
from garrison.training import html, seeds
from garrison.training.config import Training, read


@dataclass(frozen=True, eq=False)
class Run(RunDirectory):
    """A run directory and the training that it is of."""

    training: Training

    def world(self) -> World:
        """The world of the training without its banks, which judges play."""
        return self.training.usual_world()

    def policies(self, which: str = "latest", greedy: bool = False) -> list[Policy]:
        """The policy of each seed.

        Args:
            which: a checkpoint: "latest", "best", or one that was kept, such as "step-00000100".
            greedy: take the most probable actions instead of sampling.

        Raises:
            FileNotFoundError: if the checkpoint does not exist.
            ValueError: if it is damaged, or of another version of the world.
        """
        return seeds.policies(self, self.training, self.training.make_world(), which, greedy)

    @property
    def iterations(self) -> int:
        """Number of iterations of the training."""
        return self.training.algo.num_iterations(self.training.settings, self.world())

    @property
    def iterations_done(self) -> int:
        """Completed iterations of the latest checkpoint; 0 if there is none."""
        return seeds.iterations_done(self)

    @property
    def finished(self) -> bool:
        """Whether all iterations are done."""
        return self.iterations_done >= self.iterations

    def facts(self) -> dict[str, Any]:
        """What the run is of and how far it is, for tables."""
        training = self.training
        return {
            "path": str(self.path),
            "world": training.world,
            "options": training.options,
            "vary": ", ".join(training.vary) or "none",
            "algorithm": training.algorithm,
            "seeds": f"{training.seed} to {training.seed + training.num_seeds - 1}"
            if training.num_seeds > 1
            else str(training.seed),
            "iterations": f"{self.iterations_done:,} of {self.iterations:,}",
            "checkpoints": ", ".join(self.checkpoints()),
        }

    def _repr_html_(self) -> str:
        return html.page(self.facts(), self.metrics())


def load(path: str | Path) -> Run:
    """Open a run directory, or one that comes with Garrison, by its name, such as ``best``.

    Raises ``FileNotFoundError`` if ``path`` is not one, and ``ValueError`` if its configuration is damaged.
    """
    found = directory.load(directory.find(str(path)) or Path(path))
    return Run(found.path, read(found))
