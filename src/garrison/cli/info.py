"""``garrison info``: what is installed and what it runs on."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import tyro
from rich.table import Table

from garrison.cli.common import out, print_json
from garrison.learn.run import system


@dataclass(frozen=True)
class Info:
    """Show versions, devices and the folder of compiled programs."""

    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        facts = system() | {"compilation_cache": jax.config.jax_compilation_cache_dir}
        if self.json:
            print_json(facts)
            return 0
        view = Table(show_header=False, box=None)
        packages = facts.pop("packages")
        for name in ("python", "platform", "cpu_count", "devices", "compilation_cache"):
            value = facts[name]
            view.add_row(name.replace("_", " "), ", ".join(value) if isinstance(value, list) else str(value))
        for name, version in packages.items():
            view.add_row(name, version)
        out.print(view)
        return 0
