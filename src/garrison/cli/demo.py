"""``garrison demo``: the main job, from nothing to a judged team."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from garrison.cli.common import log, user_input
from garrison.cli.evaluate import EPISODES, SEED
from garrison.cli.report import show, write_report
from garrison.cli.train import report, start, train
from garrison.judge.evaluate import check_seeds
from garrison.presets import PRESETS, Training
from garrison.train.seeds import load_teams


@dataclass(frozen=True)
class Demo:
    """Train a team, judge it beside the world's own players, and show what it does."""

    training: Training = PRESETS["quick"]
    episodes: int = EPISODES
    """Episodes that each player is judged on."""
    out: Path | None = None
    """Run directory; by default a new one under runs/."""

    def run(self) -> int:
        began = time.monotonic()
        with user_input():
            check_seeds(self.episodes, SEED)
            training, world, run = start(self.training, self.out)
        _, finished = train(training, world, run)
        if not finished:
            return report(run, finished)
        training, world, teams = load_teams(run)
        figures = write_report(run, training, world, teams, self.episodes, SEED)
        show(run, figures)
        log.print(f"Done in {time.monotonic() - began:.0f} s. The run is in {run.path}", soft_wrap=True)
        return 0
