"""``garrison worlds``: the worlds and their sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tyro
from rich.table import Table
from rich.text import Text

import garrison
from garrison.cli.common import out, print_json


@dataclass(frozen=True)
class Worlds:
    """List the worlds with their sizes."""

    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        rows = [_facts(name) for name in garrison.available_worlds()]
        if self.json:
            print_json(rows)
            return 0
        view = Table("world", "version", "agents", "observation", "actions", "steps")
        view.columns[0].min_width = max(len(row["world"]) for row in rows)
        for row in rows:
            if "error" in row:
                view.add_row(row["world"], Text(f"cannot be made: {row['error']}"))
            else:
                view.add_row(*(str(value) for value in row.values()))
        out.print(view)
        return 0


def _facts(name: str) -> dict[str, Any]:
    """Sizes of a world, or the ``error`` of one that cannot be made, which is another package's matter."""
    try:
        world = garrison.make(name)
    except Exception as error:
        return {"world": name, "error": f"{type(error).__name__}: {error}"}
    return {
        "world": name,
        "version": world.version,
        "agents": world.num_agents,
        "observation_size": world.observation_size,
        "actions": world.num_actions,
        "max_steps": world.max_steps,
    }
