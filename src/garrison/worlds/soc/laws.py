"""Quantile tables of the laws of durations and delays (``soc-rules.md §2.4``), built on the host.

A law is its 65 quantiles of probabilities evenly spaced in 0.5-99.5 %, in milliseconds. A uniform ``u`` draws
from it by linear interpolation in integers (:func:`draw`). Standard library and NumPy only.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

import numpy as np

from garrison.worlds.soc.tables.laws import LAWS, NUM_QUANTILES, QUANTILE_RANGE, Law, Shape

PROBABILITIES = np.linspace(*QUANTILE_RANGE, NUM_QUANTILES)
NORMAL_UNIT = 1024  #: unit of :func:`normal`


@cache
def quantiles() -> np.ndarray:
    """The table of all laws, ``int32[law, 65]``, read-only. Built at the first call."""
    table = np.stack([build(law) for law in LAWS])
    table.setflags(write=False)
    return table


@cache
def normal() -> np.ndarray:
    """Quantiles of a normal distribution with sd 1 as drawn from the table, ``int32[65]``, in 1/1024."""
    z = np.array([NormalDist().inv_cdf(p) for p in PROBABILITIES])
    table = np.rint(z / math.sqrt(_moments(z)[1]) * NORMAL_UNIT).astype(np.int32)
    table.setflags(write=False)
    return table


def build(law: Law) -> np.ndarray:
    """Quantiles of one law, ``int32[65]``, scaled so that what is drawn from them has the law's mean.

    Raises:
        ValueError: for a mean outside the law's range, or a law that is not fixed and has no spread.
    """
    if not law.least <= law.mean <= law.greatest:
        raise ValueError(f"law: mean {law.mean} ms is outside {law.least}-{law.greatest} ms")
    if law.shape == Shape.FIXED:
        return np.full(NUM_QUANTILES, round(law.mean), np.int32)
    if law.sd <= 0:
        raise ValueError(f"law: {law.shape.name} with standard deviation {law.sd}; it must be positive")
    cv = law.sd / law.mean
    match law.shape:
        case Shape.GAMMA:
            relative = np.array([_gamma_quantile(p, 1 / cv**2) * cv**2 for p in PROBABILITIES])
        case Shape.LOGNORMAL:
            sigma = math.sqrt(math.log1p(cv**2))
            relative = np.exp([sigma * NormalDist().inv_cdf(p) for p in PROBABILITIES])
        case Shape.EXPONENTIAL:
            relative = -np.log1p(-PROBABILITIES)
    return np.rint(_scaled(relative, law)).astype(np.int32)


def draw(table: np.ndarray, law: int, u: float) -> int:
    """The duration that a uniform ``u`` of 24 bits draws: interpolation in integers (§2.4)."""
    x = 64 * u
    i = int(x)
    low, high = int(table[law, i]), int(table[law, i + 1])
    return low + ((high - low) * int(256 * (x - i)) >> 8)


def _scaled(relative: np.ndarray, law: Law) -> np.ndarray:
    """``relative`` times the factor for which the clipped quantiles have the law's mean, by bisection."""
    low, high = 0.0, 4 * law.mean / _moments(relative)[0]
    for _ in range(80):
        factor = (low + high) / 2
        mean = _moments(np.clip(factor * relative, law.least, law.greatest))[0]
        low, high = (factor, high) if mean < law.mean else (low, factor)
    return np.clip(high * relative, law.least, law.greatest)


def _moments(quantiles: np.ndarray) -> tuple[float, float]:
    """Mean and variance of linear interpolation between ``quantiles`` at a uniform."""
    a, b = quantiles[:-1], quantiles[1:]
    mean = float(np.mean(a + b) / 2)
    return mean, float(np.mean(a * a + a * b + b * b) / 3) - mean**2


def _gamma_quantile(p: float, shape: float) -> float:
    """Quantile of a gamma distribution of scale 1, by bisection on its distribution function."""
    low, high = 0.0, shape + 20 * math.sqrt(shape) + 20
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _gamma_cdf(middle, shape) < p else (low, middle)
    return high


def _gamma_cdf(x: float, shape: float) -> float:
    """Regularized lower incomplete gamma function, by its power series.

    P(a, x) = x^a e^-x / Γ(a + 1) · Σ_n x^n / ((a + 1) ... (a + n)); NIST Handbook, 8.11.4.
    """
    if x <= 0:
        return 0.0
    term = total = 1.0
    n = 0
    while term > 1e-17 * total:
        n += 1
        term *= x / (shape + n)
        total += term
    return total * math.exp(shape * math.log(x) - x - math.lgamma(shape + 1))
