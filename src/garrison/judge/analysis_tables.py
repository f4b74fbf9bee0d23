"""Tables of :mod:`garrison.judge.analysis` for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from garrison.judge.format import NONE, information, number, percent, times
from garrison.judge.table_parts import new_table


def analysis_tables(figures: dict[str, Any]) -> list[Table]:
    """Of all policies: dependence, the most chosen kinds, responses; then of each its kinds by state."""
    found = {name: one["targets"] for name, one in figures["policies"].items() if one["targets"]}
    first = next(iter(found.values()))
    most = [_most(found, view) for view in first["views"]]
    states = [_states(name, one, view) for name, one in found.items() for view in one["views"]]
    return [_dependence(found), *most, _responses(found), *states]


def _dependence(found: Mapping[str, dict[str, Any]]) -> Table:
    views = list(next(iter(found.values()))["views"])
    view = new_table(
        "dependence of the kind of action on the state of its target",
        "mutual information in bits, less that of shuffled targets; in brackets: 95% bootstrap interval, "
        "0 within: no dependence found",
        "policy",
        found,
    )
    for name in (*views, "decisions"):
        view.add_column(name, justify="right")
    for name, one in found.items():
        bits = (information(one["views"][label]["dependence"]) for label in views)
        view.add_row(name, *bits, number(one["decisions"]))
    return view


def _most(found: Mapping[str, dict[str, Any]], label: str) -> Table:
    states = list(next(iter(found.values()))["views"][label]["most"])
    view = new_table(f"most chosen kind of action by {label}", "and its share", "state", states)
    for name in found:
        view.add_column(name, justify="right")
    for state in states:
        cells = (one["views"][label]["most"][state] for one in found.values())
        view.add_row(state, *(f"{cell['kind']} {percent(cell['share'])}" if cell else NONE for cell in cells))
    return view


def _responses(found: Mapping[str, dict[str, Any]]) -> Table:
    first = next(iter(found.values()))
    view = new_table(
        "responses",
        f"within {first['within']} decisions of the agent: share of onsets, and median steps until then",
        "from the onset of",
        first["responses"],
    )
    view.add_column("action")
    for name in found:
        view.add_column(name, justify="right")
    for level, row in first["responses"].items():
        view.add_section()
        for kind in row:
            cells = [response(one["responses"][level][kind]) for one in found.values()]
            view.add_row(level, kind if kind != "onsets" else "onsets per episode", *cells)
    return view


def response(found: Any) -> str:
    """A number of onsets, or the share and the time of responses to them."""
    if not isinstance(found, dict):
        return number(found)
    if found["share"] is None:
        return NONE
    return percent(found["share"]) + ("" if found["steps"] is None else f", {found['steps']:g}")


def _states(policy: str, one: dict[str, Any], label: str) -> Table:
    shares, lift = one["views"][label]["shares"], one["views"][label]["lift"]
    view = new_table(
        f"{policy}: kinds of action by {label}",
        "share of the decisions on targets in a state; ×: how much more often the targets of the kind are in "
        "that state than random ones",
        "state",
        shares,
    )
    for name in (*lift, "decisions"):
        view.add_column(name, justify="right")
    for state, row in shares.items():
        count = sum(one["views"][label]["counts"][state].values())
        cells = (f"{percent(share)} {times(lift[kind][state])}" for kind, share in row.items())
        view.add_row(state, *(cells if count else (NONE for _ in row)), f"{count:,}")
    return view
