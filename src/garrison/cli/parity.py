"""``garrison parity``: CybORG beside Garrison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.table import Table

from garrison.cli.common import log, out, print_json, user_input

if TYPE_CHECKING:
    from garrison.parity.replay import Report

_SHOWN = 10  # differences printed per episode


@dataclass(frozen=True)
class Replay:
    """Replay recorded CybORG episodes through Garrison's engine and compare after every step."""

    paths: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Recordings (.jsonl.gz or .jsonl.xz)."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        return replay_command(self.paths, self.json)


def replay_command(paths: Sequence[Path], json: bool = False) -> int:
    """Replay recordings and print what was found; the exit status is 1 if any step differs.

    Raises:
        SystemExit: with a message, for a file that is not a whole recording.
    """
    from garrison.parity.replay import replay

    if not paths:
        raise SystemExit("garrison: parity replay needs at least one recording")
    reports = []
    for path in paths:
        log.print(f"replaying {path} …", highlight=False)
        with user_input():
            reports.append(replay(path))
    if json:
        print_json([_as_json(report) for report in reports])
    else:
        _print_table(reports)
    return 0 if all(report.exact for report in reports) else 1


def _as_json(report: Report) -> dict:
    differences = [difference._asdict() for difference in report.differences]
    return asdict(report) | {"exact": report.exact, "differences": differences}


def _print_table(reports: list[Report]) -> None:
    table = Table("episode", "red", "blue", "steps", "draws", "overflow", "seconds", "result", box=None)
    for report in reports:
        result = "exact" if report.exact else f"differs at {report.differences[0].place}"
        table.add_row(
            Path(report.path).name,
            report.red,
            report.blue,
            str(report.steps),
            str(report.draws),
            str(report.overflow),
            f"{report.seconds:.1f}",
            result,
        )
    out.print(table)
    for report in reports:
        for difference in report.differences[:_SHOWN]:
            out.print(f"{Path(report.path).name}: {difference}", highlight=False, markup=False)
