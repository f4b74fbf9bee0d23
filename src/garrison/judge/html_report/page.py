"""A report as one page that needs nothing from elsewhere."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from garrison.judge.format import NONE, duration, few_episodes, interval, mean, number
from garrison.judge.html_report import plots
from garrison.judge.html_report.behavior import behavior, diagnosis, episode
from garrison.judge.html_report.markup import Html, cell, details, document, figure, note, section, table, tag
from garrison.judge.html_report.resilience import resilience
from garrison.judge.html_report.suites import suites
from garrison.judge.html_report.targets import targets
from garrison.judge.story import Story
from garrison.view.css import CSS


@dataclass(frozen=True)
class PageData:
    """What a page shows."""

    title: str  # name of the run, or of the policy
    policy: str  # that the page is about, one of those of the figures
    figures: dict[str, Any]  # garrison.judge.summary.summary or matrix
    metrics: Sequence[dict[str, Any]] = ()  # of the training
    config: dict[str, Any] | None = None  # of the training
    system: dict[str, Any] | None = None  # that it ran on
    story: Story | None = None
    command: tuple[str, ...] = ()  # that evaluates the same policies again, without its episodes
    replay: str = ""  # file that shows the episode of the story

    @property
    def by_opponent(self) -> dict[str | None, dict[str, Any]]:
        """A summary per opponent; None is the world's own."""
        return self.figures.get("against") or {None: self.figures}

    @property
    def first(self) -> dict[str, Any]:
        return next(iter(self.by_opponent.values()))

    @property
    def own(self) -> dict[str, Any]:
        return self.first["policies"][self.policy]


def page(data: PageData) -> str:
    """The whole page."""
    sections = []
    for opponent, figures in data.by_opponent.items():
        against = "" if opponent is None else f" against {opponent}"
        sections += [
            _returns(figures, data.policy, against),
            _rewards(figures, data.policy, against),
            behavior(figures, data.policy, against),
            *diagnosis(figures, data.policy, against),
            *resilience(figures, data.policy, against),
            *targets(figures, data.policy, against),
        ]
    return document(
        f"{data.title}: Garrison report",
        CSS,
        _header(data),
        tag("div", *_key_figures(data), class_="kpis"),
        *([_learning(data)] if data.metrics else []),
        *([_matrix(data)] if "against" in data.figures else []),
        *sections,
        *suites(data.figures),
        *([] if data.story is None else [episode(data.story, data.replay)]),
        _origin(data),
    )


def levels(figures: dict[str, Any], policy: str) -> dict[str, float]:
    """Mean return of all policies but one, for the dashed lines of a learning curve."""
    return {name: one["return"]["mean"] for name, one in figures["policies"].items() if name != policy}


def _header(data: PageData) -> Html:
    figures, seeds = data.first, data.own["seeds"]
    options = " ".join((data.config or {}).get("options", figures["options"]))
    facts = [
        f"{figures['world']} (version {figures['world_version']})" + (f", {options}" if options else ""),
        f"{data.policy}, {seeds} training seeds" if seeds > 1 else data.policy,
        f"{figures['episodes']} episodes, the same for all policies",
    ]
    return tag(
        "header",
        tag("div", "Garrison report", class_="eyebrow"),
        tag("h1", data.title),
        tag("p", " · ".join(facts), class_="soft"),
    )


def _key_figures(data: PageData) -> Iterator[Html]:
    if "against" in data.figures:
        for opponent, figures in data.by_opponent.items():
            yield _key(f"Mean return against {opponent}", figures["policies"][data.policy]["return"], "mean")
        return
    own, figures = data.own, data.first
    yield _key("Mean return", own["return"], "mean")
    yield _key("Interquartile mean", own["interquartile_mean"], "value")
    if figures["score_steps"] < figures["max_steps"]:
        yield _key("Official score", own["score"], "mean")
    others = {name: one for name, one in figures["policies"].items() if name != data.policy}
    if others and figures["versus"] == data.policy:
        best = max(others, key=lambda name: others[name]["return"]["mean"])
        lead = others[best]["advantage_of_" + data.policy]
        yield _key(f"Lead over {best}, the best other policy", lead, "mean", sign="+")
    if data.metrics:
        last, seconds = data.metrics[-1], sum(row.get("seconds") or 0 for row in data.metrics)
        yield _card("Steps per training seed", f"{last['env_steps']:,}", f"in {duration(seconds)}")


def _key(name: str, found: dict[str, Any], which: str, sign: str = "") -> Html:
    low, high = (number(found[end], sign) for end in ("low", "high"))
    return _card(name, number(found[which], sign), f"95%: {NONE if low == NONE else f'{low} to {high}'}")


def _card(name: str, value: str, more: str) -> Html:
    return tag(
        "div", tag("div", name, class_="name"), tag("div", value, class_="value"), note(more), class_="kpi"
    )


def _learning(data: PageData) -> Html:
    caption = (
        "Returns during training, moving averages over a tenth of it; "
        "dashed: the other policies, which do not learn."
    )
    svg = plots.learning_curve_svg(list(data.metrics), levels(data.first, data.policy))
    return section("Learning", figure(svg, caption))


def _matrix(data: PageData) -> Html:
    rows = [
        [name, *(mean(figures["policies"][name]["return"]) for figures in data.by_opponent.values())]
        for name in data.first["policies"]
    ]
    side = data.figures.get("side") or "policy"
    return section(
        "Every policy against every opponent",
        table([f"{side}: mean return [95%] against", *data.by_opponent], rows, data.policy),
    )


def _returns(figures: dict[str, Any], policy: str, against: str) -> Html:
    several = any(one["seeds"] > 1 for one in figures["policies"].values())
    scored, versus = figures["score_steps"] < figures["max_steps"], figures["versus"]
    invalid = any(one["invalid_actions"] for one in figures["policies"].values())
    head = ["policy", "mean return [95%]", "interquartile mean [95%]", "sd"]
    head += ["sd of seeds"] * several + ["score"] * scored + ["invalid actions per episode"] * invalid
    head += [] if versus is None else [f"{versus} minus this [95%]"]
    rows = []
    for name, one in figures["policies"].items():
        row = [name, mean(one["return"]), interval(one["interquartile_mean"]), number(one["return"]["sd"])]
        row += [number(one["return"]["seed_sd"])] * several + [number(one["score"]["mean"])] * scored
        row += [number(one["invalid_actions"])] * invalid
        lead = None if versus is None else one.get("advantage_of_" + versus)
        row += [] if versus is None else [mean(lead, "+") if lead else ""]
        rows.append(row)
    picture = figure(plots.returns_svg(figures))
    return section(
        f"Returns{against}", picture, table(head, rows, policy), note(_uncertainty(figures, policy))
    )


def _uncertainty(figures: dict[str, Any], policy: str) -> str:
    several = figures["policies"][policy]["seeds"] > 1
    text = "Intervals: 95%, bootstrap over episodes" + (
        " and training seeds; a stroke in the picture is a training seed."
        if several
        else ". There is one training seed: the intervals do not cover others."
    )
    hint = few_episodes(figures["episodes"])
    return f"{text} {hint[0].upper()}{hint[1:]}." if hint else text


def _rewards(figures: dict[str, Any], policy: str, against: str) -> Html:
    parts = {name: _by_phase(x) for name, x in figures["policies"][policy]["reward_parts_by_phase"].items()}
    most = max(np.abs(list(parts.values())).max(), 1e-9)
    rows = [
        [name, *(cell(number(x), "bar", abs(x) / most) for x in values), number(values.sum())]
        for name, values in parts.items()
    ]
    totals = np.sum(list(parts.values()), axis=0)
    rows.append(["return", *map(number, totals), number(totals.sum())])
    phases = [*figures["phases"], "whole episode"]
    if len(figures["phases"]) == 1:
        phases, rows = phases[:1], [row[:2] for row in rows]
    sums = {
        name: [_by_phase(x).sum() for x in one["reward_parts_by_phase"].values()]
        for name, one in figures["policies"].items()
    }
    by_policy = []
    for column in range(len(parts)):
        largest = max(max(abs(values[column]) for values in sums.values()), 1e-9)
        by_policy.append([cell(number(v[column]), "bar", abs(v[column]) / largest) for v in sums.values()])
    return section(
        f"Reward parts{against}",
        tag("h3", f"{policy}, mean per episode"),
        table(["part", *phases], rows, "return"),
        tag("h3", "All policies, mean per episode"),
        table(["policy", *parts], list(zip(sums, *by_policy, strict=True)), policy),
    )


def _by_phase(values: Any) -> np.ndarray:
    """``f[phase]``: parts with several numbers are averaged."""
    values = np.asarray(values, np.float64)
    return values.reshape(len(values), -1).mean(axis=1)


def _origin(data: PageData) -> Html:
    first, last = data.first["seed"], data.first["seed"] + data.first["episodes"] - 1
    seeds = f"{first}-{last}"
    command = [*data.command, "--episode-seeds", seeds] if data.command else []
    how = ("Command: ", tag("code", shlex.join(command))) if command else (f"Episode seeds: {seeds}",)
    return section(
        "Reproduction",
        tag("p", *how),
        *([] if data.config is None else [details("Configuration", _facts(data.config))]),
        *([] if data.system is None else [details("System", _facts(data.system))]),
    )


def _facts(data: dict[str, Any]) -> Html:
    rows = [[name, cell(tag("code", value), "words")] for name, value in _flat(data)]
    return table(["name", "value"], rows)


def _flat(data: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in data.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, " ".join(map(str, value)) if isinstance(value, list) else str(value)
