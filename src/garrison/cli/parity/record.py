"""``garrison parity record``: episodes of CybORG as files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from garrison.cli.common import log, out, print_json, user_input


@dataclass(frozen=True)
class Record:
    """Record episodes of CybORG; files that are there already are left as they are."""

    out: Path
    """Folder for the recordings, <red>-<blue>-<seed>.jsonl.gz each."""
    seeds: str = "0"
    """Seeds of CybORG's generator, as in 0-9."""
    red: str = "fsm"
    """fsm, discovery, random_select or sleep."""
    blue: str = "random"
    """idle, random, reactive, firewall, guard, heavy, decoys, storm, restores, restless or removes; or a run
    directory, whose first team plays, or as RUN:3 another one; or a recording, whose actions are repeated."""
    episodes: int = 1
    """Consecutive episodes of each seed, as an evaluation plays them."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.parity.recording import record

        with user_input():
            seeds = seeds_of(self.seeds)
            sessions = [lambda seed=seed: record.Session(self.red, self.blue, seed) for seed in seeds]
            self.out.mkdir(parents=True, exist_ok=True)
            say_which()
            paths, kept = [], 0
            with bar(len(seeds) * self.episodes, "recording") as advance:
                for begin in sessions:
                    for path, fresh in record.files(begin(), self.episodes, self.out):
                        paths.append(path)
                        kept += not fresh
                        advance(fresh)
        if self.json:
            print_json([str(path) for path in paths])
        else:
            there = f" ({kept} of them there already)" if kept else ""
            out.print(f"{len(paths)} recordings in {self.out}{there}", highlight=False)
        return 0


def seeds_of(text: str) -> range:
    """``7`` or ``0-9`` as numbers. Raises ``ValueError`` for anything else."""
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    seeds = range(int(found[1]), int(found[2] or found[1]) + 1) if found else range(0)
    if not seeds:
        raise ValueError(f"seeds is {text!r}; write it as FIRST-LAST, as in 0-99")
    return seeds


def say_which() -> None:
    """Say which CybORG runs, on standard error."""
    from garrison.adapters.cyborg import engine

    log.print(engine.described(engine.about()), highlight=False, soft_wrap=True)


@contextmanager
def bar(total: int, what: str) -> Iterator:
    """A progress bar of episodes; within the block, ``advance(played)`` counts one.

    What was not played but found is no measure of the time that the others take.
    """
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("episodes"),
        TimeElapsedColumn(), TextColumn("ETA"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=log, speed_estimate_period=3600) as progress:
        task = progress.add_task(what, total=total)

        def advance(played: bool = True) -> None:
            if played:
                progress.advance(task)
            else:
                progress.update(task, total=progress.tasks[0].total - 1)

        yield advance
