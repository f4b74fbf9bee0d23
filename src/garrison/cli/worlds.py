"""``garrison worlds``: what there is to defend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tyro
from rich.table import Table

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
        for row in rows:
            view.add_row(*(str(value) for value in row.values()))
        out.print(view)
        return 0


def _facts(name: str) -> dict[str, Any]:
    world = garrison.make(name)
    return {
        "world": name,
        "version": world.version,
        "agents": world.num_agents,
        "observation_size": world.observation_size,
        "actions": world.num_actions,
        "max_steps": world.max_steps,
    }
