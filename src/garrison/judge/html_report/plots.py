"""Pictures: learning curves, returns side by side, the rewards of an episode.

On pages they are SVG with the colors and the font of the page: they follow its light and dark scheme.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from garrison.runs import curves
from garrison.studies.study import png

SERIES = 10  #: how many series a picture can tell apart by color


@dataclass(frozen=True)
class Palette:
    ink: str
    faint: str
    series: tuple[str, ...]


PRINT = Palette("#1b1f24", "#c9ced6", tuple(f"C{i}" for i in range(SERIES)))
#: Stand for the page's own colors, by which :func:`svg` replaces them.
PAGE = Palette("#00fa01", "#00fa02", tuple(f"#00fb{i:02x}" for i in range(SERIES)))
_CSS = {PAGE.ink: "var(--ink-soft)", PAGE.faint: "var(--line)"} | {
    color: f"var(--c{i})" for i, color in enumerate(PAGE.series)
}


def learning_curve(rows: list[dict[str, Any]], levels: Mapping[str, float], title: str) -> bytes:
    """A PNG picture of the returns in ``metrics.jsonl``, with a dashed line per policy in ``levels``."""
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    _learning_curve(figure.add_subplot(title=title), rows, levels, PRINT)
    return png(figure)


def learning_curve_svg(rows: list[dict[str, Any]], levels: Mapping[str, float]) -> str:
    """As :func:`learning_curve`, for a page."""
    figure = Figure(figsize=(9.2, 4.2), layout="constrained")
    _learning_curve(figure.add_subplot(), rows, levels, PAGE)
    return svg(figure, "Mean return over environment steps", PAGE)


def _learning_curve(
    axes: Axes, rows: list[dict[str, Any]], levels: Mapping[str, float], palette: Palette
) -> None:
    """The smoothed curve of each training seed, and the mean of all."""
    steps, values = curves.per_seed(rows)
    seeds = values.shape[1]
    if steps.size:
        first = palette.series[0]
        if seeds == 1:
            axes.plot(steps, values, color=first, alpha=0.3, linewidth=1, label="each iteration")
        for number, curve in enumerate(curves.smooth(values).T if seeds > 1 else []):
            label = "one seed" if not number else None
            axes.plot(steps, curve, color=first, alpha=0.4, linewidth=1, label=label)
        mean = curves.smooth(curves.seed_mean(values))
        label = "moving average" if seeds == 1 else f"mean of {seeds} seeds"
        axes.plot(steps, mean, color=first, linewidth=2, label=label)
    for number, (name, level) in enumerate(levels.items(), start=1):
        color = palette.series[number % SERIES]
        axes.axhline(level, color=color, linestyle=(0, (5, 3)), linewidth=1.2, label=name)
    axes.set(xlabel="environment steps per seed", ylabel="return per episode")
    style(axes, palette)
    axes.xaxis.set_major_formatter(_thousands)
    axes.yaxis.set_major_formatter(_thousands)
    if steps.size or levels:
        legend(axes, palette)


def returns_svg(figures: dict[str, Any]) -> str:
    """Mean return and interval of each policy; a stroke per training seed where there are several."""
    policies = figures["policies"]
    figure = Figure(figsize=(9.2, 0.7 + 0.42 * len(policies)), layout="constrained")
    axes = figure.add_subplot()
    others = [name for name in policies if name != figures["versus"]]
    for place, (name, one) in enumerate(policies.items()):
        number = others.index(name) + 1 if name in others else 0  # colors as in the learning curve
        color, found = PAGE.series[number % SERIES], one["return"]
        if found["low"] is not None:
            axes.plot([found["low"], found["high"]], [place, place], color=color, linewidth=6, alpha=0.35)
        if one["seeds"] > 1:
            axes.plot(one["return_by_seed"], [place] * one["seeds"], "|", color=color, markersize=11)
        axes.plot(found["mean"], place, "o", color=color, markersize=7)
    axes.set(yticks=range(len(policies)), yticklabels=list(policies), ylim=(len(policies) - 0.5, -0.5))
    axes.set_xlabel("return per episode")
    style(axes, PAGE)
    axes.xaxis.set_major_formatter(_thousands)
    return svg(figure, "Mean return of each policy with its 95% interval", PAGE)


def differences(blocks: Mapping[str, list[tuple[str, Mapping[str, float], float]]]) -> bytes:
    """A PNG picture of differences with their 95% intervals, in units of their margins: a panel per block.

    Args:
        blocks: by title, rows of a name, ``value``, ``low`` and ``high``, and the margin.
    """
    columns = min(3, len(blocks))
    rows = -(-len(blocks) // columns)
    tallest = max(map(len, blocks.values()))
    size = (1.2 + 2.6 * columns, 0.6 + rows * (0.6 + 0.24 * tallest))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey="row", squeeze=False).reshape(-1)
    for place, (title, marks) in enumerate(blocks.items()):
        axes = panels[place]
        _differences(axes, marks)
        axes.set_title(title, fontsize=10, color=PRINT.ink)
        axes.tick_params(labelbottom=place + columns >= len(blocks))  # the lowest of each column
    for axes in panels[len(blocks) :]:
        axes.set_visible(False)
    figure.supxlabel("Garrison − CybORG, in margins", fontsize=10, color=PRINT.ink)
    return png(figure)


def _differences(axes: Axes, marks: list[tuple[str, Mapping[str, float], float]]) -> None:
    color = PRINT.series[0]
    axes.axvspan(-1, 1, color=PRINT.series[2], alpha=0.12, linewidth=0)
    axes.axvline(0, color=PRINT.ink, linewidth=0.8)
    for place, (_, found, margin) in enumerate(marks):
        scale = margin or 1.0
        axes.plot([found["low"] / scale, found["high"] / scale], [place, place], color=color, linewidth=2)
        axes.plot(found["value"] / scale, place, "o", color=color, markersize=4)
    axes.set(yticks=range(len(marks)), yticklabels=[name for name, _, _ in marks])
    axes.set_ylim(len(marks) - 0.5, -0.5)
    style(axes, PRINT)


def timeline_svg(rewards: np.ndarray, parts: Mapping[str, np.ndarray], phases: np.ndarray) -> str:
    """Rewards of an episode.

    Args:
        rewards: ``f[step]``. parts: ``f[step]`` each, which add up to them.
        phases: ``int[step]``; where a new one begins there is a line.
    """
    figure = Figure(figsize=(9.2, 4.2), layout="constrained")
    total, each = figure.subplots(2, 1, sharex=True, height_ratios=(2, 3))
    steps = np.arange(len(rewards))
    total.plot(steps, np.cumsum(rewards), color=PAGE.ink, linewidth=1.6, drawstyle="steps-post")
    total.set_ylabel("reward so far")
    below, above = np.zeros(len(rewards)), np.zeros(len(rewards))
    width = min(12.0, 700 / len(rewards))
    for number, (name, values) in enumerate(parts.items()):
        start = np.where(values < 0, below, above)
        color = PAGE.series[number % SERIES]
        each.vlines(steps, start, start + values, color=color, linewidth=width, label=name)
        below, above = below + np.minimum(values, 0), above + np.maximum(values, 0)
    each.set(xlabel="step", ylabel="reward")
    for axes in (total, each):
        style(axes, PAGE)
        axes.yaxis.set_major_formatter(_thousands)
        for step in np.flatnonzero(np.diff(phases)) + 1:
            axes.axvline(step - 0.5, color=PAGE.ink, linewidth=0.8, linestyle=(0, (2, 3)))
    legend(each, PAGE)
    return svg(figure, "Rewards of the episode, step by step", PAGE)


def _thousands(value: float, _: float) -> str:
    return f"{value:,.0f}".replace("-", "−") if value == round(value) else f"{value:g}".replace("-", "−")


def style(axes: Axes, palette: Palette) -> None:
    """The looks of all pictures: a faint grid, no frame."""
    axes.grid(color=palette.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(palette.faint)
    axes.tick_params(colors=palette.ink, length=0)
    axes.xaxis.label.set_color(palette.ink)
    axes.yaxis.label.set_color(palette.ink)


def legend(axes: Axes, palette: Palette) -> None:
    """The names of the series below the axes."""
    entries = len(axes.get_legend_handles_labels()[1])
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        ncols=min(entries, 6),
        frameon=False,
        labelcolor=palette.ink,
    )


def svg(figure: Figure, title: str, palette: Palette) -> str:
    """The figure as an element of a page."""
    picture = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
        figure.savefig(picture, format="svg", transparent=True, metadata={"Date": None})
    text = picture.getvalue()
    text = text[text.index("<svg") :]
    for color, variable in _CSS.items():
        text = text.replace(color, variable)
    text = re.sub(r'(font-family:|font: [\d.]+px)[^;"]*', r"\1 var(--font)", text)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    size = re.search(r'width="[\d.]+pt" height="[\d.]+pt"', text)
    assert size is not None  # as Matplotlib writes it
    return text.replace(size[0], f'role="img" aria-label="{title}"', 1)
