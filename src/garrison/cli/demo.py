"""``garrison demo``: the main job, from nothing to a judged team."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from garrison.algos import ippo
from garrison.cli.common import INTERRUPTED, log, out, user_input
from garrison.cli.evaluate import EPISODES, SEED, TRAINED, judged
from garrison.cli.train import start, train
from garrison.core.world import World
from garrison.judge import report
from garrison.judge.evaluate import Recording, known_players
from garrison.learn.run import Run
from garrison.presets import PRESETS, Training, make_world


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
            if self.episodes < 1:
                raise ValueError(f"episodes is {self.episodes}; it must be at least 1")
            world = make_world(self.training.world, self.training.options)
            run, state = start(self.training, world, self.out)
        state, finished = train(self.training, world, run, state)
        if not finished:
            log.print(f"The run is in {run.path}; judge it with: garrison eval {run.path}", soft_wrap=True)
            return INTERRUPTED
        players = known_players(world) | {TRAINED: ippo.player(state)}
        figures, recording = judged(world, players, self.episodes, SEED, record=TRAINED)
        write_report(world, run, figures, recording)
        out.print(report.table(figures))
        log.print(f"Done in {time.monotonic() - began:.0f} s. The run is in {run.path}:", soft_wrap=True)
        for file in sorted(run.report.iterdir()):
            log.print(f"  {file}", soft_wrap=True)
        return 0


def write_report(world: World, run: Run, figures: dict[str, Any], recording: Recording) -> None:
    """Figures as JSON, the learning curve, and one episode in words."""
    run.write_report("evaluation.json", json.dumps(figures, indent=2) + "\n")
    levels = {
        name: player["return"]["mean"] for name, player in figures["players"].items() if name != TRAINED
    }
    curve = report.learning_curve(run.metrics(), levels, f"{TRAINED} on {world.name}")
    run.write_report("learning_curve.png", curve)
    told = report.account(world, TRAINED, recording)
    if told is not None:
        run.write_report("episode.md", told)
