"""Statistical tests of random numbers, for tests: of one distribution each, and of many at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import stats

from garrison.judge.stats import holm

_LEAST_EXPECTED = 5.0  # below it the chi-square approximation is poor (Cochran 1954)


def rejected(p_values: Mapping[str, float], level: float) -> dict[str, float]:
    """The hypotheses that Holm's procedure rejects at a family-wise ``level``, with adjusted p-values."""
    return {name: p for name, p in holm(p_values).items() if p < level}


def fit(counts: np.ndarray, chances: np.ndarray) -> float:
    """p-value of Pearson's chi-square test that ``counts`` (int[k]) fall with ``chances`` (f[k]).

    Categories in which less than 5 is expected are counted together. A count where the chance is 0 gives 0;
    a single category left gives 1.
    """
    counts, chances = np.asarray(counts, float), np.asarray(chances, float)
    if counts.shape != chances.shape or counts.ndim != 1 or not counts.sum():
        raise ValueError(f"counts {counts.shape} and chances {chances.shape} must be one list of categories")
    if counts[chances == 0].any():
        return 0.0
    expected = counts.sum() * chances / chances.sum()
    starts = _groups(order := np.argsort(expected, kind="stable"), expected)
    if len(starts) == 1:
        return 1.0
    together = [np.add.reduceat(values[order], starts) for values in (counts, expected)]
    return float(stats.chisquare(*together).pvalue)


def _groups(order: np.ndarray, expected: np.ndarray) -> list[int]:
    """Where groups in which enough is expected start, going through the categories in ``order``."""
    starts, total = [0], 0.0
    for place, category in enumerate(order):
        if total >= _LEAST_EXPECTED:
            starts, total = [*starts, place], 0.0
        total += expected[category]
    return starts if total >= _LEAST_EXPECTED or len(starts) == 1 else starts[:-1]


def share(hits: int, n: int, chance: float) -> float:
    """p-value of the exact binomial test that ``hits`` of ``n`` happen with ``chance``."""
    return float(stats.binomtest(int(hits), int(n), chance).pvalue)


def uniform(values: np.ndarray) -> float:
    """p-value of the Kolmogorov–Smirnov test that ``values`` are uniform in [0, 1)."""
    return float(stats.kstest(np.asarray(values, float).ravel(), "uniform").pvalue)


def spread(low: np.ndarray, high: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Uniforms for discrete outcomes, each anywhere in the interval ``low..high`` that is its own in [0, 1).

    If the chances are those that the intervals say, the result is uniform, whatever was to choose from each
    time (randomised probability integral transform, Brockwell 2007).
    """
    low, high = np.asarray(low, float), np.asarray(high, float)
    return low + (high - low) * rng.random(low.shape)


def spread_choices(index: np.ndarray, count: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """:func:`spread` for choices of ``index`` among ``count`` with equal chances."""
    index, count = np.asarray(index), np.asarray(count)
    return spread(index / count, (index + 1) / count, rng)
