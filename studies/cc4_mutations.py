"""Which wrong rules of CC4 replays notice, and by what: ``python studies/cc4_mutations.py``.

Each of the wrong rules in tests/parity/mutations is replayed until a recording differs; those that no
recording exercises are replayed through all recordings. ``--out results/cc4_mutations`` writes .json and .md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "parity"))

from mutations import Wrong, recordings, search
from mutations.rules import NOTICED, UNEXERCISED

from garrison.runs import study_files

HEADER = ("§", "rule", "instead", "episode", "step", "field", "ours", "CybORG")
SHOWN = 60  # characters of a value in the table for people


def study(wrong: Wrong) -> dict[str, Any]:
    """The first difference that a replay reports, or how many recordings replay exactly.

    Raises ``RuntimeError`` where that is not what the list of wrong rules says.
    """
    episodes = tuple(recordings()) if wrong.held_by else wrong.episodes
    found = next(search(wrong, episodes), None)
    if wrong.held_by and found is not None:
        raise RuntimeError(f"noticed after all: {wrong.instead}: {found.episode}, {found.difference}")
    if not wrong.held_by and found is None:
        raise RuntimeError(f"not noticed by {', '.join(episodes)}: {wrong.instead}")
    return told(wrong) | (found.row() if found else {"unit_test": wrong.held_by, "exact": len(episodes)})


def told(wrong: Wrong) -> dict[str, Any]:
    return {
        "source": wrong.source,
        "rule": wrong.rule,
        "instead": wrong.instead,
        "change": wrong.change.text,
    }


def markdown(figures: dict[str, Any]) -> Iterator[str]:
    rows, silent = figures["noticed"], figures["unexercised"]
    quirks = {quirk for row in rows for quirk in row["source"].split() if quirk.startswith("Q")}
    yield "# CC4: the comparison can fail"
    yield ""
    yield study_files.told(figures)
    yield ""
    yield (
        f"{len(rows)} rules of CC4, {len(quirks)} of the quirks among them, were made wrong one at a time, "
        "and recorded CybORG episodes were replayed under each. Every one was noticed; the first "
        "difference that the replay reports is shown (step -1 is the reset). What was changed in the code "
        "stands in the JSON file beside this one. Sections and quirks refer to `docs/worlds/cc4.md`."
    )
    yield ""
    yield from _table(HEADER, (_cells(row) for row in rows))
    yield ""
    yield "## Rules that no recorded episode exercises"
    yield ""
    yield (
        f"Under these wrong rules all {figures['recordings']} recordings still replay exactly. Each has a "
        "unit test made from the text of the specification."
    )
    yield ""
    columns = ("source", "rule", "instead", "unit_test")
    yield from _table(("§", "rule", "instead", "unit test"), ([row[c] for c in columns] for row in silent))


def _cells(row: dict[str, Any]) -> list[str]:
    values = [text if len(text) <= SHOWN else f"{text[:SHOWN]}…" for text in (row["ours"], row["recorded"])]
    return [
        row["source"],
        row["rule"],
        row["instead"],
        row["episode"],
        str(row["step"]),
        f"`{row['field']}`",
        *(f"`{value}`" for value in values),
    ]


def _table(header: tuple[str, ...], rows: Iterator[list[str]]) -> Iterator[str]:
    for cells in (header, ["---"] * len(header), *rows):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    out = parser.parse_args().out
    started = time.perf_counter()
    figures = study_files.origin(f"python studies/cc4_mutations.py{f' --out {out}' if out else ''}")
    figures |= {"recordings": len(recordings()), "noticed": [], "unexercised": []}
    problems = []
    for wrong in NOTICED + UNEXERCISED:
        try:
            figures["unexercised" if wrong.held_by else "noticed"].append(study(wrong))
        except RuntimeError as error:
            problems.append(str(error))
        print(f"{time.perf_counter() - started:6.0f} s  {wrong.instead}", file=sys.stderr, flush=True)
        if out:  # after each, so that an interrupted run leaves what it found
            study_files.save(out, figures, markdown(figures))
    print("\n".join(markdown(figures)))
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
