"""Defenders against an attacker that learned, on CybORG and on Garrison.

    python studies/cyborg_red.py ROWS RED guard best

RED is a run that was trained for red, or a policy of its list of actions, such as ``random``; the others are
policies of blue and runs with one training seed. Finished episodes on CybORG are lines of the file ``ROWS``;
the command goes on where it was stopped. ``--out results/cyborg_red`` writes the study's folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import garrison
from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg.episodes import play_episode
from garrison.adapters.cyborg.world import CybORGWorld, on_cyborg
from garrison.cli.progress import bar
from garrison.core import processes
from garrison.core.world import World, observed_by
from garrison.judge import specs, stats
from garrison.judge.evaluate import evaluate
from garrison.judge.format import mean, number
from garrison.judge.match import two_sided, worlds_against
from garrison.parity.scores.episodes_file import append
from garrison.studies.study import Section, Study, origin, parser, show

PARTS = ("LWF", "ASF", "RIA", "action_cost")
CYBORG, GARRISON = "on CybORG", "on Garrison"


def read(rows: Path) -> list[dict[str, Any]]:
    """Finished episodes; the last line may be cut off."""
    whole, _, _ = rows.read_text(encoding="utf-8").rpartition("\n") if rows.exists() else ("", "", "")
    return [json.loads(line) for line in whole.splitlines()]


def against(red: str) -> World:
    """Blue's world of Garrison in which ``red`` attacks."""
    both = two_sided(garrison.make("cc4"))
    return worlds_against(both, "blue", {red: specs.opponent(red, both, "blue")})[red]


def defender(blue: str, world: World) -> Any:
    """A policy of blue. Raises ``ValueError`` for a run with several training seeds."""
    found = specs.resolve(blue, world)
    if isinstance(found, list) and len(found) > 1:
        raise ValueError(f"{blue} has {len(found)} training seeds; name one of them, as in {blue}:0")
    return found[0] if isinstance(found, list) else found


def play(
    world: CybORGWorld, policies: Mapping[str, Any], rows: Path, episodes: int, seed: int, workers: int
) -> None:
    """Play what is missing on CybORG, all policies of a seed before the next seed."""
    had = {(row["policy"], row["seed"]) for row in read(rows)}
    wanted = [(name, at) for at in range(seed, seed + episodes) for name in policies]
    missing = [key for key in wanted if key not in had]
    tasks = [(observed_by(world, [policies[name]]), policies[name], at) for name, at in missing]
    with bar("playing on CybORG", len(missing), "episodes") as done:
        for index, played in processes.finished(play_episode, tasks, workers):
            name, at = missing[index]
            parts = {part: float(played["parts"][part].sum()) for part in PARTS}
            append(rows, [{"policy": name, "seed": at, "return": played["returns"], **parts}])
            done.advance()


def measure(world: World, policies: Mapping[str, Any], rows: list[dict[str, Any]], n: int) -> dict[str, Any]:
    """Figures on both engines; on Garrison of ``n`` episodes with seeds of their own."""
    here, _ = evaluate(world, policies, n, seed=2_000_000)
    found = {}
    for name, one in here.items():
        there = [row for row in rows if row["policy"] == name]
        found[name] = {
            CYBORG: _figures(
                [row["return"] for row in there], {part: [row[part] for row in there] for part in PARTS}
            ),
            GARRISON: _figures(
                one.returns[0].tolist(), {part: one.parts[part][0].sum(axis=-1).tolist() for part in PARTS}
            ),
        }
    return {"cyborg": engine.described(engine.about()), "policies": found, "rows": rows}


def _figures(returns: list[float], parts: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    return {
        "return": asdict(stats.estimate(np.array(returns, float))),
        "parts": {part: float(np.mean(values)) for part, values in parts.items()},
    }


def study(figures: Mapping[str, Any], red: str) -> Study:
    policies = figures["policies"]
    rows = [(name, where, one) for name, both in policies.items() for where, one in both.items()]
    return Study(
        title="CybORG: defenders against an attacker that learned",
        figures=figures,
        finding=(
            f"Mean return against {red}: "
            + "; ".join(
                f"{name} {where} {mean(one['return'])} (n = {one['return']['n']})"
                for name, where, one in rows
            )
            + "."
        ),
        method=(
            f"{figures['cyborg']}. The attacker decides by red's list of actions on both engines, from what "
            "each tells red's agents, as `garrison eval --against` plays it. Episodes of 500 turns; those of "
            "the two engines are independent. 95% bootstrap intervals over episodes."
        ),
        sections=[
            Section(
                "",
                ("policy", "engine", "episodes", "return", "sd", *PARTS),
                [
                    (
                        name,
                        where,
                        str(one["return"]["n"]),
                        mean(one["return"]),
                        number(one["return"]["sd"]),
                        *(number(one["parts"][part]) for part in PARTS),
                    )
                    for name, where, one in rows
                ],
            )
        ],
    )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("rows", type=Path, help="file of finished episodes on CybORG")
    arguments.add_argument("red", help="run or policy of red")
    arguments.add_argument("blues", nargs="+", help="policies and runs of blue")
    arguments.add_argument("--episodes", type=int, default=30, help="on CybORG")
    arguments.add_argument("--here", type=int, default=128, help="episodes on Garrison")
    arguments.add_argument("--seed", type=int, default=1_000_000)
    arguments.add_argument("--workers", type=int, default=1)
    asked = arguments.parse_args()
    world = against(asked.red)
    policies = {blue: defender(blue, world) for blue in asked.blues}
    play(on_cyborg(world), policies, asked.rows, asked.episodes, asked.seed, asked.workers)
    command = (
        f"python studies/cyborg_red.py ROWS RED {' '.join(asked.blues)} --episodes {asked.episodes} "
        f"--here {asked.here} --seed {asked.seed}"
    )
    rows = [row for row in read(asked.rows) if row["policy"] in policies]
    figures = origin(command) | measure(world, policies, rows, asked.here)
    show(study(figures, specs.run_label(asked.red)), asked.out)


if __name__ == "__main__":
    main()
