"""How well `guard` defends CC4, compared with the other scripted policies: ``python studies/cc4_guard.py``.

All policies play the same episodes against each red, the others the first ``--others`` of the guard's
``--episodes``. A return is the sum of all 499 rewards. ``--out results/cc4_guard`` writes the study's folder.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

import garrison
from garrison.judge.behavior import by_kind
from garrison.judge.evaluate import Episodes, evaluate
from garrison.studies.study import Section, Study, origin, parser, save, show
from garrison.worlds.cc4 import tables as T

GUARD = "guard"
PARTS = ("LWF", "ASF", "RIA", "action_cost")
REDS = ("fsm", "discovery", "random_select")
HEADER = ("policy", "episodes", "mean", "95%", "sd", "median", "5th percentile", "Restores")


def measure(red: str, names: Sequence[str], episodes: int, seed: int) -> dict[str, dict[str, Any]]:
    """Figures of each policy on the episodes of the seeds ``seed .. seed + episodes - 1``."""
    world = garrison.make("cc4", red=red)
    policies = world.policies()
    results, _ = evaluate(world, {name: policies[name] for name in names}, episodes, seed)
    return {name: figures(results[name]) for name in names}


def figures(episodes: Episodes) -> dict[str, Any]:
    returns = np.asarray(episodes.returns[0], float)
    spread = returns.std(ddof=1)
    parts = {name: np.asarray(part[0], float).mean(axis=0) for name, part in episodes.parts.items()}
    return {
        "episodes": returns.size,
        "mean": returns.mean(),
        "sd": spread,
        "ci95": 1.96 * spread / np.sqrt(returns.size),
        "median": np.median(returns),
        "worst_5_percent": np.percentile(returns, 5),
        "restores": float(by_kind(episodes.decisions)[0, :, T.Blue.RESTORE].mean()),
        "by_phase": {
            f"phase {phase}": {name: float(parts[name][phase]) for name in PARTS}
            for phase in range(T.NUM_PHASES)
        },
    }


def study(figures: Mapping[str, Any]) -> Study:
    guard = {red: players[GUARD] for red, players in figures["reds"].items()}
    means = (f"{row['mean']:.1f} ± {row['ci95']:.1f} against {red}" for red, row in guard.items())
    return Study(
        title="CC4: the guard",
        figures=figures,
        finding=f"Mean return of guard over {guard['fsm']['episodes']:,} episodes: {', '.join(means)}.",
        method=(
            "Returns over all 499 rewards, with 95% confidence intervals of the mean; seeds from "
            f"{figures['seed']:,} on. Every policy plays the same episodes, the others the first of the "
            "guard's. [docs/worlds/cc4-rules.md](../../docs/worlds/cc4-rules.md) §13 describes how the guard "
            "decides." + figures.get("note", "")
        ),
        sections=[section for red, players in figures["reds"].items() for section in sections(red, players)],
    )


def sections(red: str, players: Mapping[str, Any]) -> Iterator[Section]:
    rows = [
        (
            name, str(row["episodes"]), f"{row['mean']:.1f}", f"±{row['ci95']:.1f}", f"{row['sd']:.1f}",
            f"{row['median']:.0f}", f"{row['worst_5_percent']:.0f}", f"{row['restores']:.1f}",
        )
        for name, row in players.items()
    ]  # fmt: skip
    yield Section(f"Against `{red}`", HEADER, rows)
    phases = [
        (phase, *(f"{parts[name]:.1f}" for name in PARTS), f"{sum(parts.values()):.1f}")
        for phase, parts in players[GUARD]["by_phase"].items()
    ]
    yield Section(f"Rewards of guard against `{red}` by phase and part", ("phase", *PARTS, "sum"), phases)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--episodes", type=int, default=1000)
    arguments.add_argument("--others", type=int, default=200, help="episodes of the other policies")
    arguments.add_argument("--seed", type=int, default=1_000_000, help="of the first episode")
    asked = arguments.parse_args()
    report = origin(shlex.join(["python", "studies/cc4_guard.py", *sys.argv[1:]]))
    report |= {"seed": asked.seed, "reds": {}}
    others = tuple(name for name in garrison.make("cc4").policies() if name != GUARD)
    started = time.perf_counter()
    for red in REDS:
        for names, episodes in (((GUARD,), asked.episodes), (others, asked.others)):
            report["reds"].setdefault(red, {}).update(measure(red, names, episodes, asked.seed))
            print(f"{time.perf_counter() - started:6.0f} s  {red}: {', '.join(names)}", file=sys.stderr)
            if asked.out:  # after each, so that an interrupted run leaves its figures
                save(asked.out, study(report))
    show(study(report))


if __name__ == "__main__":
    main()
