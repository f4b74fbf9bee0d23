"""``garrison report``: the report of a run, as one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from garrison.cli.common import log, out, print_json, user_input, waiting
from garrison.core.policy import Policy
from garrison.core.world import World
from garrison.judge import run_report, tables
from garrison.judge.evaluate import check_assets, check_seeds
from garrison.judge.match import EPISODES, SEED
from garrison.judge.specs import Which, load_run
from garrison.judge.suite_tables import suite_table
from garrison.runs import directory
from garrison.runs.directory import RunDirectory
from garrison.training.config import Training


@dataclass(frozen=True)
class Report:
    """Evaluate a run with the world's scripted policies and write report/report.html into the run."""

    path: tyro.conf.Positional[Path]
    """Run directory."""
    episodes: int = EPISODES
    """Episodes of each policy."""
    seed: int = SEED
    """Seed of the first episode; the others have the seeds that follow."""
    which: Which = "latest"
    """Checkpoint of the run."""
    greedy: tyro.conf.FlagCreatePairsOff[bool] = False
    """Take the most probable actions of trained policies instead of sampling."""
    resilience: tyro.conf.FlagCreatePairsOff[bool] = False
    """Measure resilience too: the health of three assets, and how long their outages last."""
    suite: str | None = None
    """Suite to play too, in a section of its own; `garrison suites` lists them."""
    suite_episodes: int | None = None
    """Episodes of each entry of the suite; by default all of them."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print the figures as JSON."""

    def run(self) -> int:
        from garrison.judge import suites  # imported late: other commands do not need the world

        with user_input():
            check_seeds(self.episodes, self.seed)
            run = directory.load(self.path)
            suite = None if self.suite is None else suites.get(self.suite)
            loaded = load_run(run, self.which, self.greedy)
            if self.resilience:
                check_assets(loaded.world)
        figures = write_report(
            *(run, loaded.training, loaded.world, loaded.policies, self.episodes, self.seed),
            resilience=self.resilience,
            suite=suite,
            suite_episodes=self.suite_episodes,
        )
        if self.json:
            print_json(figures)
        else:
            show(run, figures)
        return 0


def show(run: RunDirectory, figures: dict[str, Any]) -> None:
    """Print the figures and the paths of the files."""
    out.print(tables.table(figures))
    for suite in figures.get("suites", {}).values():
        out.print(suite_table(suite))
    for file in sorted(run.report.iterdir()):
        log.print(f"  {file}", soft_wrap=True)


def write_report(
    run: RunDirectory,
    training: Training,
    world: World,
    policies: Sequence[Policy],
    episodes: int,
    seed: int,
    **more: Any,
) -> dict[str, Any]:
    """:func:`garrison.judge.run_report.write_report` with a status line; exits with a message on errors."""
    text = f"playing {episodes} episodes of {world.name} with each policy"
    with user_input(), waiting(f"{text}; compiling (cached afterwards; up to a minute)") as set_text:
        return run_report.write_report(
            *(run, training, world, policies, episodes, seed),
            on_progress=lambda done, total: set_text(f"{text} ({done} of {total} done)"),
            **more,
        )
