"""How resilient CC4 is under scripted and learned defenders: ``python studies/cc4_resilience.py POLICY ...``.

All policies play the same episodes against one red. The record of three assets and what the figures mean are
described in docs/resilience.md. ``--out results/cc4_resilience`` writes the study's folder.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import garrison
from garrison.judge import resilience_tables as rows
from garrison.judge.evaluation import Evaluation
from garrison.judge.format import fraction, interval, mean
from garrison.judge.html_report.resilience_plots import resilience_png
from garrison.studies.study import Section, Study, origin, parser, save, show

CONTROL = 4  # episodes against a red that sleeps


def measure(policies: Sequence[str], red: str, episodes: int, seed: int) -> dict[str, Any]:
    """Figures of each policy, of each neighboring pair, and resilience where red sleeps."""
    played = garrison.evaluate(
        garrison.make("cc4", red=red), policies, episodes=episodes, seed=seed, resilience=True
    )
    return {
        "episodes": episodes,
        "seed": seed,
        "red": red,
        "policies": {name: kept(one) for name, one in played.figures["policies"].items()},
        "pairs": pairs(played, list(policies)),
        "asleep": asleep(seed),
    }


def kept(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one[name] for name in ("seeds", "return", "resilience")}


def pairs(played: Evaluation, policies: Sequence[str]) -> list[dict[str, Any]]:
    """Each policy minus the one before it."""
    found = [
        played.compare(after, before).figures["pairs"][0]
        for before, after in zip(policies, policies[1:], strict=False)
    ]
    return [{name: one[name] for name in ("first", "second", "difference", "resilience")} for one in found]


def asleep(seed: int) -> dict[str, Any]:
    """Resilience against a red that does nothing, which must be 1."""
    world = garrison.make("cc4", red="sleep")
    played = garrison.evaluate(world, ["random"], episodes=CONTROL, seed=seed, resilience=True)
    own = played.figures["policies"]["random"]["resilience"]
    return {"episodes": CONTROL, "resilience": own["resilience"]["mean"], "outages": own["outages"]}


def study(figures: Mapping[str, Any]) -> Study:
    found = rows.measured({"policies": figures["policies"]})
    means = (f"{name} {fraction(one['resilience'])}" for name, one in found.items())
    asleep, first = figures["asleep"], next(iter(found))
    returns = {name: mean(one["return"]) for name, one in figures["policies"].items()}
    head, areas = rows.areas(found)
    return Study(
        title="CC4: resilience",
        figures=figures,
        finding=f"Resilience against `{figures['red']}`, 1 is best: {', '.join(means)}.",
        method=(
            f"{figures['episodes']} episodes each, the same for all, seeds from {figures['seed']:,} on. In "
            "brackets: 95% bootstrap intervals over episodes. What the figures mean: "
            "[docs/resilience.md](../../docs/resilience.md). Control: against a red that sleeps, resilience "
            f"of `random` is {asleep['resilience']:.3f} and outages are {asleep['outages']:g} "
            f"({asleep['episodes']} episodes)."
        ),
        sections=[
            Section(
                "Resilience",
                ("policy", "return", *head),
                [(name, returns[name], *cells) for name, *cells in areas],
                f"{rows.AREAS}.",
                brief=("policy", "resilience", "everywhere", "degraded"),
            ),
            section("Outages and recovery", rows.times(found), f"{rows.TIMES}."),
            section("Published scores, and exposure", rows.points(found), f"{rows.SCORES}."),
            section("Successful attacks per episode", rows.attacks(found)),
            *(section(f"{name} by phase", rows.phases(one), first="phase") for name, one in found.items()),
            Section("Differences in the same episodes", *differences(figures["pairs"])),
        ],
        pictures={"resilience.png": resilience_png(found, first)},
    )


def section(title: str, found: rows.Rows, note: str = "", first: str = "policy") -> Section:
    head, lines = found
    return Section(title, (first, *head), lines, note)


def differences(pairs: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], list[list[str]]]:
    head = ("first minus second", "return", "resilience", "everywhere", "P(better)", "mean recovery")
    return head, [
        [
            f"{pair['first']} − {pair['second']}",
            mean(pair["difference"], "+"),
            fraction(pair["resilience"]["resilience"], "+"),
            fraction(pair["resilience"]["everywhere"], "+"),
            interval(pair["resilience"]["probability_of_improvement"]),
            "–" if pair["resilience"]["recovery"] is None else interval(pair["resilience"]["recovery"], "+"),
        ]
        for pair in pairs
    ]


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("policies", nargs="*", default=["idle", "random", "reactive", "guard", "best"])
    arguments.add_argument("--red", default="fsm")
    arguments.add_argument("--episodes", type=int, default=100)
    arguments.add_argument("--seed", type=int, default=1_000_000, help="of the first episode")
    asked = arguments.parse_args()
    report = origin(shlex.join(["python", "studies/cc4_resilience.py", *sys.argv[1:]]))
    report |= measure(asked.policies, asked.red, asked.episodes, asked.seed)
    if asked.out:
        save(asked.out, study(report))
    show(study(report))


if __name__ == "__main__":
    main()
