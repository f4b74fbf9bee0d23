"""Estimates and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
BLOCK = 100


@dataclass(frozen=True)
class Estimate:
    """A mean with a 95% confidence interval."""

    n: int
    mean: float
    sd: float  # standard deviation of the sample, n - 1; 0 for a single value
    low: float
    high: float


def estimate(values: np.ndarray, seed: int = 0) -> Estimate:
    """Mean of ``values`` (f[n]), its interval by the percentile bootstrap (Efron 1979).

    Raises ``ValueError`` if there are no values.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"values have shape {values.shape}; expected a list of at least one number")
    n = len(values)
    rng = np.random.default_rng(seed)
    # In blocks, so that many values need no more memory than few.
    means = [values[rng.integers(0, n, (BLOCK, n))].mean(axis=1) for _ in range(RESAMPLES // BLOCK)]
    low, high = np.quantile(means, (0.025, 0.975))
    sd = float(values.std(ddof=1)) if n > 1 else 0.0
    return Estimate(n, float(values.mean()), sd, float(low), float(high))


def paired_difference(ours: np.ndarray, theirs: np.ndarray, seed: int = 0) -> Estimate:
    """Mean of ``ours - theirs``, episode by episode; both f[n] on the same episodes.

    Raises ``ValueError`` if they have different lengths.
    """
    if np.shape(ours) != np.shape(theirs):
        raise ValueError(f"cannot pair {np.shape(ours)} with {np.shape(theirs)} episodes")
    return estimate(np.asarray(ours, np.float64) - np.asarray(theirs, np.float64), seed)
