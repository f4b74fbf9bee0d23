"""Figures as text for people."""

from __future__ import annotations

from typing import Any

#: In place of a figure that does not exist, such as the interval of a single episode.
NONE = "–"
#: With fewer episodes intervals are rough, and the tables say so.
_FEW_EPISODES = 10


def number(value: float | None, sign: str = "") -> str:
    """``value`` with about three digits, but all digits of its integer part; ``sign`` "+" always shows it."""
    if value is None:
        return NONE
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
    if found["low"] is None:
        return f"{number(found['value'], sign)} [{NONE}]"
    value, low, high = (number(found[name], sign) for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def information(found: dict[str, Any]) -> str:
    """An amount of information in bits, with its interval."""
    return fraction(found)


def fraction(found: dict[str, Any], sign: str = "") -> str:
    """A figure or a mean with three decimals, and its interval; ``sign`` "+" always shows it."""
    value = thousandths(found["mean"] if "mean" in found else found["value"], sign)
    if found["low"] is None:
        return f"{value} [{NONE}]"
    return f"{value} [{thousandths(found['low'], sign)}, {thousandths(found['high'], sign)}]"


def thousandths(value: float, sign: str = "") -> str:
    return plain(round(value, 3) + 0.0, f"{sign}.3f")  # without a minus before zero


def median(times: dict[str, Any] | None, brackets: bool = True) -> str:
    """The median of times and its interval; ``> n`` for what lies beyond the longest time."""
    if times is None:
        return NONE
    found, beyond = times["median"], f"> {times['within']}"
    value, low, high = (beyond if found[x] is None else number(found[x]) for x in ("value", "low", "high"))
    return f"{value} [{low}, {high}]" if brackets and low != beyond else value


def percent(share: float) -> str:
    """A share without decimals."""
    return f"{share:.0%}"


def times(ratio: float | None) -> str:
    """A factor."""
    return NONE if ratio is None else f"×{ratio:.1f}"


def few_episodes(episodes: int) -> str:
    """What a reader should know of figures from few episodes; empty if there are enough."""
    if episodes == 1:
        return "a single episode: no intervals"
    return f"only {episodes} episodes: intervals are rough" if episodes < _FEW_EPISODES else ""


def duration(seconds: float) -> str:
    """``seconds`` in a suitable unit."""
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.0f} seconds"
