"""Defenders against an attacker that learned, on CybORG and on Garrison.

    python studies/cyborg_red.py ROWS RED guard best keep=../keep,../venv/bin/python

RED is a run that was trained for red, or a policy of its list of actions, such as ``random``; the others are
policies of blue, runs with one training seed, and submissions as ``NAME=FOLDER`` or ``NAME=FOLDER,PYTHON``,
which play on CybORG alone. Finished episodes on CybORG are lines of the file ``ROWS``; the command goes on
where it was stopped. ``--out results/cyborg_red`` writes the study's folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cyborg_submissions as cyborg
import numpy as np

import garrison
from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg.world import on_cyborg
from garrison.core.world import World
from garrison.judge import specs, stats
from garrison.judge.evaluate import evaluate
from garrison.judge.format import interval, mean
from garrison.judge.match import two_sided, worlds_against
from garrison.studies.study import Section, Study, origin, parser, show

CYBORG, GARRISON = "on CybORG", "on Garrison"


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


def measure(
    world: World, names: list[str], here: Mapping[str, Any], rows: list[dict[str, Any]], n: int
) -> dict[str, Any]:
    """Figures on CybORG, and of the policies in ``here`` also on Garrison, of ``n`` other episodes."""
    played, _ = evaluate(world, here, n, seed=2_000_000) if here else ({}, None)
    found = {name: {CYBORG: cyborg.of_rows(rows, name)} for name in names}
    differences = {}
    for name, one in played.items():
        parts = {part: one.parts[part][0].sum(axis=-1) for part in cyborg.PARTS}
        found[name][GARRISON] = cyborg.figures(one.returns[0], parts)
        there = np.array([row["return"] for row in rows if row["policy"] == name])
        differences[name] = asdict(stats.mean_difference(there, one.returns[0]))
    cyborg_about = engine.described(engine.about())
    return {"cyborg": cyborg_about, "policies": found, "differences": differences, "rows": rows}


def study(figures: Mapping[str, Any], red: str, asked_for: int) -> Study:
    policies = figures["policies"]
    rows = [(name, where, one) for name, both in policies.items() for where, one in both.items()]
    fewest = min(both[CYBORG]["return"]["n"] for both in policies.values())
    asked = f"{asked_for} episodes each were asked for on CybORG; the command goes on."
    return Study(
        title="CybORG: defenders against an attacker that learned",
        figures=figures,
        finding=(
            f"Mean return against {red}: "
            + "; ".join(
                f"{name} {where} {mean(one['return'])} (n = {one['return']['n']})"
                for name, where, one in rows
            )
            + (f". {asked}" if fewest < asked_for else ".")
        ),
        method=(
            f"{figures['cyborg']}. The attacker decides by red's list of actions on both engines, from what "
            "each tells red's agents, as `garrison eval --against` plays it. Episodes of 500 turns; those of "
            "the two engines are independent. 95% bootstrap intervals over episodes."
        ),
        sections=[
            Section(
                "",
                ("policy", "engine", *cyborg.COLUMNS),
                [(name, where, *cyborg.cells(one)) for name, where, one in rows],
            ),
            Section(
                "CybORG minus Garrison",
                ("policy", "difference of the mean returns, with Welch's 95% interval", "p"),
                [(name, interval(one), f"{one['p']:.2f}") for name, one in figures["differences"].items()],
            ),
        ],
    )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("rows", type=Path, help="file of finished episodes on CybORG")
    arguments.add_argument("red", help="run or policy of red")
    arguments.add_argument("blues", nargs="+", help="policies, runs and submissions of blue")
    arguments.add_argument("--episodes", type=int, default=30, help="on CybORG")
    arguments.add_argument("--here", type=int, default=128, help="episodes on Garrison")
    arguments.add_argument("--seed", type=int, default=1_000_000)
    arguments.add_argument("--workers", type=int, default=1)
    arguments.add_argument("--page-only", action="store_true", help="play nothing more on CybORG")
    asked = arguments.parse_args()
    world = against(asked.red)
    here: dict[str, Any] = {}
    players: dict[str, Any] = {}
    words = []
    for word in asked.blues:
        named = cyborg.submission(word)
        name, player = named or (word, defender(word, world))
        players[name] = player
        words.append(f"{name}=FOLDER,PYTHON" if named else name)
        if named is None:
            here[name] = player
    if not asked.page_only:
        cyborg.play(on_cyborg(world), players, asked.rows, asked.episodes, asked.seed, asked.workers)
    command = (
        f"python studies/cyborg_red.py ROWS RED {' '.join(words)} --episodes {asked.episodes} "
        f"--here {asked.here} --seed {asked.seed}"
    )
    rows = [row for row in cyborg.read(asked.rows) if row["policy"] in players]
    figures = origin(command) | measure(world, list(players), here, rows, asked.here)
    show(study(figures, specs.run_label(asked.red), asked.episodes), asked.out)


if __name__ == "__main__":
    main()
