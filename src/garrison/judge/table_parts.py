"""What tables for the terminal have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

#: Width up to which the first column of a table, which holds names, is never made narrower.
_NAME_WIDTH = 20


def new_table(title: str, caption: str, first: str, names: Iterable[str]) -> Table:
    """A table with a first column, ``first``, that is wide enough for the words of ``names``."""
    view = Table(title=title, caption=caption, box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    widest = max((len(word) for name in names for word in name.split()), default=1)
    view.add_column(first, min_width=min(widest, _NAME_WIDTH), overflow="fold")
    return view


def filled(view: Table, names: Mapping[str, str], columns: Mapping[str, list[str]]) -> Table:
    """``view`` with a row per name. Where a terminal is too narrow, figures wrap at their spaces."""
    for column, cells in columns.items():
        widest = max((len(word) for cell in cells for word in cell.split()), default=1)
        view.add_column(column, justify="right", min_width=widest, overflow="fold")
    for row in zip(names.values(), *columns.values(), strict=True):
        view.add_row(*row)
    return view


def with_seeds(name: str, one: Mapping[str, Any]) -> str:
    """The name of a policy, and of how many training seeds there are figures."""
    return name if one["seeds"] == 1 else f"{name} ×{one['seeds']}"
