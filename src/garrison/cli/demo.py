"""``garrison demo``: train, evaluate and report in one command."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from garrison.cli.common import log, user_input
from garrison.cli.demo_soc import show as show_soc
from garrison.cli.evaluate import EPISODES, SEED
from garrison.cli.flags import TrainingFlags, flags_of
from garrison.cli.report import show, write_report
from garrison.cli.train import report, trained
from garrison.judge.evaluate import check_seeds
from garrison.presets import PRESETS
from garrison.training.train import create


@dataclass(frozen=True)
class Demo:
    """Train a policy, evaluate it with the world's scripted policies, and write a report.

    `garrison demo soc` trains nothing: it shows an attack on a security operations center, what its logs say,
    and how it is defended, and writes a page to look at.
    """

    what: tyro.conf.Positional[Literal["training", "soc"]] = "training"
    """A training, or an attack on the world soc; the settings below, except --out, are of a training."""
    training: TrainingFlags = flags_of(PRESETS["quick"])
    episodes: int = EPISODES
    """Episodes per policy."""
    out: Path | None = None
    """Run directory, by default a new one under runs/; for soc the folder of the page, by default a
    temporary one."""

    def run(self) -> int:
        if self.what == "soc":
            return show_soc(self.out or Path(tempfile.mkdtemp(prefix="garrison-")))
        began = time.monotonic()
        with user_input():
            check_seeds(self.episodes, SEED)
            run = create(self.training.training(), self.out)
        if not trained(run):
            return report(run, finished=False)
        with user_input():
            policies = run.policies()
        figures = write_report(run, run.training, run.world(), policies, self.episodes, SEED)
        show(run, figures)
        seconds = time.monotonic() - began
        log.print(f"Done in {seconds:.0f} s. The run is in {run.path}", soft_wrap=True, markup=False)
        return 0
