"""``garrison suites``: the suites, and the entries of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tyro
from rich.table import Table

from garrison.cli.common import out, print_json, user_input
from garrison.judge.suite_tables import distance

if TYPE_CHECKING:
    from garrison.judge.suites.suite import Suite


@dataclass(frozen=True)
class Suites:
    """List the suites of `garrison eval --suite`, or the entries of one."""

    name: tyro.conf.Positional[str | None] = None
    """Suite whose entries to list."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.judge import suites  # imported late: other commands do not need the world

        with user_input():
            chosen = list(suites.SUITES.values()) if self.name is None else [suites.get(self.name)]
        if self.json:
            print_json([_facts(suite) for suite in chosen])
        elif self.name is None:
            out.print(_list(chosen))
        else:
            out.print(_entries(chosen[0]))
        return 0


def _facts(suite: Suite) -> dict[str, Any]:
    from garrison.judge.suites.distances import distances

    about = {
        name: getattr(suite, name) for name in ("name", "version", "hash", "purpose", "seed", "episodes")
    }
    entries = [
        entry.to_json() | {"weight": suite.weights[entry.name], "distance": distances().get(entry.red or "")}
        for entry in suite.entries
    ]
    return about | {"entries": entries, "published": suite.published}


def _list(chosen: list[Suite]) -> Table:
    view = Table("suite", "version", "entries", "episodes", "first seed", "purpose")
    view.columns[0].no_wrap = True
    for suite in chosen:
        row = (suite.version, len(suite.entries), suite.episodes, suite.seed, suite.purpose)
        view.add_row(suite.name, *map(str, row))
    return view


def _entries(suite: Suite) -> Table:
    from garrison.judge.suites.distances import distances

    view = Table("entry", "family", "weight", "distance from fsm", "options")
    view.title = f"{suite.name} (version {suite.version}, {suite.hash}): {suite.purpose}"
    view.columns[0].no_wrap = True
    for entry in suite.entries:
        options = " ".join(f"{name}={_short(value)}" for name, value in entry.options.items())
        weight, apart = suite.weights[entry.name], distances().get(entry.red or "")
        view.add_row(entry.name, entry.family or "none", f"{weight:.3f}", distance(apart), options)
    return view


def _short(value: Any) -> str:
    """An option as it is written on the command line; a table only by its size."""
    if isinstance(value, list) and isinstance(value[0], list):
        return "(table)"
    return str(value).replace(" ", "")
