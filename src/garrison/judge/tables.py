"""Tables for the terminal."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from garrison.judge.format import interval, mean, number


def table(figures: dict[str, Any]) -> Table:
    """The figures of :func:`~garrison.judge.summary.summary`; at most 80 columns wide for short names."""
    versus, scored = figures["versus"], figures["score_steps"] < figures["max_steps"]
    teams = any(player["teams"] > 1 for player in figures["players"].values())
    view = _view(_title(figures), _caption(figures, scored, teams), "player")
    view.add_column("return", justify="right", no_wrap=True)
    view.add_column("sd", justify="right")
    if scored:
        view.add_column("score", justify="right")
    if versus is not None:
        view.add_column(f"{versus} minus this", justify="right", no_wrap=True)
    for name, player in figures["players"].items():
        row = [_named(name, player), mean(player["return"]), number(player["return"]["sd"])]
        if scored:
            row.append(number(player["score"]["mean"]))
        if versus is not None:
            difference = player.get("advantage_of_" + versus)
            row.append(mean(difference, sign="+") if difference else "")
        view.add_row(*row)
    return view


def behavior_table(figures: dict[str, Any]) -> Table:
    """Shares of each player's decisions by kind of action; entropy in nats."""
    view = _view("what the players decide", "busy steps left out", "action")
    profiles = {name: player["behavior"] for name, player in figures["players"].items()}
    for name in profiles:
        view.add_column(name, justify="right")
    for kind in next(iter(profiles.values()))["shares"]:
        view.add_row(kind, *(f"{one['shares'][kind]['value']:.1%}" for one in profiles.values()))
    view.add_section()
    view.add_row("entropy", *(f"{one['entropy']['value']:.2f}" for one in profiles.values()))
    view.add_row("Hill number", *(f"{one['hill']['value']:.1f}" for one in profiles.values()))
    view.add_row("decisions", *(number(one["decisions"]) for one in profiles.values()))
    if figures.get("versus") is not None:
        view.add_row(f"L1 to {figures['versus']}", *distances(figures))
    return view


def distances(figures: dict[str, Any]) -> list[str]:
    """Distance of each player's behavior to that of the player that all are compared with."""
    key = "behavior_distance_to_" + figures["versus"]
    return [f"{player[key]['value']:.2f}" if key in player else "" for player in figures["players"].values()]


def comparison_tables(figures: dict[str, Any]) -> list[Table]:
    """The figures of :func:`~garrison.judge.summary.comparison`: players, then pairs."""
    teams = any(player["teams"] > 1 for player in figures["players"].values())
    players = _view(_title(figures), _caption(figures, False, teams), "player")
    for name in ("return", "interquartile mean", "sd"):
        players.add_column(name, justify="right", no_wrap=True)
    for name, player in figures["players"].items():
        spread = number(player["return"]["sd"])
        middle = interval(player["interquartile_mean"])
        players.add_row(_named(name, player), mean(player["return"]), middle, spread)
    caption = "P(better): of the first in the same episode; L1: of shares of decisions, 0 alike, 2 disjoint"
    pairs = _view("pair by pair", caption, "first minus second")
    for name in ("difference", "P(better)", "L1"):
        pairs.add_column(name, justify="right", no_wrap=True)
    for pair in figures["pairs"]:
        pairs.add_row(
            f"{pair['first']} − {pair['second']}",
            mean(pair["difference"], sign="+"),
            interval(pair["probability_of_improvement"]),
            interval(pair["behavior_distance"]),
        )
    return [players, pairs]


def _view(title: str, caption: str, first: str) -> Table:
    view = Table(title=title, caption=caption, box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    view.add_column(first)
    return view


def _named(name: str, player: dict[str, Any]) -> str:
    return name if player["teams"] == 1 else f"{name} ×{player['teams']}"


def _title(figures: dict[str, Any]) -> str:
    last = figures["seed"] + figures["episodes"] - 1
    world = " ".join((figures["world"], *figures["options"]))
    return f"{world}: {figures['episodes']} episodes each (seeds {figures['seed']}-{last})"


def _caption(figures: dict[str, Any], scored: bool, teams: bool) -> str:
    caption = "in brackets: 95% bootstrap interval"
    if teams:
        caption += " over episodes and teams; ×n: n teams"
    if scored:
        caption += f"; score: the first {figures['score_steps']} of {figures['max_steps']} rewards"
    return caption
