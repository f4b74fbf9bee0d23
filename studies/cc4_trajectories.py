"""Checksums of many episodes of CC4: ``python studies/cc4_trajectories.py``.

They show that a faster engine does the same as the one before. ``--out results/cc4_trajectories`` writes the
study's folder. If it is there, new checksums are compared with it first, and a difference is an error: to
change trajectories, change ``CC4.version`` and delete the folder.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from garrison.parity.stress import checksums
from garrison.studies.study import FIGURES, Section, Study, origin, parser, read_figures, save
from garrison.worlds.cc4 import CC4


def measure(episodes: int) -> dict[str, Any]:
    rows = []
    for red, blue, found in checksums.play(episodes):
        print(f"{red}, {blue}: {found[0]} …", file=sys.stderr)
        rows.append({"red": red, "blue": blue, "checksums": found})
    return {"world_version": CC4.version, "episodes": episodes, "rows": rows}


def differences(figures: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """The episodes, among those that both have, whose checksums differ."""
    return [
        f"{new['red']}, {new['blue']}: episodes {64 * n} to {64 * n + 63}"
        for new, old in zip(figures["rows"], before["rows"], strict=True)
        for n, (a, b) in enumerate(zip(new["checksums"], old["checksums"], strict=False))
        if a != b
    ]


def study(figures: Mapping[str, Any]) -> Study:
    rows = [(row["red"], row["blue"], f"`{row['checksums'][0]}`") for row in figures["rows"]]
    return Study(
        title="CC4: trajectories of this version",
        figures=figures,
        finding=(
            f"Checksums of {figures['episodes']} episodes for each of {len(rows)} pairs of red and blue, "
            f"world version {figures['world_version']}."
        ),
        method=(
            "One checksum per 64 episodes of 499 steps, over the state, events, observations and rewards "
            "after every step. The table has the first of each pair; figures.json has all. An engine that is "
            "made faster must keep them as long as `world.version` is the same."
        ),
        sections=[Section("", ("red", "blue", "episodes 0 to 63"), rows)],
    )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--episodes", type=int, default=768)
    asked = arguments.parse_args()
    command = f"python studies/cc4_trajectories.py --episodes {asked.episodes}"
    figures = origin(f"{command} --out {asked.out}" if asked.out else command) | measure(asked.episodes)
    kept = asked.out or Path("results/cc4_trajectories")
    if (kept / FIGURES).is_file():
        if found := differences(figures, read_figures(kept)):
            sys.exit("trajectories differ:\n" + "\n".join(found))
        print(f"as in {kept}")
    if asked.out:
        save(asked.out, study(figures))


if __name__ == "__main__":
    main()
