"""The kernel of ``soc`` beside the reference interpreter in many episodes: ``python studies/soc_fuzz.py``.

Scripts, random players, players that take the kind of action that they took least, and players that choose
any number play every scenario, size and preset. Every field of the state, what is legal and the rewards are
compared after each event. ``--out results/soc_fuzz`` writes the study's folder after each size.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path += [str(Path(__file__).parents[1] / "tests" / folder) for folder in ("", "worlds/soc")]

import fuzz
from quick_xla import compile_quickly

from garrison.studies.study import Section, Study, origin, parser, prepare, save, show
from garrison.worlds.soc.options import Static


def study(figures: Mapping[str, Any]) -> Study:
    groups = figures["groups"]
    episodes, rows, seconds = (
        sum(one[key] for one in groups) for key in ("episodes", "rows", "simulated_seconds")
    )
    differ = [text for one in groups for text in one["differences"]]
    header = ("size", "attackers", "preset", "episodes", "event rows", "simulated hours", "differ")
    table = [
        (
            one["size"], str(one["reds"]), one["preset"], str(one["episodes"]), f"{one['rows']:,}",
            f"{one['simulated_seconds'] / 3600:.1f}", str(len(one["differences"])),
        )
        for one in groups
    ]  # fmt: skip
    sections = [Section("Episodes", header, table)]
    if differ:
        sections.append(Section("Differences", ("episode",), [(text,) for text in differ]))
    return Study(
        title="soc: the kernel beside the reference",
        figures=figures,
        finding=(
            f"Episodes that differ: {len(differ)} of {episodes} ({rows:,} event rows, "
            f"{seconds / 3600:.1f} simulated hours)."
        ),
        method=(
            "Each episode is played by the kernel and, with the same draws and choices, by an interpreter "
            "in plain Python that was written from [the rules](../../docs/worlds/soc-rules.md). After "
            "every event row all fields of the state, the legal actions of all agents, what the row added "
            "up and both rewards are compared. Horizons are 5, 10 or 15 minutes; half of the episodes "
            "start in the midst of an attack. A tenth of the draws are the least or the greatest that "
            "there are."
        ),
        sections=sections,
    )


def group(size: str, reds: int, count: int) -> list[dict[str, Any]]:
    """Figures of a size by preset."""
    found: dict[str, dict[str, Any]] = {}
    static = Static(size, events=1, reds=reds)
    for episode, rows, difference in fuzz.compared(static, fuzz.plan(size, reds, count)):
        start = {"size": size, "reds": reds, "preset": episode.preset, "episodes": 0, "rows": 0}
        one = found.setdefault(episode.preset, start | {"simulated_seconds": 0.0, "differences": []})
        one["episodes"] += 1
        one["rows"] += rows
        one["simulated_seconds"] += episode.pair.world.time / 1000
        one["differences"] += [f"{episode.name}: {difference}"] if difference else []
    return list(found.values())


def main() -> None:
    out = parser(__doc__).parse_args().out
    prepare(out)
    compile_quickly()
    started = time.perf_counter()
    figures: dict[str, Any] = origin(f"python studies/soc_fuzz.py{f' --out {out}' if out else ''}")
    figures["groups"] = []
    for size, reds, count in fuzz.PLAN:
        figures["groups"] += group(size, reds, count)
        print(f"{time.perf_counter() - started:6.0f} s  {size}, {reds}", file=sys.stderr, flush=True)
        if out:  # after each, so that an interrupted run leaves its figures
            save(out, study(figures))
    show(study(figures), out)
    if any(one["differences"] for one in figures["groups"]):
        raise SystemExit("the kernel and the reference differ")


if __name__ == "__main__":
    main()
