"""Figures as people read them."""

from __future__ import annotations

from typing import Any


def number(value: float, sign: str = "") -> str:
    """``value`` with about three digits, and all that are before the point; ``sign`` "+" shows it always."""
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return plain(value, f"{sign},.{decimals}f")


def plain(value: float, form: str = ",.5g") -> str:
    """``value`` formatted, with a true minus."""
    return f"{value:{form}}".replace("-", "−")


def mean(estimate: dict[str, Any], sign: str = "") -> str:
    """A mean and its interval in brackets."""
    return interval({**estimate, "value": estimate["mean"]}, sign)


def interval(found: dict[str, Any], sign: str = "") -> str:
    """A figure and its interval in brackets."""
    value, low, high = (number(found[name], sign) for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def duration(seconds: float) -> str:
    """``seconds`` in a unit that suits them."""
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.0f} seconds"
