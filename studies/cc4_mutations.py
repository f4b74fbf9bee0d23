"""Which wrong rules of CC4 replays notice, and by what: ``python studies/cc4_mutations.py``.

Each of the wrong rules in tests/parity/mutations is replayed until a recording differs; those that no
recording exercises are replayed through all recordings. ``--out results/cc4_mutations`` writes the
study's folder.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests"))
sys.path.append(str(Path(__file__).parents[1] / "tests" / "parity"))

from mutations import Wrong, recordings, search
from mutations.rules import NOTICED, UNEXERCISED
from quick_xla import compile_quickly

from garrison.studies.study import Section, Study, origin, parser, save, show

HEADER = ("§", "rule", "instead", "episode", "step", "field", "Garrison", "CybORG")
SHOWN = 60  # characters of a value in the table for people


def measure(wrong: Wrong) -> dict[str, Any]:
    """The first difference that a replay reports, or how many recordings replay exactly.

    Raises ``RuntimeError`` where that is not what the list of wrong rules says.
    """
    episodes = tuple(recordings()) if wrong.held_by else wrong.episodes
    found = next(search(wrong, episodes), None)
    if wrong.held_by and found is not None:
        raise RuntimeError(f"noticed after all: {wrong.instead}: {found.episode}, {found.difference}")
    if not wrong.held_by and found is None:
        raise RuntimeError(f"not noticed by {', '.join(episodes)}: {wrong.instead}")
    return described(wrong) | (found.row() if found else {"unit_test": wrong.held_by, "exact": len(episodes)})


def described(wrong: Wrong) -> dict[str, Any]:
    return {
        "source": wrong.source,
        "rule": wrong.rule,
        "instead": wrong.instead,
        "change": wrong.change.text,
    }


def study(figures: Mapping[str, Any]) -> Study:
    rows, silent = figures["noticed"], figures["unexercised"]
    quirks = {quirk for row in rows for quirk in row["source"].split() if quirk.startswith("Q")}
    return Study(
        title="CC4: the comparison can fail",
        figures=figures,
        finding=(
            f"{len(rows)} rules, {len(quirks)} of the quirks among them, were made wrong one at a time; "
            f"replays noticed every one. {len(silent)} rules are exercised by no "
            "recording and have a unit test each."
        ),
        method=(
            "Recorded CybORG episodes were replayed under each wrong rule; the table has the first "
            "difference that the replay reports (step -1 is the reset). figures.json has the change of the "
            "code. Sections and quirks refer to [docs/worlds/cc4-rules.md](../../docs/worlds/cc4-rules.md)."
        ),
        sections=[
            Section("Rules that replays notice", HEADER, [_cells(row) for row in rows]),
            Section(
                "Rules that no recorded episode exercises",
                ("§", "rule", "instead", "unit test"),
                [[row[key] for key in ("source", "rule", "instead", "unit_test")] for row in silent],
                f"Under these wrong rules all {figures['recordings']} recordings still replay exactly. Each "
                "has a unit test made from the text of the specification.",
            ),
        ],
    )


def _cells(row: dict[str, Any]) -> list[str]:
    values = [
        text if len(text) <= SHOWN else f"{text[:SHOWN]}…" for text in (row["garrison"], row["recorded"])
    ]
    return [
        row["source"],
        row["rule"],
        row["instead"],
        row["episode"],
        str(row["step"]),
        f"`{row['field']}`",
        *(f"`{value}`" for value in values),
    ]


def main() -> None:
    arguments = parser(__doc__)
    out = arguments.parse_args().out
    compile_quickly()
    started = time.perf_counter()
    figures = origin(f"python studies/cc4_mutations.py{f' --out {out}' if out else ''}")
    figures |= {"recordings": len(recordings()), "noticed": [], "unexercised": []}
    problems = []
    for wrong in NOTICED + UNEXERCISED:
        try:
            figures["unexercised" if wrong.held_by else "noticed"].append(measure(wrong))
        except RuntimeError as error:
            problems.append(str(error))
        print(f"{time.perf_counter() - started:6.0f} s  {wrong.instead}", file=sys.stderr, flush=True)
        if out:  # after each, so that an interrupted run leaves its figures
            save(out, study(figures))
    show(study(figures))
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
