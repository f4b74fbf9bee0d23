"""Estimates and how sure they are.

Values have axes ``[seed, episode]``: a row per training seed, and all rows, of all policies, hold the same
episodes. A plain list of episodes is one seed.

An interval says how far a figure would move with other episodes and, where there are several, with other
training seeds (the hierarchical bootstrap). Each resample draws seeds, then episodes, both with replacement;
the episodes once for all seeds, since they hold the same ones (crossed factors: Owen 2007, "The pigeonhole
bootstrap"). The interval of a single seed covers episodes alone. A single episode has no interval.

A few seeds vary less among themselves than all possible ones. So, where there are several, the percentiles
are moved outwards as by Hesterberg 2015 ("What teachers should know about the bootstrap", the expanded
percentile interval), with the degrees of freedom of Satterthwaite 1946. Three seeds remain few: if most of
the variance is between seeds, even the widest interval that a bootstrap can give holds the truth in three of
four cases only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

RESAMPLES = 10_000
_BLOCK = 100


@dataclass(frozen=True)
class Estimate:
    """A mean with a 95% confidence interval."""

    n: int  # values, of all seeds together
    mean: float
    sd: float | None  # standard deviation of all values, n - 1; None for a single episode
    low: float | None  # None for a single episode
    high: float | None
    seeds: int = 1
    seed_sd: float | None = None  # standard deviation of the seeds' means, seeds - 1; None for a single seed


@dataclass(frozen=True)
class Interval:
    """A figure other than a mean, with a 95% confidence interval; None for a single episode."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Difference:
    """Difference of the means of two independent samples."""

    value: float
    error: float  # standard error
    freedom: float  # degrees of freedom
    low: float  # 95% confidence interval
    high: float
    p: float  # that there is no difference, two-sided


def estimate(values: np.ndarray, seed: int = 0) -> Estimate:
    """Mean of ``values`` (f[episode] or f[seed, episode]).

    The interval is that of the percentile bootstrap (Efron 1979); for several seeds see the module.
    Raises ``ValueError`` if there are no values.
    """
    values = _by_seed(values)
    return _estimate(values, values.mean(axis=1), seed)


def paired_difference(first: np.ndarray, second: np.ndarray, seed: int = 0) -> Estimate:
    """Mean of ``first - second``, episode by episode; f[episode] or f[seed, episode] on the same episodes.

    ``sd`` is that of the differences of all pairs of seeds; ``seed_sd`` that of the pairs' means.
    Raises ``ValueError`` if they have different episodes.
    """
    first, second = _paired(first, second)
    differences = first[:, None] - second[None]
    return _estimate(differences, differences.mean(axis=2).reshape(-1), seed)


def paired_p_value(first: np.ndarray, second: np.ndarray) -> float | None:
    """Two-sided p-value that two means are equal; takes what :func:`paired_difference` takes.

    A t-test of the mean difference. Its variance is the sum of those over seeds of either and over episodes,
    its degrees of freedom are those of Satterthwaite 1946; with one seed each it is the paired t-test. None
    for a single episode. Where nothing varies it is 1 for equal means, else 0.
    """
    from scipy import stats

    first, second = _paired(first, second)
    if first.shape[1] < 2:
        return None
    differences = first[:, None] - second[None]
    parts, freedom = _variances(_by_axis(differences))
    value = abs(float(differences.mean()))
    if not parts.sum():
        return float(value == 0)
    return float(2 * stats.t.sf(value / np.sqrt(parts.sum()), freedom))


def holm(p_values: Mapping[Any, float]) -> dict[Any, float]:
    """p-values adjusted by Holm's procedure (1979), in the order given.

    Calling those below ``a`` wrong calls any right hypothesis wrong with a chance of at most ``a``,
    however the p-values depend on each other.
    """
    if odd := {name: p for name, p in p_values.items() if not 0 <= p <= 1}:
        raise ValueError(f"p-values must lie in 0..1, not {odd}")
    result, least = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[name]))
        result[name] = least
    return {name: result[name] for name in p_values}


def probability_of_improvement(first: np.ndarray, second: np.ndarray, seed: int = 0) -> Interval:
    """How often a seed of ``first`` beats one of ``second`` in the same episode; a tie counts half.

    P(X > Y) of Agarwal et al. 2021 ("Deep reinforcement learning at the edge of the statistical precipice"),
    averaged over episodes, which are its tasks. Takes what :func:`paired_difference` takes.
    """
    first, second = _paired(first, second)
    ahead = np.sign(first[:, None] - second[None])
    return _interval((1 + ahead) / 2, seed)


def contrast(groups: Sequence[tuple[float, np.ndarray]], seed: int = 0, confidence: float = 0.95) -> Interval:
    """Sum of ``weight * mean(values)`` over groups, f[episode] or f[seed, episode] on the same episodes.

    With the weights 1 and -1 it is :func:`paired_difference`. Seeds of each group are resampled
    independently, episodes once for all groups. Two one-sided tests at 5% find the sum within a margin where
    the interval with a ``confidence`` of 0.9 lies within it (Schuirmann 1987).

    Raises ``ValueError`` if groups have different episodes.
    """
    weights = [weight for weight, _ in groups]
    tables = [_by_seed(values) for _, values in groups]
    episodes = tables[0].shape[1]
    for table in tables:
        _paired(tables[0], table)

    def total(drawn: np.ndarray, *seeds: np.ndarray) -> np.ndarray:
        parts = zip(weights, tables, seeds, strict=True)
        sums = [weight * np.sum(own * (drawn @ table.T), axis=1) / table.size for weight, table, own in parts]
        return np.sum(sums, axis=0)

    value = float(sum(weight * table.mean() for weight, table in zip(weights, tables, strict=True)))
    if episodes < 2:
        return Interval(value, None, None)
    by_seed = [
        weight * table.mean(axis=1) for weight, table in zip(weights, tables, strict=True) if len(table) > 1
    ]
    by_episode = np.sum([w * table.mean(axis=0) for w, table in zip(weights, tables, strict=True)], axis=0)
    tail = _tail([*by_seed, by_episode] if by_seed else [], (1 - confidence) / 2)
    shape = (*map(len, tables), episodes)
    return Interval(value, *_quantiles(resampled(total, shape, seed), tail))


def interquartile_mean(values: np.ndarray, seed: int = 0) -> Interval:
    """Mean of the middle half of all values, of all seeds together (Agarwal et al. 2021).

    Of ``n`` values (f[episode] or f[seed, episode]) the ``n // 4`` least and as many greatest are left out.
    """
    values = _by_seed(values)
    order = np.argsort(values, axis=None)
    ranked = values.reshape(-1)[order]

    def trimmed(episodes: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        weights = (seeds[:, :, None] * episodes[:, None, :]).reshape(len(episodes), -1)[:, order]
        upto = np.clip(np.cumsum(weights, axis=1), ranked.size // 4, ranked.size - ranked.size // 4)
        weights = np.diff(upto, axis=1, prepend=ranked.size // 4)
        return weights @ ranked / (ranked.size - 2 * (ranked.size // 4))

    value = trimmed(np.ones((1, values.shape[1])), np.ones((1, len(values))))[0]
    return Interval(float(value), *bounds(resampled(trimmed, values.shape, seed), values))


# ---------------------------------------------------------------- independent samples


def mean_difference(first: np.ndarray, second: np.ndarray) -> Difference:
    """Mean of ``first`` minus that of ``second``, ``f[n]`` each, which share no episodes (Welch 1947).

    Where neither sample varies the interval is the value itself, and ``p`` is 1 for equal means, else 0.
    Raises ``ValueError`` for fewer than two values in a sample.
    """
    from scipy import stats

    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if min(first.size, second.size) < 2:
        raise ValueError(f"the test needs two values in each sample, not {first.size} and {second.size}")
    value = float(first.mean() - second.mean())
    a, b = first.var(ddof=1) / first.size, second.var(ddof=1) / second.size
    if a + b == 0:
        return Difference(value, 0.0, float(first.size + second.size - 2), value, value, float(value == 0))
    error = float(np.sqrt(a + b))
    freedom = float((a + b) ** 2 / (a**2 / (first.size - 1) + b**2 / (second.size - 1)))
    reach = float(stats.t.isf(0.025, freedom)) * error
    p = float(2 * stats.t.sf(abs(value) / error, freedom))
    return Difference(value, error, freedom, value - reach, value + reach, p)


def tost(difference: Difference, margin: float) -> float:
    """p-value of two one-sided tests that the means are ``margin`` or more apart (Schuirmann 1987).

    Below 0.05 they are equivalent: the 90% interval lies within the margin. Constants are so if equal, or
    closer than the margin.
    """
    from scipy import stats

    if difference.error == 0:
        return float(abs(difference.value) >= margin and difference.value != 0)
    return float(stats.t.sf((margin - abs(difference.value)) / difference.error, difference.freedom))


def detectable(difference: Difference, level: float = 0.05, power: float = 0.9) -> float:
    """The true difference that a two-sided test at ``level`` finds with ``power`` in samples like these."""
    from scipy import stats

    return float(stats.t.isf(level / 2, difference.freedom) + stats.norm.ppf(power)) * difference.error


# ---------------------------------------------------------------- the bootstrap


def resampled(statistic: Callable[..., np.ndarray], shape: Sequence[int], seed: int) -> np.ndarray:
    """``statistic`` of all resamples, ``f[resample, ...]``.

    Args:
        statistic: takes how often each episode was drawn, ``f[resample, episode]``, then the same for each
            axis of seeds, ``f[resample, seed]``; gives ``f[resample, ...]``.
        shape: numbers of seeds, one per axis of seeds, then the number of episodes.
    """
    return np.concatenate([statistic(*weights) for weights in _weights(shape, seed)])


def _weights(shape: Sequence[int], seed: int) -> Iterator[list[np.ndarray]]:
    """In blocks, so that many values need no more memory than few."""
    rng = np.random.default_rng(seed)
    sizes = (shape[-1], *shape[:-1])
    for _ in range(RESAMPLES // _BLOCK):
        yield [_drawn(rng, size) for size in sizes]


def _drawn(rng: np.random.Generator, size: int) -> np.ndarray:
    """How often each of ``size`` things is drawn in ``size`` draws: ``f64[_BLOCK, size]``."""
    if size == 1:
        return np.ones((_BLOCK, 1))
    draws = rng.integers(0, size, (_BLOCK, size)) + size * np.arange(_BLOCK)[:, None]
    return np.bincount(draws.reshape(-1), minlength=_BLOCK * size).reshape(_BLOCK, size).astype(np.float64)


def weighted(values: np.ndarray, episodes: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Sums of ``values`` (f[seed, episode, ...]) in resamples, ``f[resample, ...]``.

    Args:
        episodes, seeds: how often each was drawn, as a statistic of :func:`resampled` gets it.
    """
    by_seed = np.tensordot(episodes, values, axes=(1, 1))  # [resample, seed, ...]
    return np.einsum("rs,rs...->r...", seeds, by_seed)


def bounds(resamples: np.ndarray, values: np.ndarray) -> tuple[float, float] | tuple[None, None]:
    """The 95% interval of ``resamples`` (f[resample]) of a figure that is like the mean of ``values``.

    None, None for a single episode, which says nothing of others.

    Args:
        values: ``f[*seeds, episode]``, from which follows how much of the spread is that of the few seeds.
    """
    if values.shape[-1] < 2:
        return None, None
    if values.size == values.shape[-1]:
        return _quantiles(resamples, _tail([], 0.025))
    return _quantiles(resamples, _tail(_by_axis(values), 0.025))


def _by_axis(values: np.ndarray) -> list[np.ndarray]:
    """The means by each thing that is resampled, ``f[n]`` each, of ``values`` (f[*seeds, episode])."""
    axes = [axis for axis, size in enumerate(values.shape) if size > 1]
    return [values.mean(axis=tuple(set(range(values.ndim)) - {axis})) for axis in axes]


def _variances(means: Sequence[np.ndarray]) -> tuple[np.ndarray, float]:
    """What each of ``means`` adds to the variance of their mean, and the sum's degrees of freedom."""
    sizes = np.array([len(mean) for mean in means])
    parts = np.array([mean.var(ddof=1) for mean in means]) / sizes
    return parts, float(parts.sum() ** 2 / np.sum(parts**2 / (sizes - 1))) if parts.sum() else np.inf


def _quantiles(resamples: np.ndarray, tail: float) -> tuple[float, float]:
    low, high = np.quantile(resamples, (tail, 1 - tail))
    return float(low), float(high)


def _tail(means: Sequence[np.ndarray], tail: float) -> float:
    """The part of the resamples below an interval: ``tail`` for one seed, less for several (see the module).

    Args:
        means: the means by each thing that is resampled, ``f[n]`` each; none for one seed.
    """
    from scipy import stats  # imported late: slow, and most commands do not need it

    if not means:
        return tail
    parts, freedom = _variances(means)
    if not parts.sum():
        return tail
    shrunk = np.sum([part * (len(mean) - 1) / len(mean) for part, mean in zip(parts, means, strict=True)])
    return float(stats.norm.cdf(stats.t.ppf(tail, freedom) * np.sqrt(parts.sum() / shrunk)))


def _interval(values: np.ndarray, seed: int) -> Interval:
    """Mean of ``values`` (f[*seeds, episode]) over all axes, each of which is resampled."""
    *seeds, episodes = values.shape
    flat = values.reshape(-1, episodes)

    def mean(drawn: np.ndarray, *drawn_seeds: np.ndarray) -> np.ndarray:
        weights = drawn_seeds[0]
        for more in drawn_seeds[1:]:
            weights = (weights[:, :, None] * more[:, None, :]).reshape(len(more), -1)
        return np.sum(weights * (drawn @ flat.T), axis=1) / flat.size

    return Interval(float(values.mean()), *bounds(resampled(mean, (*seeds, episodes), seed), values))


def _estimate(values: np.ndarray, seed_means: np.ndarray, seed: int) -> Estimate:
    found = _interval(values, seed)
    return Estimate(
        n=values.size,
        mean=found.value,
        sd=_sd(values.reshape(-1)) if values.shape[-1] > 1 else None,
        low=found.low,
        high=found.high,
        seeds=seed_means.size,
        seed_sd=_sd(seed_means),
    )


def _sd(values: np.ndarray) -> float | None:
    return float(values.std(ddof=1)) if values.size > 1 else None


def _by_seed(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim not in (1, 2) or not values.size:
        raise ValueError(
            f"values have shape {values.shape}; expected [episode] or [seed, episode], at least one number"
        )
    return np.atleast_2d(values)


def _paired(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = _by_seed(first), _by_seed(second)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"cannot pair {first.shape[1]} with {second.shape[1]} episodes")
    return first, second
