"""Published submissions to CAGE Challenge 4 beside Garrison's guard, on CybORG.

    python studies/cyborg_submissions.py ROWS keep=../keep,../venv/bin/python hmarl=../hmarl

Each submission is ``NAME=FOLDER`` or ``NAME=FOLDER,PYTHON``. Finished episodes are lines of the file
``ROWS``; the command goes on where it was stopped. ``--out results/cyborg_submissions`` writes the study's
folder, and goes on from the episodes there where ``ROWS`` does not exist.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import garrison
from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg.episodes import play_episode
from garrison.adapters.cyborg.submissions import Submission
from garrison.adapters.cyborg.world import CybORGWorld
from garrison.cli.progress import bar
from garrison.core import processes
from garrison.core.world import observed_by
from garrison.judge import stats
from garrison.judge.format import mean, number
from garrison.parity.scores.episodes_file import append
from garrison.studies.study import FIGURES, Section, Study, origin, parser, read_figures, show

PARTS = ("LWF", "ASF", "RIA", "action_cost")
#: of :func:`cells`
COLUMNS = ("episodes", "return", "sd", *PARTS)


def submission(word: str) -> tuple[str, Submission] | None:
    """Name and submission of ``NAME=FOLDER`` or ``NAME=FOLDER,PYTHON``; None for any other word."""
    name, named, where = word.partition("=")
    if not named:
        return None
    folder, _, python = where.partition(",")
    return name, Submission(str(Path(folder).resolve()), python or sys.executable)


def read(rows: Path) -> list[dict[str, Any]]:
    """Finished episodes; the last line may be cut off."""
    whole, _, _ = rows.read_text(encoding="utf-8").rpartition("\n") if rows.exists() else ("", "", "")
    return [json.loads(line) for line in whole.splitlines()]


def play(
    world: CybORGWorld, policies: Mapping[str, Any], rows: Path, episodes: int, seed: int, workers: int
) -> None:
    """Play what the file ``rows`` lacks, all policies of a seed before the next seed.

    A line has the fields policy, seed, return, score, and the sum of each of PARTS.
    """
    had = {(row["policy"], row["seed"]) for row in read(rows)}
    wanted = [(name, at) for at in range(seed, seed + episodes) for name in policies]
    missing = [key for key in wanted if key not in had]
    tasks = [(observed_by(world, [policies[name]]), policies[name], at) for name, at in missing]
    with bar("playing on CybORG", len(missing), "episodes") as done:
        for index, played in processes.finished(play_episode, tasks, workers):
            name, at = missing[index]
            parts = {part: float(played["parts"][part].sum()) for part in PARTS}
            row = {"policy": name, "seed": at, "return": played["returns"], "score": played["scores"]}
            append(rows, [row | parts])
            done.advance()


def figures(returns: Any, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Estimate of the ``return`` and means of ``parts``, from one value per episode each."""
    return {
        "return": asdict(stats.estimate(np.asarray(returns, float))),
        "parts": {part: float(np.mean(parts[part])) for part in PARTS},
    }


def of_rows(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """:func:`figures` of a policy's lines."""
    own = [row for row in rows if row["policy"] == name]
    return figures([row["return"] for row in own], {part: [row[part] for row in own] for part in PARTS})


def cells(found: Mapping[str, Any]) -> tuple[str, ...]:
    """COLUMNS of :func:`figures`."""
    total = found["return"]
    parts = (number(found["parts"][part]) for part in PARTS)
    return str(total["n"]), mean(total), number(total["sd"]), *parts


def measure(rows: list[dict[str, Any]], abouts: Mapping[str, Any]) -> dict[str, Any]:
    def score(name: str) -> float:
        return float(np.mean([row["score"] for row in rows if row["policy"] == name]))

    return {
        "cyborg": engine.described(engine.about()),
        "policies": {
            name: {"about": about, "score": score(name)} | of_rows(rows, name)
            for name, about in abouts.items()
        },
        "rows": rows,
    }


def study(figures: Mapping[str, Any], asked_for: int) -> Study:
    policies = figures["policies"]
    fewest = min(one["return"]["n"] for one in policies.values())
    short = f" {asked_for} episodes each were asked for; the command goes on." if fewest < asked_for else ""
    return Study(
        title="CybORG: published submissions and the guard",
        figures=figures,
        finding=(
            "Mean return on CybORG: "
            + "; ".join(
                f"{name} {mean(one['return'])} (n = {one['return']['n']})" for name, one in policies.items()
            )
            + f".{short}"
        ),
        method=(
            f"{figures['cyborg']}. Episodes of 500 turns against the challenge's red by its evaluation "
            "protocol, as `garrison eval FOLDER --on cyborg` plays them; the same seeds for all, which start "
            "on the same network. 95% bootstrap intervals over episodes; the score leaves out the last "
            "reward, as the challenge does."
        ),
        sections=[
            Section(
                "",
                ("policy", *COLUMNS, "score"),
                [(name, *cells(one), number(one["score"])) for name, one in policies.items()],
            )
        ],
    )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("rows", type=Path, help="file of finished episodes")
    arguments.add_argument("submissions", nargs="+", help="NAME=FOLDER or NAME=FOLDER,PYTHON")
    arguments.add_argument("--episodes", type=int, default=100)
    arguments.add_argument("--seed", type=int, default=1_000_000)
    arguments.add_argument("--workers", type=int, default=1)
    arguments.add_argument("--page-only", action="store_true", help="play nothing; make the page of ROWS")
    asked = arguments.parse_args()
    found = [submission(word) for word in asked.submissions]
    if None in found:
        raise SystemExit("name each submission as NAME=FOLDER or NAME=FOLDER,PYTHON")
    submissions = dict(one for one in found if one is not None)
    abouts = {"guard": {}} | {name: one.about() for name, one in submissions.items()}
    guard = garrison.policies("cc4")["guard"]
    if asked.out is not None and (asked.out / FIGURES).exists() and not asked.rows.exists():
        append(asked.rows, read_figures(asked.out)["rows"])  # go on from what is published
    if not asked.page_only:
        policies = {"guard": guard} | submissions
        play(CybORGWorld(), policies, asked.rows, asked.episodes, asked.seed, asked.workers)
    names = " ".join(f"{name}=FOLDER,PYTHON" for name in submissions)
    command = (
        f"python studies/cyborg_submissions.py ROWS {names} --episodes {asked.episodes} --seed {asked.seed}"
    )
    rows = [row for row in read(asked.rows) if row["policy"] in abouts]
    result = study(origin(command) | measure(rows, abouts), asked.episodes)
    show(result, asked.out)


if __name__ == "__main__":
    main()
