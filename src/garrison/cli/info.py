"""``garrison info``: versions, devices, cards of trained models and missing extras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import tyro
from rich.table import Table
from rich.text import Text

from garrison.cli.common import out, print_json
from garrison.core import extras
from garrison.runs import directory
from garrison.runs.directory import system


@dataclass(frozen=True)
class Info:
    """Show versions, devices, the folder of compiled programs, cards of models, and missing extras."""

    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        facts = collect()
        if self.json:
            print_json(facts)
        else:
            out.print(_table(facts))
        return 0


def collect() -> dict[str, Any]:
    """Everything that the command shows, JSON-ready.

    ``models`` has the card of each trained team that comes with Garrison. ``extras`` has for each one whether
    it is ``installed``, the ``packages`` it brings with their versions (None: missing), and the ``remedy``,
    which is a command (None: nothing is missing).
    """
    found = {}
    for extra in extras.EXTRAS:
        packages = extras.installed(extra)
        complete = None not in packages.values()
        remedy = None if complete else extras.remedy(extra)
        found[extra] = {"installed": complete, "packages": packages, "remedy": remedy}
    cache = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue], made at run time
    models = {name: str(directory.PACKAGED / name / "README.md") for name in directory.packaged()}
    return system() | {"compilation_cache": cache, "models": models, "extras": found}


def _table(facts: dict[str, Any]) -> Table:
    view = Table(show_header=False, box=None)
    packages = dict(facts["packages"])
    for name in ("garrison", "jax"):
        view.add_row(name, packages.pop(name))
    for name in ("python", "platform", "cpu_count", "devices", "compilation_cache"):
        value = facts[name]
        view.add_row(name.replace("_", " "), ", ".join(value) if isinstance(value, list) else str(value))
    for name, card in facts["models"].items():
        view.add_row(f"model {name}", card)
    for one in facts["extras"].values():
        packages |= {name: version for name, version in one["packages"].items() if version is not None}
    for name, version in packages.items():
        view.add_row(name, version)
    for extra, one in facts["extras"].items():
        state = "installed" if one["installed"] else f"missing: {one['remedy']}"
        view.add_row(f"extra {extra}", Text(state))  # no markup: the remedy has square brackets
    return view
