"""Pictures of resilience: over the steps of an episode, by component, and how long outages last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from garrison.judge.html_report.plots import PAGE, PRINT, SERIES, Palette, legend, style, svg
from garrison.judge.resilience import COMPONENTS
from garrison.studies.study import png

_SIZE = (9.2, 7.2)


def resilience_svg(found: Mapping[str, Any], policy: str) -> str:
    """All policies' resilience and outages, and the health of each component under ``policy``."""
    picture = Figure(figsize=_SIZE, layout="constrained")
    _draw(picture, found, policy, PAGE)
    return svg(picture, "Resilience over an episode, health by component, and lengths of outages", PAGE)


def resilience_png(found: Mapping[str, Any], policy: str) -> bytes:
    """The same as a PNG picture."""
    picture = Figure(figsize=_SIZE, layout="constrained")
    _draw(picture, found, policy, PRINT)
    return png(picture)


def _draw(picture: Figure, found: Mapping[str, Any], policy: str, palette: Palette) -> None:
    grid = picture.add_gridspec(2, 2)
    whole, parts, outages = (picture.add_subplot(place) for place in (grid[0, :], grid[1, 0], grid[1, 1]))
    order = [policy, *(name for name in found if name != policy)]
    for number, name in enumerate(order):
        color, curves = palette.series[number % SERIES], found[name]["curves"]
        whole.fill_between(curves["step"], curves["low"], curves["high"], color=color, alpha=0.2, linewidth=0)
        whole.plot(curves["step"], curves["resilience"], color=color, linewidth=1.6, label=name)
        if found[name]["recovery"] is not None:
            _times(outages, found[name]["recovery"], color)
    for number, name in enumerate(COMPONENTS):
        own = found[policy]["curves"]
        parts.plot(own["step"], own[name], color=palette.series[(number + 5) % SERIES], label=name)
    parts.plot(own["step"], own["drop"], color=palette.ink, linestyle=(0, (4, 3)), label="drop")
    whole.set(xlabel="step", ylabel="resilience", ylim=(-0.02, 1.02))
    parts.set(xlabel="step", ylabel=f"health, {policy}", ylim=(-0.02, 1.02))
    outages.set(xlabel="steps", ylabel="outages that last longer", ylim=(-0.02, 1.02))
    for axes in (whole, parts, outages):
        style(axes, palette)
    for axes in (whole, parts):
        legend(axes, palette)


def _times(axes: Axes, times: Mapping[str, Any], color: str) -> None:
    """The Kaplan-Meier curve up to the longest time."""
    lengths, shares = zip((0, 1.0), *times["curve"], strict=True)
    ends = ([*lengths, times["within"]], [*shares, shares[-1]])
    axes.plot(*ends, color=color, linewidth=1.6, drawstyle="steps-post")
