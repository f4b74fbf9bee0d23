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
    episode_seeds: str = "0"
    """Seeds of CybORG's generator, as in 0-9."""
    red: str = "fsm"
    """fsm, discovery, random_select or sleep."""
    blue: str = "random"
    """idle, random, reactive, firewall, guard, heavy, decoys, storm, restores, restless or removes; or a run
    directory (its first training seed; RUN:3 is another one); or a recording, whose actions are repeated."""
    episodes: int = 1
    """Consecutive episodes of each seed, as an evaluation plays them."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.parity.recording import record

        with user_input():
            seeds = seed_range(self.episode_seeds)
            self.out.mkdir(parents=True, exist_ok=True)
            print_cyborg_version()
            paths, kept = [], 0
            with bar("recording", len(seeds) * self.episodes, "episodes") as episodes:
                for seed in seeds:
                    session = record.RecordingSession(self.red, self.blue, seed)
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
