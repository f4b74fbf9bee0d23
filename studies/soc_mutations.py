"""Which wrong rules of ``soc`` the reference notices, and by what: ``python studies/soc_mutations.py``.

Each of the wrong rules in tests/worlds/soc/wrong_rules.py is put into the kernel, which then plays recorded
episodes again until one differs from the reference interpreter. ``--out results/soc_mutations`` writes the
study's folder; the same command goes on where an interrupted one stopped.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path += [str(Path(__file__).parents[1] / "tests" / folder) for folder in ("", "worlds/soc")]

from noticed import agree, episodes, search
from quick_xla import compile_quickly
from wrong_rules import RULES, Wrong

from garrison.studies.study import FIGURES, Section, Study, origin, parser, prepare, read_figures, save, show

HEADER = ("§", "rule", "instead", "episode", "seconds", "field", "kernel", "reference")


def study(figures: Mapping[str, Any]) -> Study:
    rows = figures["rules"]
    noticed = [row for row in rows if "field" in row]
    silent = [row for row in rows if "field" not in row]
    cells = [
        (row["source"], row["rule"], row["instead"], row["episode"], f"{row['milliseconds'] / 1000:.1f}")
        + tuple(f"`{row[key]}`" for key in ("field", "kernel", "reference"))
        for row in noticed
    ]
    sections = [Section("Rules that were noticed", HEADER, cells)]
    if silent:
        header, keys = ("§", "rule", "instead"), ("source", "rule", "instead")
        sections.append(Section("Not noticed", header, [[row[key] for key in keys] for row in silent]))
    return Study(
        title="soc: the comparison with the reference can fail",
        figures=figures,
        finding=(
            f"{len(rows)} rules of the kernel were made wrong one at a time; the comparison noticed "
            f"{len(noticed)}. With the right rules the kernel and the reference agree in all "
            f"{figures['events']:,} event rows of the {figures['episodes']} episodes."
        ),
        method=(
            "Episodes of random players and of players that take the kind of action they took least, two "
            "attackers, all scenarios and presets, were played by the kernel and by an interpreter in plain "
            "Python, which was written from the rules. They were then played again by a kernel with a wrong "
            "rule; the table has the first difference in a field of the state, in what a row added up or, "
            "for two rules, in what is legal. figures.json has the change of the code. Sections refer to "
            "[docs/worlds/soc-rules.md](../../docs/worlds/soc-rules.md)."
        ),
        sections=sections,
    )


def _text(wrong: Wrong) -> dict[str, Any]:
    return {
        "source": wrong.source, "rule": wrong.rule, "instead": wrong.instead, "change": wrong.change.text
    }  # fmt: skip


def _row(wrong: Wrong, earlier: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """What an earlier run found for the same change; None if it did not try it."""
    return next((row for row in earlier if _text(wrong).items() <= row.items()), None)


def main() -> None:
    out = parser(__doc__).parse_args().out
    prepare(out)
    compile_quickly()
    started = time.perf_counter()
    figures: dict[str, Any] = origin(f"python studies/soc_mutations.py{f' --out {out}' if out else ''}")
    earlier = read_figures(out)["rules"] if out and (out / FIGURES).exists() else []
    rows = [_row(wrong, earlier) for wrong in RULES]
    figures |= {"episodes": len(episodes()), "events": agree()}
    for place, wrong in enumerate(RULES):
        if rows[place] is None:
            found = search(wrong)
            rows[place] = _text(wrong) | (asdict(found) if found else {})
            what = found.field if found else "NOT NOTICED"
            spent = time.perf_counter() - started
            print(f"{spent:6.0f} s  {wrong.instead}: {what}", file=sys.stderr, flush=True)
            figures["rules"] = [row for row in rows if row is not None]
            if out:  # after each, so that an interrupted run leaves its figures
                save(out, study(figures))
    figures["rules"] = [row for row in rows if row is not None]
    show(study(figures), out)
    if silent := [row["instead"] for row in figures["rules"] if "field" not in row]:
        raise SystemExit("not noticed: " + "; ".join(silent))


if __name__ == "__main__":
    main()
