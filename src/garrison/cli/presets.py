"""``garrison presets``: the named configurations, their purpose, and the source of their numbers."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import tyro
from rich.table import Table

from garrison.cli.common import out, print_json
from garrison.presets import PRESET_TABLE, Preset
from garrison.training.config import Training, option_texts


@dataclass(frozen=True)
class Presets:
    """List the configurations of `garrison train`: their purpose, and the source of their numbers."""

    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        if self.json:
            print_json([_as_json(name, preset) for name, preset in PRESET_TABLE.items()])
            return 0
        for name, preset in PRESET_TABLE.items():
            view = Table(title=name, title_justify="left", title_style="bold", show_header=False, box=None)
            view.add_column(no_wrap=True)
            view.add_row("purpose", preset.purpose)
            view.add_row("world", " ".join((preset.training.world, *option_texts(preset.training.options))))
            if preset.training.vary:
                view.add_row("vary", " ".join(preset.training.vary))
            view.add_row("algorithm", preset.training.algorithm)
            view.add_row("settings", _changes(preset.training) or "defaults")
            view.add_row("source", preset.source)
            out.print(view, "")
        return 0


def _as_json(name: str, preset: Preset) -> dict[str, Any]:
    about = {"purpose": preset.purpose, "source": preset.source}
    return {"preset": name, **about, "training": preset.training.to_json()}


def _changes(training: Training) -> str:
    """The hyperparameters that differ from the algorithm's defaults."""
    default = type(training.settings)()
    fields = [field.name for field in dataclasses.fields(default)]
    values = {name: getattr(training.settings, name) for name in fields}
    return ", ".join(f"{name} {value}" for name, value in values.items() if value != getattr(default, name))
