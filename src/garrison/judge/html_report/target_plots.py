"""Pictures of kinds of action by the states of their targets: a graph of the states, and heat maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from garrison.judge.format import percent
from garrison.judge.html_report.plots import PAGE, PRINT, SERIES, Palette, svg
from garrison.studies.study import png

_COLUMNS = 3  # heat maps in a row


def states_svg(own: Mapping[str, Any], policy: str) -> str:
    """The states of the first view as a graph, each with the kind that ``policy`` chose most."""
    picture = Figure(figsize=(9.2, 3.2), layout="constrained")
    _states(picture.add_subplot(), own, PAGE)
    return svg(picture, f"States of targets, and what {policy} does most in each", PAGE)


def kinds_svg(found: Mapping[str, Any], label: str) -> str:
    """Shares of kinds by state, a heat map for each policy."""
    picture = Figure(figsize=_size(found), layout="constrained")
    _kinds(picture, found, label, PAGE)
    return svg(picture, f"Shares of kinds of action by {label}", PAGE)


def states_and_kinds(found: Mapping[str, Any], policy: str) -> bytes:
    """A PNG picture of both; without the graph where the world draws none."""
    label, own = next(iter(found[policy]["views"])), found[policy]
    if own["graph"] is None:
        picture = Figure(figsize=_size(found), layout="constrained")
        _kinds(picture, found, label, PRINT)
        return png(picture)
    width, height = _size(found)
    picture = Figure(figsize=(width, height + 3.2), layout="constrained")
    above, below = picture.subfigures(2, 1, squeeze=False, height_ratios=(3.2, height))[:, 0]
    axes = above.add_subplot()
    axes.set_title(f"{policy}: most chosen kind by {label}", fontsize=10, color=PRINT.ink)
    _states(axes, own, PRINT)
    _kinds(below, found, label, PRINT)
    return png(picture)


def _states(axes: Axes, own: Mapping[str, Any], palette: Palette) -> None:
    view = next(iter(own["views"].values()))
    places, edges = own["graph"]
    kinds = list(view["lift"])
    for start, end in edges:
        far = abs(places[end][0] - places[start][0]) > 1  # around what lies between
        arrow = {"arrowstyle": "->", "color": palette.ink, "alpha": 0.4, "shrinkA": 32, "shrinkB": 32}
        arrow["connectionstyle"] = f"arc3,rad={0.35 if far else 0.12}"
        axes.annotate("", places[end], places[start], arrowprops=arrow)
    for (x, y), (state, most) in zip(places, view["most"].items(), strict=True):
        color = palette.faint if most is None else palette.series[kinds.index(most["kind"]) % SERIES]
        axes.plot(x, y, "o", color=color, markersize=60, alpha=0.35 if most is None else most["share"] * 0.7)
        text = state if most is None else f"{state}\n{most['kind']}\n{percent(most['share'])}"
        axes.text(x, y, text, ha="center", va="center", color=palette.ink, fontsize=8)
    across, up = zip(*places, strict=True)
    axes.set_xlim(min(across) - 0.5, max(across) + 0.5)
    axes.set_ylim(min(up) - 0.6, max(up) + 0.6)
    axes.axis("off")


def _size(found: Mapping[str, Any]) -> tuple[float, float]:
    return 9.2, 0.4 + 2.6 * -(-len(found) // _COLUMNS)


def _kinds(picture: Any, found: Mapping[str, Any], label: str, palette: Palette) -> None:
    """Every cell is as dark as its share is large, on one scale for all policies."""
    columns = min(_COLUMNS, len(found))
    panels = picture.subplots(-(-len(found) // columns), columns, squeeze=False).reshape(-1)
    for axes, (name, one) in zip(panels, found.items(), strict=False):
        shares = one["views"][label]["shares"]
        states, kinds = list(shares), list(next(iter(shares.values())))
        for x, state in enumerate(states):
            for y, share in enumerate(shares[state].values()):
                box = Rectangle((x - 0.5, y - 0.5), 1, 1, color=palette.series[0], alpha=share, linewidth=0)
                axes.add_patch(box)
        axes.set(xticks=range(len(states)), yticks=range(len(kinds)), yticklabels=kinds)
        axes.set_xticklabels(states, rotation=90 if max(map(len, states)) > 3 else 0)
        axes.set(xlim=(-0.5, len(states) - 0.5), ylim=(len(kinds) - 0.5, -0.5))
        axes.set_title(name, fontsize=10, color=palette.ink)
        axes.tick_params(colors=palette.ink, length=0, labelsize=8)
        axes.spines[:].set_color(palette.faint)
    for axes in panels[len(found) :]:
        axes.set_visible(False)
