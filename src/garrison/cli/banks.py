"""``garrison banks``: what trainings can draw episodes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tyro
from rich.table import Table

from garrison.cli.common import out, print_json


@dataclass(frozen=True)
class Banks:
    """List the banks of cc4, from which `garrison train --vary` draws episodes."""

    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON, with all entries."""

    def run(self) -> int:
        from garrison.worlds.cc4.banks import BANKS  # imported late: other commands do not need the world

        if self.json:
            print_json([{"bank": name, "about": one.about, "axes": one.axes} for name, one in BANKS.items()])
            return 0
        view = Table("bank", "axis: entries", "what differs")
        view.columns[0].no_wrap = view.columns[1].no_wrap = True
        for name, one in BANKS.items():
            sizes = (f"{axis}: {_size(entries)}" for axis, entries in one.axes.items())
            view.add_row(name, "\n".join(sizes), one.about.replace("`", ""))
        out.print(view)
        return 0


def _size(entries: Any) -> str:
    """The number of entries; an axis that is drawn from a distribution has none."""
    if isinstance(entries, list):
        return str(len(entries))
    return "a distribution" if entries is True else str(entries)
