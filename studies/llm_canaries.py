"""Whether games with tools are won by defending with the plan alone: ``python studies/llm_canaries.py``.

The reference player and canaries play the same seeds in each size. ``--out results/llm_canaries`` writes the
study's folder, again after each size; other sizes that it holds of the same seeds are kept.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from garrison.llm.canaries import CANARIES, MARGIN, REFERENCE, advantages, failures, measure
from garrison.llm.scenarios import SCENARIOS
from garrison.studies.study import FIGURES, Section, Study, origin, parser, read_figures, save, show

HEADER = ("player", "score", "95%", "won", "median loss", "plan done", "reference ahead by", "95%")


def study(figures: Mapping[str, Any]) -> Study:
    sizes = figures["sizes"]
    won = {name: rows[REFERENCE]["won"] for name, rows in sizes.items()}
    others = [row["won"] for rows in sizes.values() for name, row in rows.items() if name != REFERENCE]
    closest = min(
        row["advantage"]["low"] for rows in sizes.values() for row in rows.values() if "advantage" in row
    )
    parts = ", ".join(f"{share:.1%} of {name}" for name, share in won.items())
    return Study(
        title="CC4: games with tools",
        figures=figures,
        finding=(
            f"`{REFERENCE}` wins {parts} games; no other player wins more than {max(others):.1%}. Its score "
            f"is ahead of each by at least {closest:.3f} with 95% confidence, where {MARGIN} is asked."
        ),
        method=(
            f"{figures['episodes']} games of each player against `{figures['opponent']}` on the same seeds "
            f"from {figures['seed']:,} on. The loss is relative to that of an idle defender in the same "
            "episode. [docs/llm.md](../../docs/llm.md) says what a score is and who the players are."
        ),
        sections=[section for name, rows in sizes.items() for section in sections(name, rows)],
    )


def sections(scenario: str, rows: Mapping[str, Any]) -> Iterator[Section]:
    table = [
        (
            name, f"{row['score']['mean']:.3f}", interval(row["score"]), f"{row['won']:.1%}",
            f"{row['ratio_median']:.2f}", f"{row['plan']:.0%}",
            *ahead(row.get("advantage")),
        )
        for name, row in sorted(rows.items(), key=lambda item: -item[1]["score"]["mean"])
    ]  # fmt: skip
    size = SCENARIOS[scenario]
    note = (
        f"{size.ticks} ticks, {size.instructions} instructions; won with a loss of at most "
        f"{size.threshold:g} and {size.needed} instructions done."
    )
    found = failures(rows)
    yield Section(scenario, HEADER, table, " ".join([note, *(f"Not met: {line}." for line in found)]))


def ahead(advantage: Mapping[str, float] | None) -> tuple[str, str]:
    return ("", "") if advantage is None else (f"{advantage['mean']:.3f}", interval(advantage))


def interval(row: Mapping[str, float]) -> str:
    return f"[{row['low']:.3f}, {row['high']:.3f}]"


def kept(folder: Path | None, report: dict[str, Any]) -> dict[str, Any]:
    """The report with the sizes that a folder holds of the same seeds."""
    if folder is None or not (folder / FIGURES).exists():
        return report
    before = read_figures(folder)
    if any(before[name] != report[name] for name in ("seed", "episodes", "opponent")):
        return report
    return report | {"sizes": before["sizes"], "command": f"{before['command']}; {report['command']}"}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--scenarios", nargs="+", default=["small", "medium", "large"])
    arguments.add_argument("--players", nargs="+", default=list(CANARIES), help="all canaries by default")
    arguments.add_argument("--episodes", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=1_000_000, help="of the first episode")
    arguments.add_argument("--opponent", default="fsm")
    asked = arguments.parse_args()
    report = origin(shlex.join(["python", "studies/llm_canaries.py", *sys.argv[1:]]))
    report |= {"seed": asked.seed, "episodes": asked.episodes, "opponent": asked.opponent, "sizes": {}}
    report = kept(asked.out, report)
    started = time.perf_counter()

    def progress(name: str) -> None:
        print(f"{time.perf_counter() - started:6.0f} s  {name}", file=sys.stderr)

    seeds = range(asked.seed, asked.seed + asked.episodes)
    for scenario in asked.scenarios:
        progress(scenario)
        names = [REFERENCE, *asked.players]
        found = measure(scenario, names, seeds, asked.opponent, progress=progress)
        report["sizes"][scenario] = advantages(found)
        if asked.out:  # after each, so that an interrupted run leaves its figures
            save(asked.out, study(report))
    show(study(report))


if __name__ == "__main__":
    main()
