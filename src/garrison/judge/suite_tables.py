"""The table of an evaluation on a suite, for the terminal, and the rows that pages share with it."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from garrison.judge.format import few_episodes, mean, number
from garrison.judge.table_parts import filled, new_table, with_seeds


def suite_table(figures: dict[str, Any]) -> Table:
    """A row per entry; the mean and the worst below those that count in it."""
    head, rows = suite_rows(figures)
    view = new_table(suite_title(figures), suite_note(figures), head[0], [row[0] for row in rows])
    columns = {name: [row[number] for row in rows] for number, name in enumerate(head) if number}
    filled(view, {row[0]: row[0] for row in rows}, columns)
    view.rows[_counted(figures) - 1].end_section = True
    view.rows[_counted(figures) + 1].end_section = True
    return view


def suite_rows(figures: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Column names, and the cells: entries, mean and worst, then the entries in no mean."""
    entries, policies = figures["entries"], figures["policies"]
    teams = (figures["published"] or {}).get("teams", {})
    families = [entry["family"] for entry in entries.values() if entry["family"] is not None]
    grouped = len(set(families)) < len(families)
    measured = any(entry["distance"] for entry in entries.values())
    head = ["entry", *["family"] * grouped, *["distance from fsm"] * measured]
    head += [with_seeds(name, one) for name, one in policies.items()] + list(teams)
    blank = [""] * (grouped + measured)
    counted, others = [], []
    for name, entry in entries.items():
        cells = [name, *[entry["family"] or ""] * grouped, *[distance(entry["distance"])] * measured]
        cells += [mean(one["score"]) for one in entry["policies"].values()]
        cells += [published(team.get(name)) for team in teams.values()]
        (others if entry["family"] is None else counted).append(cells)
    overall = [
        ["mean over families" if grouped else "mean", *blank],
        ["worst", *blank],
    ]
    overall[0] += [mean(one["mean"]) for one in policies.values()]
    overall[1] += [f"{mean(one['worst'])} {one['worst']['entry']}" for one in policies.values()]
    overall[0] += [_mean_of(team, [row[0] for row in counted]) for team in teams.values()]
    overall[1] += [number(min(one["mean"] for one in team.values())) for team in teams.values()]
    return head, [*counted, *overall, *others]


def suite_title(figures: dict[str, Any]) -> str:
    suite, last = figures["suite"], figures["seed"] + figures["episodes"] - 1
    of = "" if figures["episodes"] == suite["episodes"] else f" of {suite['episodes']}"
    where = "" if figures["simulator"] == "garrison" else " on CybORG"
    return (
        f"suite {suite['name']} (version {suite['version']}, {suite['hash']}){where}: "
        f"{figures['episodes']}{of} episodes of each entry (seeds {figures['seed']}-{last})"
    )


def suite_note(figures: dict[str, Any]) -> str:
    """What a reader has to know of the table."""
    note = "mean scores; in brackets: 95% bootstrap interval"
    if any(one["seeds"] > 1 for one in figures["policies"].values()):
        note += " over episodes and training seeds; ×n: n training seeds"
    if any(entry["family"] is None for entry in figures["entries"].values()):
        note += "; entries below the worst are in no mean: their rewards or phases are others"
    if any(entry["distance"] for entry in figures["entries"].values()):
        note += "; distance: Jensen-Shannon, of what the red executes, less against idle or guard"
    if figures["published"]:
        note += f"; published (±: sd): {figures['published']['source']}"
    hint = few_episodes(figures["episodes"])
    return f"{note}; {hint}" if hint else note


def distance(found: dict[str, Any] | None) -> str:
    """A red's distance from the stock one, and whether it is beyond the noise."""
    if found is None:
        return ""
    shown = f"{found['distance']:.2f}"
    return shown if found["distinguishable"] else f"{shown} (not distinguishable)"


def published(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    return number(found["mean"]) + (f" ± {number(found['sd'])}" if "sd" in found else "")


def _counted(figures: dict[str, Any]) -> int:
    return sum(entry["family"] is not None for entry in figures["entries"].values())


def _mean_of(team: dict[str, Any], names: list[str]) -> str:
    """The mean of a team's published scores, where there is one for every entry."""
    return number(sum(team[name]["mean"] for name in names) / len(names)) if set(names) <= set(team) else ""
