"""A run as HTML for notebooks: a table of facts and the learning curve."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import numpy as np

from garrison.runs import curves

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 480, 200, 70, 20  # pixels


def page(facts: Mapping[str, Any], rows: list[dict[str, Any]]) -> str:
    """A table of facts, and the return over environment steps from rows of metrics."""
    lines = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(_text(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table>{lines}</table>{curve(rows)}"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={x}" for name, x in value.items()) or "none"
    return str(value)


def curve(rows: list[dict[str, Any]]) -> str:
    """An SVG of the return of each seed (thin) and of their mean (thick), smoothed; "" without returns."""
    steps, values = curves.per_seed(rows)
    if len(steps) < 2:
        return ""
    values = curves.smooth(values)
    mean = curves.seed_mean(values)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    lines = [_line(steps, column, low, high, 1, "#9ab") for column in values.T]
    lines.append(_line(steps, mean, low, high, 2, "#135"))
    labels = [
        (_LEFT - 6, 12, "end", f"{high:,.1f}"),
        (_LEFT - 6, _HEIGHT, "end", f"{low:,.1f}"),
        (_LEFT, _HEIGHT + _BOTTOM - 4, "start", "return"),
        (_LEFT + _WIDTH, _HEIGHT + _BOTTOM - 4, "end", f"{steps[-1]:,} environment steps"),
    ]
    texts = "".join(
        f"<text x='{x}' y='{y}' text-anchor='{anchor}' font-size='11' fill='currentColor'>{text}</text>"
        for x, y, anchor, text in labels
    )
    size = f"width='{_LEFT + _WIDTH + 4}' height='{_HEIGHT + _BOTTOM}'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size}>{''.join(lines)}{texts}</svg>"


def _line(steps: np.ndarray, values: np.ndarray, low: float, high: float, width: int, color: str) -> str:
    has = ~np.isnan(values)
    x = _LEFT + _WIDTH * steps[has] / steps[-1]
    y = 4 + (_HEIGHT - 8) * (high - values[has]) / ((high - low) or 1.0)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return f"<polyline points='{points}' fill='none' stroke='{color}' stroke-width='{width}'/>"
