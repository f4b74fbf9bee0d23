"""Where a policy loses: what a world counts of an episode beside its rewards and decisions.

``world.diagnosis(side)`` has the form of :class:`Diagnosis`. The evaluation folds it over the steps of each
episode; :func:`figures` turns what was found into means with intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

import jax
import numpy as np

from garrison.core.world import State, Step
from garrison.judge import survival
from garrison.judge.stats import estimate
from garrison.judge.survival import Times

#: names of rows and of columns, and ``f[seed, episode, row, column]``
Table = tuple[tuple[str, ...], tuple[str, ...], np.ndarray]


class Diagnosis(Protocol):
    """What a world counts of an episode; the functions but :meth:`found` are for one environment."""

    def start(self, state: State) -> Any:
        """Counters at the start of an episode."""
        ...

    def add(self, counters: Any, state: State, actions: jax.Array, after: State, step: Step) -> Any:
        """Counters after one more step."""
        ...

    def found(
        self, counters: Any, returns: np.ndarray
    ) -> tuple[Mapping[str, np.ndarray], Mapping[str, Table]]:
        """What the counters of whole episodes say, in NumPy.

        Args:
            counters: leaves [seed, episode, ...].
            returns: f[seed, episode].

        Returns:
            Numbers f[seed, episode] by name, NaN in episodes in which there was nothing to measure; and
            tables by name.
        """
        ...


class Timed(Diagnosis, Protocol):
    """A diagnosis that has times too."""

    def times(self, counters: Any) -> Mapping[str, tuple[np.ndarray, ...]]:
        """Times of which some are censored, by name, in NumPy.

        Args:
            counters: as of :meth:`found`.

        Returns:
            By name the fields of :class:`garrison.judge.survival.Times`.
        """
        ...


def figures(diagnosis: Diagnosis, counters: Any, returns: np.ndarray) -> dict[str, Any]:
    """JSON-ready: ``numbers`` by name, means with intervals, and ``tables`` of means by name, row and column.

    A number that could be measured in no episode is None. ``times`` are figures of
    :func:`garrison.judge.survival.figures` by name, where the diagnosis has times.
    """
    numbers, tables = diagnosis.found(counters, returns)
    times = getattr(diagnosis, "times", lambda counters: {})(counters)
    return {
        "times": {name: survival.figures(Times(*one), returns.shape) for name, one in times.items()},
        "numbers": {name: measured(values) for name, values in numbers.items()},
        "tables": {
            name: {
                row: dict(zip(columns, means.tolist(), strict=True))
                for row, means in zip(rows, np.mean(values, axis=(0, 1)), strict=True)
            }
            for name, (rows, columns, values) in tables.items()
        },
    }


def measured(values: np.ndarray) -> dict[str, Any] | None:
    """The mean over the episodes in which all seeds have a number; of one seed's where there is none."""
    there = np.isfinite(values).all(axis=0)
    if there.any():
        return asdict(estimate(values[:, there]))
    alone = values[np.isfinite(values)]
    return asdict(estimate(alone)) if alone.size else None
