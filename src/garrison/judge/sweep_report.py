"""Report of a sweep: a table of its trials, the best first, and a picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.table import Table

from garrison.core.files import to_json
from garrison.runs import curves
from garrison.runs.sweep import Sweep
from garrison.runs.trials import Trial
from garrison.studies.study import png

_METRIC = "return"
_NAMED = 10  # curves with a color and a name; the others are grey
_RANGES = 3  # curves with the range of their seeds


def figures(sweep: Sweep) -> dict[str, Any]:
    """All trials with their state and final return, JSON-ready, the best first.

    ``seeds`` has each seed's mean return over the last tenth of its iterations; ``mean`` and ``sd`` (sample
    standard deviation; None for one seed) are over seeds. Unfinished trials are included as they are.
    """
    trials = [_figures(sweep, trial) | sweep.state(trial) for trial in sweep.trials]
    trials.sort(key=lambda trial: -math.inf if trial["mean"] is None else trial["mean"], reverse=True)
    return {"preset": sweep.preset, "num_seeds": sweep.num_seeds, "varied": sweep.varied(), "trials": trials}


def _figures(sweep: Sweep, trial: Trial) -> dict[str, Any]:
    rows = _rows(sweep, trial)
    _, values = curves.per_seed(rows, _METRIC)
    seeds = [float(x) for x in curves.final(values) if not np.isnan(x)] if len(values) else []
    return {
        "trial": trial.name,
        "overrides": trial.overrides,
        "iterations": rows[-1]["iteration"] if rows else 0,
        "env_steps": rows[-1]["env_steps"] if rows else 0,
        "seeds": seeds,
        "mean": float(np.mean(seeds)) if seeds else None,
        "sd": float(np.std(seeds, ddof=1)) if len(seeds) > 1 else None,
    }


def _rows(sweep: Sweep, trial: Trial) -> list[dict[str, Any]]:
    run = sweep.run(trial)
    return run.metrics() if run.metrics_file.exists() else []


def table(figures: dict[str, Any]) -> Table:
    """The figures as a table: a row per trial, a column per field that varies."""
    caption = "return: mean over the last tenth of the training and over seeds; sd: over seeds"
    view = Table(caption=caption, box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for field in figures["varied"] or ["trial"]:
        view.add_column(field, overflow="fold")
    for name in ("return", "sd", "seeds", "steps"):
        view.add_column(name, justify="right", no_wrap=True)
    view.add_column("status", no_wrap=True)
    for trial in figures["trials"]:
        asked = [trial["overrides"].get(field, "") for field in figures["varied"]] or [trial["trial"]]
        numbers = ["" if trial[name] is None else f"{trial[name]:,.2f}" for name in ("mean", "sd")]
        counts = [str(len(trial["seeds"])), f"{trial['env_steps']:,}"]
        view.add_row(*asked, *numbers, *counts, trial["status"])
    return view


def write_report(sweep: Sweep) -> dict[str, Any]:
    """Write ``report/sweep.json`` and ``report/sweep.png``; returns the figures."""
    found = figures(sweep)
    sweep.write_report("sweep.json", to_json(found) + "\n")
    sweep.write_report("sweep.png", picture(sweep, found))
    return found


def picture(sweep: Sweep, figures: dict[str, Any]) -> bytes:
    """A PNG: learning curves of the trials, and how they ended over the one or two fields that vary."""
    fields = figures["varied"]
    panels = 2 if len(fields) in (1, 2) else 1
    figure = Figure(figsize=(8 * panels, 5), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]
    _draw_curves(axes[0], sweep, figures)
    if len(fields) == 1:
        _draw_line(axes[1], figures, fields[0])
    elif len(fields) == 2:
        _draw_heat_map(figure, axes[1], figures, *fields)
    return png(figure)


def _draw_curves(axes: Axes, sweep: Sweep, figures: dict[str, Any]) -> None:
    """Smoothed mean over seeds, with the range of seeds for the best; the best on top."""
    by_name = {trial.name: trial for trial in sweep.trials}
    for rank, trial in reversed(list(enumerate(figures["trials"]))):
        steps, values = curves.per_seed(_rows(sweep, by_name[trial["trial"]]), _METRIC)
        if not len(steps):
            continue
        named = rank < _NAMED
        look = {"color": f"C{rank}", "zorder": 3} if named else {"color": "0.8", "zorder": 1}
        axes.plot(
            steps, curves.smooth(curves.seed_mean(values)), label=trial["trial"] if named else None, **look
        )
        if rank < _RANGES and values.shape[1] > 1:
            smoothed = curves.smooth(values)
            low, high = np.fmin.reduce(smoothed, axis=1), np.fmax.reduce(smoothed, axis=1)
            axes.fill_between(steps, low, high, color=look["color"], alpha=0.15, linewidth=0)
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        axes.legend(handles[::-1], labels[::-1], fontsize="small")
    axes.set(xlabel="environment steps per seed", ylabel="return, moving average", title=sweep.preset)


def _draw_line(axes: Axes, figures: dict[str, Any], field: str) -> None:
    """Each seed a dot, the means larger ones, joined if the field is a number."""
    trials = {trial["overrides"].get(field, ""): trial for trial in figures["trials"] if trial["seeds"]}
    values = _ordered(list(trials))
    numbers = [number for value in values if (number := _number(value)) is not None]
    numeric = len(numbers) == len(values)
    places = numbers if numeric else list(range(len(values)))
    for place, value in zip(places, values, strict=True):
        seeds = trials[value]["seeds"]
        axes.plot([place] * len(seeds), seeds, ".", color="C0", alpha=0.5)
    axes.plot(places, [trials[value]["mean"] for value in values], "o-" if numeric else "o", color="C0")
    if numeric and len(places) > 1 and min(places) > 0 and max(places) >= 10 * min(places):
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xticks(places, [value or "preset" for value in values])
    axes.set(xlabel=field, ylabel="return at the end", title="each seed, and the mean")


def _draw_heat_map(figure: Figure, axes: Axes, figures: dict[str, Any], x: str, y: str) -> None:
    ended = {
        (trial["overrides"].get(x, ""), trial["overrides"].get(y, "")): trial["mean"]
        for trial in figures["trials"]
        if trial["seeds"]
    }
    columns, rows = (_ordered(list({key[i] for key in ended})) for i in (0, 1))
    grid = np.array([[ended.get((column, row), np.nan) for column in columns] for row in rows], dtype=float)
    if grid.size:
        shown = axes.imshow(np.ma.masked_invalid(grid), aspect="auto", origin="lower")
        figure.colorbar(shown, ax=axes, label="return at the end, mean over seeds")
    for (row, column), value in np.ndenumerate(grid):
        if not np.isnan(value):
            box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 2}
            axes.text(column, row, f"{value:,.4g}", ha="center", va="center", bbox=box)
    axes.set_xticks(range(len(columns)), [value or "preset" for value in columns])
    axes.set_yticks(range(len(rows)), [value or "preset" for value in rows])
    axes.set(xlabel=x, ylabel=y)


def _ordered(values: list[str]) -> list[str]:
    """Numbers by size, before words by the alphabet."""
    return sorted(values, key=lambda value: (_number(value) is None, _number(value) or 0.0, value))


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
