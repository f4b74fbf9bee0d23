"""A league as pictures, and as one page that needs nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from garrison.judge.format import fraction, interval, mean, number
from garrison.judge.html_report import plots
from garrison.judge.html_report.markup import Html, cell, document, figure, note, section, table, tag
from garrison.judge.html_report.plots import PAGE, PRINT, SERIES, Palette, legend, style
from garrison.studies.study import png
from garrison.view.css import CSS


def page(data: Mapping[str, Any]) -> str:
    """The whole page, of :func:`garrison.league.judges.figures`."""
    first, second = data["sides"]
    options = " ".join(f"{name}={value}" for name, value in data["options"].items())
    facts = f"{data['world']}{' ' + options if options else ''} · {first} against {second}"
    return document(
        f"{data['path']}: Garrison league",
        CSS,
        tag(
            "header",
            tag("div", "Garrison league", class_="eyebrow"),
            tag("h1", data["path"]),
            tag("p", facts, class_="soft"),
        ),
        _matrix(data),
        section("Mixtures", figure(mixtures_svg(data), "Meta-strategy of each side over rounds.")),
        *_rounds(data),
        _ranks(data),
    )


def _matrix(data: Mapping[str, Any]) -> Html:
    first, second = data["sides"]
    values = np.array(data["mean"])
    low, span = values.min(), np.ptp(values) or 1.0
    rows = []
    for i, name in enumerate(data["rows"]):
        cells = [
            cell(_cell(data, i, j), "heat", float((values[i, j] - low) / span))
            for j in range(len(data["columns"]))
        ]
        rows.append([name, *cells])
    share = data["transitive_share"]
    text = (
        f"Mean return of {first} (rows) against {second} (columns) with 95% intervals over seeds. "
        f"Value {number(data['value'])}; gap in the matrix {fraction(data['gap'])} of its scale, by "
        f"{data['solver']}: a figure of members against members, no claim about the game. Strengths alone "
        f"explain {fraction(share)} of the variance."
    )
    return section("Every member against every member", table(["", *data["columns"]], rows), note(text))


def _cell(data: Mapping[str, Any], row: int, column: int) -> str:
    found = {name: data[name][row][column] for name in ("mean", "low", "high")}
    return mean(found)


def _rounds(data: Mapping[str, Any]) -> Iterator[Html]:
    rows = [
        [
            str(one["round"]),
            number(one["value"]),
            interval(one["u"]),
            fraction(one["gap"]),
            *(", ".join(map(_candidate, one["candidates"].get(side, []))) for side in data["sides"]),
        ]
        for one in data["rounds"]
    ]
    head = ["round", "value", "value, scaled [95%]", "gap, scaled [95%]"]
    yield section("Rounds", table([*head, *(f"responses of {side}" for side in data["sides"])], rows))
    for side in data["sides"]:
        judged = [one["held_out"][side] for one in data["rounds"] if one.get("held_out", {}).get(side)]
        if not judged:
            continue
        rows = [
            [str(place), name, *(mean(found[who]) for who in ("mixture", "newest", "best"))]
            for place, one in enumerate(judged)
            for name, found in one.items()
        ]
        yield section(
            f"Held-out opponents of {side}",
            table(["round", "opponent", "mixture [95%]", "newest [95%]", "best single [95%]"], rows),
            note(f"Returns of {side}. These opponents are never matched, and not in the matrix."),
        )


def _candidate(one: Mapping[str, Any]) -> str:
    return f"{one['member']}: gain {mean(one['gain'], '+')}, {'joined' if one['joined'] else one['reason']}"


def _ranks(data: Mapping[str, Any]) -> Html:
    rows = []
    for side in data["sides"]:
        for name, rating in sorted(data["elo"][side].items(), key=lambda pair: -pair[1]):
            weight, mass = data["mixtures"][side].get(name, 0.0), data["alpharank"][side][name]
            support = data["support"][side].get(name, 0.0)
            rows.append([name, side, number(rating), number(mass), number(weight), number(support)])
    forgotten = ", ".join(f"{side} {fraction(data['forgetting'][side], '+')}" for side in data["sides"])
    return section(
        "Ranks",
        table(["member", "side", "Elo", "α-Rank mass", "weight", "share of resamples in support"], rows),
        note(
            "Forgetting, the return that the newest member lacks of the best earlier one, mean over "
            f"opponents: {forgotten}."
        ),
    )


# ---------------------------------------------------------------- pictures


def picture(data: Mapping[str, Any]) -> bytes:
    """A PNG picture: the matrix as a heat map, and the mixtures of both sides over rounds."""
    size = 0.45 * np.array([len(data["columns"]), len(data["rows"])]) + (2.5, 1.5)
    drawn = Figure(figsize=(float(size[0]) + 7, max(3.5, float(size[1]))), layout="constrained")
    left, *others = drawn.subplots(1, 3, width_ratios=(float(size[0]), 3.5, 3.5))
    shown = left.imshow(np.array(data["mean"]), cmap="viridis")
    left.set(xticks=range(len(data["columns"])), yticks=range(len(data["rows"])))
    left.set_xticklabels(data["columns"], rotation=60, ha="right")
    left.set_yticklabels(data["rows"])
    left.set_title(f"return of {data['sides'][0]}", fontsize=10)
    drawn.colorbar(shown, ax=left, shrink=0.8)
    for axes, side in zip(others, data["sides"], strict=True):
        _mixture(axes, data, side, PRINT)
        axes.set_title(side, fontsize=10)
    return png(drawn)


def mixtures_svg(data: Mapping[str, Any]) -> str:
    """The mixtures of both sides over rounds, for a page."""
    drawn = Figure(figsize=(9.2, 4.2), layout="constrained")
    for axes, side in zip(drawn.subplots(1, 2), data["sides"], strict=True):
        _mixture(axes, data, side, PAGE)
        axes.set_title(side, fontsize=10, color=PAGE.ink)
    return plots.svg(drawn, "Meta-strategies over rounds", PAGE)


def _mixture(axes: Axes, data: Mapping[str, Any], side: str, palette: Palette) -> None:
    """Weights of members, stacked, over rounds."""
    places = np.arange(len(data["rounds"]))
    names = list(dict.fromkeys(name for one in data["rounds"] for name in one["mixtures"][side]))
    below = np.zeros(len(places))
    for index, name in enumerate(names):
        weights = np.array([one["mixtures"][side].get(name, 0.0) for one in data["rounds"]])
        if weights.max() > 0.005:
            axes.bar(places, weights, bottom=below, color=palette.series[index % SERIES], label=name)
        below += weights
    axes.set(xlabel="round", ylabel="weight", ylim=(0, 1), xticks=places)
    style(axes, palette)
    legend(axes, palette)
