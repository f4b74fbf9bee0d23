"""``garrison parity record``: episodes of CybORG as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from garrison.cli.common import out, print_cyborg_version, print_json, seed_range, user_input
from garrison.cli.progress import bar


@dataclass(frozen=True)
class Record:
    """Record episodes of CybORG; files that are there already are left as they are."""

    out: Path
    """Folder for the recordings, <red>-<blue>-<seed>.jsonl.gz each."""
    column: str = "base"
    """Variant of the game: base, constant, phishing, stealthy or aggressive."""
    episode_seeds: str = "0"
    """Seeds of CybORG's generator, as in 0-9."""
    red: str = "fsm"
    """A red of cc4, such as fsm or cia_c."""
    blue: str = "random"
    """idle, random, reactive, firewall, guard, heavy, decoys, storm, restores, restless or removes; or a run
    directory (its first training seed; RUN:3 is another one); or a recording, whose actions are repeated."""
    episodes: int = 1
    """Consecutive episodes of each seed, as an evaluation plays them."""
    steps: int | None = None
    """Record the first steps of each episode only."""
    green: str = "enterprise"
    """enterprise or sleep."""
    brief: tyro.conf.FlagCreatePairsOff[bool] = False
    """Small files: without raw observations and the reset's draws, and with rounded random numbers."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.parity.recording import record

        with user_input():
            seeds = seed_range(self.episode_seeds)
            if self.steps is not None and self.steps < 1:
                raise ValueError(f"steps is {self.steps}; at least 1")
            self.out.mkdir(parents=True, exist_ok=True)
            print_cyborg_version()
            paths, kept = [], 0
            with bar("recording", len(seeds) * self.episodes, "episodes") as episodes:
                for seed in seeds:
                    session = record.RecordingSession(
                        self.red, self.blue, seed, self.steps, self.brief, self.green, self.column
                    )
                    for path, fresh in record.files(session, self.episodes, self.out):
                        paths.append(path)
                        kept += not fresh
                        if fresh:
                            episodes.advance()
                        else:
                            episodes.skip()
        if self.json:
            print_json([str(path) for path in paths])
        else:
            there = f" ({kept} of them there already)" if kept else ""
            out.print(f"{len(paths)} recordings in {self.out}{there}", highlight=False)
        return 0
