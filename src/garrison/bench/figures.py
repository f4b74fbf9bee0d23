"""Speed, compile time and memory over the number of environments, as a picture."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from garrison.studies.study import png

_INK, _FAINT = "#1b1f24", "#c9ced6"


def sweep(rows: list[dict[str, Any]], title: str) -> bytes:
    """A PNG picture of rows of :func:`garrison.bench.study.speed`; a line for each program."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    figure.suptitle(title, color=_INK)
    speed, held, compiling = figure.subplots(1, 3)
    for what in dict.fromkeys(row["what"] for row in rows):
        mine = sorted((row for row in rows if row["what"] == what), key=lambda row: row["num_envs"])
        num_envs = [row["num_envs"] for row in mine]
        spreads = [row["steps_per_second"] for row in mine]
        (line,) = speed.plot(num_envs, [s["median"] for s in spreads], "o-", label=what)
        low, high = ([s[end] for s in spreads] for end in ("low", "high"))
        speed.fill_between(num_envs, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
        known = [(row["num_envs"], row["temporary_bytes"] / 1e6) for row in mine if row["temporary_bytes"]]
        if known:
            held.plot(*zip(*known, strict=True), "o-", label=what)
        compiling.plot(num_envs, [row["seconds"]["compile"] for row in mine], "o-", label=what)
    for axes, title in ((speed, "environment steps per second"), (held, "temporary memory, MB")):
        axes.set(title=title, yscale="log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    compiling.set(title="compiling, s", ylim=(0, 1.1 * max(row["seconds"]["compile"] for row in rows)))
    for axes in (speed, held, compiling):
        _style(axes, sorted({row["num_envs"] for row in rows}))
    speed.legend(frameon=False, labelcolor=_INK)
    return png(figure)


def _style(axes: Axes, num_envs: list[int]) -> None:
    axes.set(xlabel="num_envs", xscale="log")
    axes.set_xticks(num_envs, [f"{count:,}" for count in num_envs], rotation=45 if len(num_envs) > 5 else 0)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FAINT)
    axes.tick_params(which="both", colors=_INK, length=0)
    axes.title.set_color(_INK)
    axes.title.set_fontsize("medium")
