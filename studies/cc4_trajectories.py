"""Checksums of many episodes of CC4: ``python studies/cc4_trajectories.py``.

They hold a faster engine to the one before. ``--out results/cc4_trajectories`` writes .json and
.md. Where the .json is there, it is compared with first, and a difference is an error: who means to change
trajectories changes ``CC4.version`` and deletes the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from garrison.parity.stress import checksums
from garrison.runs import study_files
from garrison.worlds.cc4 import CC4


def study(episodes: int) -> dict[str, Any]:
    rows = []
    for red, blue, found in checksums.play(episodes):
        print(f"{red}, {blue}: {found[0]} …", file=sys.stderr)
        rows.append({"red": red, "blue": blue, "checksums": found})
    return {"world_version": CC4.version, "episodes": episodes, "rows": rows}


def differences(figures: dict[str, Any], before: dict[str, Any]) -> list[str]:
    """Where two studies differ, as far as both go."""
    return [
        f"{new['red']}, {new['blue']}: episodes {64 * n} to {64 * n + 63}"
        for new, old in zip(figures["rows"], before["rows"], strict=True)
        for n, (a, b) in enumerate(zip(new["checksums"], old["checksums"], strict=False))
        if a != b
    ]


def markdown(figures: dict[str, Any]) -> Iterator[str]:
    yield "# CC4: trajectories of this version"
    yield ""
    yield study_files.told(figures)
    yield ""
    yield (
        f"{figures['episodes']} episodes of 499 steps for each pair of red and blue, one checksum per 64 of "
        "them, over all of the state, events, observations and rewards after every step. The first is shown, "
        "the others are in the .json file. They are those of `world.version` "
        f"{figures['world_version']}: an engine that is made faster must keep them."
    )
    yield ""
    rows = [(row["red"], row["blue"], f"`{row['checksums'][0]}`") for row in figures["rows"]]
    yield from study_files.table(("red", "blue", "episodes 0 to 63"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=768)
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    asked = parser.parse_args()
    command = f"python studies/cc4_trajectories.py --episodes {asked.episodes}"
    figures = study_files.origin(f"{command} --out {asked.out}" if asked.out else command) | study(
        asked.episodes
    )
    kept = asked.out.with_suffix(".json") if asked.out else Path("results/cc4_trajectories.json")
    if kept.is_file():
        before = json.loads(kept.read_text())
        if found := differences(figures, before):
            sys.exit("trajectories differ:\n" + "\n".join(found))
        print(f"as in {kept}")
    if asked.out:
        study_files.save(asked.out, figures, markdown(figures))


if __name__ == "__main__":
    main()
