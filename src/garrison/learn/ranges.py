"""Ranges of hyperparameters, checked before anything is created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jax.core import Tracer


@dataclass(frozen=True)
class Range:
    """Finite numbers from ``low`` to ``high``."""

    low: float = -np.inf
    high: float = np.inf
    #: whether ``low`` itself is excluded
    above: bool = False
    #: whether None is allowed as well
    optional: bool = False

    def __contains__(self, value: Any) -> bool:
        if value is None:
            return self.optional
        number = np.asarray(value)  # an array where hyperparameters are swept
        if number.dtype.kind not in "iuf":
            return False
        enough = number > self.low if self.above else number >= self.low
        return bool(np.all(enough & (number <= self.high) & np.isfinite(number)))  # False for NaN

    def __str__(self) -> str:
        if np.isfinite(self.high):
            text = f"in {self.low:g} .. {self.high:g}"
        else:
            text = f"{'above' if self.above else 'at least'} {self.low:g}, and finite"
        return f"{text}, or None" if self.optional else text


COUNT = Range(1)
POSITIVE = Range(0, above=True)
NOT_NEGATIVE = Range(0)
SHARE = Range(0, 1)


def check(config: Any, ranges: Mapping[str, Range]) -> None:
    """Raise ``ValueError`` for a field of ``config`` outside its range. Traced values are not checked."""
    for name, allowed in ranges.items():
        value = getattr(config, name)
        if not isinstance(value, Tracer) and value not in allowed:
            raise ValueError(f"{name} is {value}; it must be {allowed}")


def check_choice(config: Any, name: str, choices: Any) -> None:
    """Raise ``ValueError`` if a field of ``config`` is not one of ``choices``."""
    value = getattr(config, name)
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; it must be one of: {', '.join(choices)}")
