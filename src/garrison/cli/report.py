"""``garrison report``: what a run came to, as one page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from garrison.cli.common import log, out, print_json, user_input
from garrison.cli.evaluate import EPISODES, SEED, Which, played
from garrison.core.policy import Policy
from garrison.core.world import World
from garrison.judge import story, tables
from garrison.judge.evaluate import check_seeds
from garrison.judge.html_report import plots
from garrison.judge.html_report.page import Subject, page
from garrison.judge.summary import summary
from garrison.runs import directory
from garrison.runs.directory import RunDirectory
from garrison.training.config import Training, option_texts
from garrison.training.seeds import load_policies

TRAINED = "ippo"


@dataclass(frozen=True)
class Report:
    """Judge a run's teams beside the world's own players, and write report/report.html into the run."""

    path: tyro.conf.Positional[Path]
    """Run directory."""
    episodes: int = EPISODES
    """Episodes of each player."""
    seed: int = SEED
    """Seed of the first episode; the others have the next ones."""
    which: Which = "latest"
    """Which checkpoint plays."""
    greedy: tyro.conf.FlagCreatePairsOff[bool] = False
    """Let the teams take their most probable actions instead of sampling."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print the figures as JSON as well."""

    def run(self) -> int:
        with user_input():
            check_seeds(self.episodes, self.seed)
            run = directory.load(self.path)
            training, world, teams = load_policies(run, self.which, self.greedy)
        figures = write_report(run, training, world, teams, self.episodes, self.seed)
        if self.json:
            print_json(figures)
        else:
            show(run, figures)
        return 0


def show(run: RunDirectory, figures: dict[str, Any]) -> None:
    """Print the figures, and where the files are."""
    out.print(tables.table(figures))
    for file in sorted(run.report.iterdir()):
        log.print(f"  {file}", soft_wrap=True)


def write_report(
    run: RunDirectory, training: Training, world: World, teams: list[Policy], episodes: int, seed: int
) -> dict[str, Any]:
    """Judge the teams of a run and write what there is to read; returns the figures.

    Writes report.html, evaluation.json, learning_curve.png, and, where the world narrates, episode.md.
    """
    players = world.policies() | {TRAINED: teams}
    results, recording = played(world, players, episodes, seed, record=TRAINED)
    figures = summary(world, results, seed, TRAINED, option_texts(training.options))
    told = story.tell(world, TRAINED, recording)
    name, metrics = run.path.resolve().name, run.metrics()
    subject = Subject(name, TRAINED, figures, metrics, run.config(), run.system(), told)
    run.write_report("report.html", page(subject))
    run.write_report("evaluation.json", json.dumps(figures, indent=2) + "\n")
    levels = {name: player["return"]["mean"] for name, player in subject.others.items()}
    run.write_report(
        "learning_curve.png", plots.learning_curve(metrics, levels, f"{TRAINED} on {world.name}")
    )
    if told is not None:
        run.write_report("episode.md", story.markdown(told))
    return figures
