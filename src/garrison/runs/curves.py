"""Learning curves from the rows of ``metrics.jsonl``."""

from __future__ import annotations

from typing import Any

import numpy as np

_PARTS = 10  #: Moving averages, and final returns, are means over one of this many parts of the training.


def per_seed(rows: list[dict[str, Any]], metric: str = "return") -> tuple[np.ndarray, np.ndarray]:
    """Environment steps ``int[row]`` and the metric ``float[row, seed]``, NaN where a seed had none.

    Rows without a number for any seed are left out. Raises ``ValueError`` if a row lacks the metric or its
    steps, or has another number of seeds.
    """
    found = []
    for number, row in enumerate(rows, start=1):
        values = row.get(metric)
        values = values if isinstance(values, list) else [values]
        if metric not in row or "env_steps" not in row:
            raise ValueError(f"row {number} of the metrics lacks {metric!r} or 'env_steps': {sorted(row)}")
        if found and len(values) != len(found[0][1]):
            raise ValueError(
                f"row {number} of the metrics has {len(values)} seeds, those before {len(found[0][1])}"
            )
        found.append((row["env_steps"], [np.nan if value is None else value for value in values]))
    if not found:
        return np.zeros(0, np.int64), np.zeros((0, 1))
    steps = np.array([step for step, _ in found], dtype=np.int64)
    values = np.array([values for _, values in found], dtype=np.float64)
    has = ~np.all(np.isnan(values), axis=1)
    return steps[has], values[has]


def seed_mean(values: np.ndarray) -> np.ndarray:
    """``float[row]`` from ``float[row, seed]``: the mean over the seeds that have a number."""
    return mean(values, axis=1)


def smooth(values: np.ndarray) -> np.ndarray:
    """Mean over the last tenth of the curve up to each point of ``float[row, ...]``; NaN is left out."""
    window = max(1, len(values) // _PARTS)
    has = ~np.isnan(values)
    sums, counts = _running(np.where(has, values, 0.0)), _running(has.astype(np.float64))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - window)
    return _divide(sums[ends] - sums[starts], counts[ends] - counts[starts])


def final(values: np.ndarray) -> np.ndarray:
    """``float[seed]``: each seed's mean over the last tenth of ``float[row, seed]``; NaN if there is none."""
    return mean(values[-max(1, len(values) // _PARTS) :], axis=0)


def mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean over an axis with NaN left out; NaN where there is nothing else."""
    has = ~np.isnan(values)
    return _divide(np.sum(np.where(has, values, 0.0), axis=axis), np.sum(has, axis=axis))


def _running(values: np.ndarray) -> np.ndarray:
    """Sums of the first 0, 1, ... rows."""
    return np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])


def _divide(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
