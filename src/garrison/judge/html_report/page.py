"""The report of a run as one page that needs nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from garrison.judge.format import duration, interval, mean, number
from garrison.judge.html_report import plots
from garrison.judge.html_report.behavior import behavior, episode
from garrison.judge.html_report.css import CSS
from garrison.judge.html_report.markup import Html, cell, details, document, figure, note, section, table, tag
from garrison.judge.story import Story


@dataclass(frozen=True)
class Subject:
    """What a page is about."""

    name: str  # of the run
    player: str  # its team among the players of the figures
    figures: dict[str, Any]  # garrison.judge.summary.summary, versus the player
    metrics: list[dict[str, Any]]
    config: dict[str, Any]
    system: dict[str, Any]
    story: Story | None

    @property
    def ours(self) -> dict[str, Any]:
        return self.figures["players"][self.player]

    @property
    def others(self) -> dict[str, Any]:
        return {name: one for name, one in self.figures["players"].items() if name != self.player}


def page(subject: Subject) -> str:
    """The whole page."""
    return document(
        f"{subject.name}: Garrison report",
        CSS,
        _header(subject),
        tag("div", *_key_figures(subject), class_="kpis"),
        _learning(subject),
        _returns(subject),
        _rewards(subject),
        behavior(subject.figures, subject.player),
        *([] if subject.story is None else [episode(subject.story)]),
        _origin(subject),
    )


def _header(subject: Subject) -> Html:
    figures, teams = subject.figures, subject.ours["teams"]
    options = " ".join(subject.config.get("options", ()))
    facts = [
        f"{figures['world']} (version {figures['world_version']})" + (f", {options}" if options else ""),
        f"{teams} team{'s' if teams > 1 else ''} of {subject.player}",
        f"judged on {figures['episodes']} episodes, the same for all players",
    ]
    return tag(
        "header",
        tag("div", "Garrison report", class_="eyebrow"),
        tag("h1", subject.name),
        tag("p", " · ".join(facts), class_="soft"),
    )


def _key_figures(subject: Subject) -> Iterator[Html]:
    ours, figures = subject.ours, subject.figures
    yield _key("Mean return", ours["return"], "mean")
    yield _key("Interquartile mean", ours["interquartile_mean"], "value")
    if figures["score_steps"] < figures["max_steps"]:
        yield _key("Official score", ours["score"], "mean")
    if subject.others:
        best = max(subject.others, key=lambda name: subject.others[name]["return"]["mean"])
        ahead = subject.others[best]["advantage_of_" + subject.player]
        yield _key(f"Lead over {best}, the best scripted", ahead, "mean", sign="+")
    if subject.metrics:
        last, seconds = subject.metrics[-1], sum(row.get("seconds", 0) for row in subject.metrics)
        yield _card("Steps trained, each team", f"{last['env_steps']:,}", f"in {duration(seconds)}")


def _key(name: str, found: dict[str, Any], which: str, sign: str = "") -> Html:
    low, high = (number(found[end], sign) for end in ("low", "high"))
    return _card(name, number(found[which], sign), f"95%: {low} to {high}")


def _card(name: str, value: str, more: str) -> Html:
    return tag(
        "div", tag("div", name, class_="name"), tag("div", value, class_="value"), note(more), class_="kpi"
    )


def _learning(subject: Subject) -> Html:
    levels = {name: player["return"]["mean"] for name, player in subject.others.items()}
    caption = (
        "Returns while training, as moving averages over a tenth of it; dashed: players that do not learn."
    )
    return section("Learning", figure(plots.learning_curve_svg(subject.metrics, levels), caption))


def _returns(subject: Subject) -> Html:
    figures, several = subject.figures, subject.ours["teams"] > 1
    scored = figures["score_steps"] < figures["max_steps"]
    head = ["player", "mean return [95%]", "interquartile mean [95%]", "sd"]
    head += ["sd of teams"] * several + ["score"] * scored + [f"{subject.player} minus this [95%]"]
    rows = []
    for name, player in figures["players"].items():
        found, ahead = player["return"], player.get("advantage_of_" + subject.player)
        row = [name, mean(found), interval(player["interquartile_mean"]), number(found["sd"])]
        row += [number(found["team_sd"]) if found["teams"] > 1 else ""] * several
        row += [number(player["score"]["mean"])] * scored
        rows.append([*row, mean(ahead, "+") if ahead else ""])
    uncertainty = "Intervals: 95%, bootstrap over episodes" + (
        " and teams, which differ in their training seed; a stroke in the picture is a team."
        if several
        else ". There is one training seed: how others would do, they cannot say."
    )
    return section(
        "Returns", figure(plots.returns_svg(figures)), table(head, rows, subject.player), note(uncertainty)
    )


def _rewards(subject: Subject) -> Html:
    figures = subject.figures
    parts = {name: _by_phase(x) for name, x in subject.ours["reward_parts_by_phase"].items()}
    most = max(np.abs(list(parts.values())).max(), 1e-9)
    rows = [
        [name, *(cell(number(x), "bar", abs(x) / most) for x in values), number(values.sum())]
        for name, values in parts.items()
    ]
    totals = sum(parts.values())
    rows.append(["return", *map(number, totals), number(totals.sum())])
    phases = [*figures["phases"], "whole episode"]
    if len(figures["phases"]) == 1:
        phases, rows = phases[:1], [row[:2] for row in rows]
    by_player = []
    sums = {
        name: [_by_phase(x).sum() for x in player["reward_parts_by_phase"].values()]
        for name, player in figures["players"].items()
    }
    for column in range(len(parts)):
        largest = max(max(abs(values[column]) for values in sums.values()), 1e-9)
        by_player.append([cell(number(v[column]), "bar", abs(v[column]) / largest) for v in sums.values()])
    return section(
        "Where the reward comes from",
        tag("h3", f"{subject.player}, mean per episode"),
        table(["part", *phases], rows, "return"),
        tag("h3", "All players, mean per episode"),
        table(["player", *parts], list(zip(sums, *by_player, strict=True)), subject.player),
    )


def _by_phase(values: Any) -> np.ndarray:
    """``f[phase]``: parts that come as several numbers are averaged."""
    values = np.asarray(values, np.float64)
    return values.reshape(len(values), -1).mean(axis=1)


def _origin(subject: Subject) -> Html:
    figures = subject.figures
    last = figures["seed"] + figures["episodes"] - 1
    return section(
        "How to repeat it",
        tag("p", "The same episodes: ", tag("code", f"garrison eval RUN --seeds {figures['seed']}-{last}")),
        details("Configuration", _facts(subject.config)),
        details("System", _facts(subject.system)),
    )


def _facts(data: dict[str, Any]) -> Html:
    return table(
        ["what", "value"], [[name, cell(tag("code", value), "words")] for name, value in _flat(data)]
    )


def _flat(data: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in data.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, " ".join(map(str, value)) if isinstance(value, list) else str(value)
