"""Times of which some are censored: the estimator of Kaplan and Meier (1958), with intervals.

A time that goes on when its episode ends is censored: all that is known is that it is longer. Leaving such
times out, or counting them as ended, makes bad policies look good. Several times of one episode depend on
each other, so the bootstrap resamples episodes and training seeds, as :mod:`garrison.judge.stats` does.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from garrison.judge.stats import Interval, bounds, resampled, weighted


class Times(NamedTuple):
    """Times of all episodes, as ``int[n]`` each: the episode of a time, its length, whether it ended."""

    seed: np.ndarray
    episode: np.ndarray
    length: np.ndarray
    ended: np.ndarray


def kaplan_meier(ended: np.ndarray, censored: np.ndarray) -> np.ndarray:
    """The share of times that are longer than each length of a grid, ``f[..., length]``.

    Args:
        ended, censored: numbers of times with these lengths, ``f[..., length]``. A time that is censored at a
            length counts among those that may still end there. NaN if there are no times.
    """
    at_risk = np.cumsum((ended + censored)[..., ::-1], axis=-1)[..., ::-1]
    left = np.cumprod(1 - ended / np.where(at_risk > 0, at_risk, 1), axis=-1)
    return np.where(at_risk[..., :1] > 0, left, np.nan)


def figures(times: Times, shape: tuple[int, int], seed: int = 0) -> dict[str, Any] | None:
    """JSON-ready; None if there are no times.

    Args:
        shape: numbers of seeds and of episodes, of those without a time too.

    Returns:
        ``count``, of all times, and ``censored`` ones among them; ``ended``, the share that ended;
        ``within``, the longest time; ``mean`` of the times, none counted beyond ``within``; ``median``, whose
        value and bounds are None where they lie beyond it; ``curve``, ``[length, share of longer times]``
        where it falls.
    """
    if not times.length.size:
        return None
    grid = _grid(times)
    ended, censored = _counts(times, grid, shape)
    within = int(grid[-1])
    drawn = resampled(
        lambda *drawn: _statistics(weighted(ended, *drawn), weighted(censored, *drawn), grid), shape, seed
    )
    each = np.sum((ended + censored) * grid, axis=-1)  # how much seeds differ
    total = _statistics(ended.sum(axis=(0, 1))[None], censored.sum(axis=(0, 1))[None], grid)[0]
    found = [
        Interval(float(value), *_bounds(column, each)) for value, column in zip(total, drawn.T, strict=True)
    ]
    mean, median, share = map(asdict, found)
    beyond = {name: None if x is None or x > within else x for name, x in median.items()}
    curve = kaplan_meier(ended.sum(axis=(0, 1)), censored.sum(axis=(0, 1)))
    falls = np.diff(curve, prepend=1.0) < 0
    return {
        "count": int(times.length.size),
        "censored": int(np.sum(~times.ended)),
        "ended": share,
        "within": within,
        "mean": mean,
        "median": beyond,
        "curve": [[int(x), float(y)] for x, y in zip(grid[falls], curve[falls], strict=True)],
    }


def difference(
    first: Times, second: Times, shapes: tuple[tuple[int, int], tuple[int, int]], seed: int = 0
) -> dict[str, Any] | None:
    """Mean time of ``first`` minus that of ``second`` in the same episodes; None if either has no times.

    No time counts beyond ``within``, the shorter of the longest times.
    """
    if not first.length.size or not second.length.size:
        return None
    grids = _grid(first), _grid(second)
    grid = np.union1d(*grids)
    grid = grid[grid <= min(one[-1] for one in grids)]
    counts = [
        _counts(_cut(one, int(grid[-1])), grid, shape)
        for one, shape in zip((first, second), shapes, strict=True)
    ]

    def apart(episodes: np.ndarray, *seeds: np.ndarray) -> np.ndarray:
        means = [
            _statistics(weighted(ended, episodes, own), weighted(censored, episodes, own), grid)[:, 0]
            for (ended, censored), own in zip(counts, seeds, strict=True)
        ]
        return means[0] - means[1]

    ones = [np.ones((1, shape[0])) for shape in shapes]
    episodes = shapes[0][1]
    each = [np.sum((ended + censored) * grid, axis=-1) for ended, censored in counts]
    drawn = resampled(apart, (shapes[0][0], shapes[1][0], episodes), seed)
    value = float(apart(np.ones((1, episodes)), *ones)[0])
    found = Interval(value, *_bounds(drawn, each[0][:, None] - each[1][None]))
    return asdict(found) | {"within": int(grid[-1])}


def _grid(times: Times) -> np.ndarray:
    return np.union1d(times.length, [0])


def _cut(times: Times, longest: int) -> Times:
    """The times as if nobody had looked longer than that."""
    longer = times.length > longest
    return times._replace(length=np.minimum(times.length, longest), ended=times.ended & ~longer)


def _counts(times: Times, grid: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of ended and censored times, ``f[seed, episode, length]``."""
    counts = np.zeros((2, *shape, len(grid)))
    place = np.searchsorted(grid, times.length)
    np.add.at(counts, ((~times.ended).astype(int), times.seed, times.episode, place), 1)
    return counts[0], counts[1]


def _statistics(ended: np.ndarray, censored: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Mean, median and share that ended, ``f[resample, 3]``; a median beyond the grid is one step more."""
    curve = kaplan_meier(ended, censored)
    mean = np.sum(curve[:, :-1] * np.diff(grid), axis=1)
    below = curve <= 0.5 + 1e-9
    median = np.where(below.any(axis=1), grid[below.argmax(axis=1)], grid[-1] + 1.0)
    count = np.sum(ended + censored, axis=1)
    share = np.sum(ended, axis=1) / np.where(count > 0, count, np.nan)
    return np.stack([mean, np.where(count > 0, median, np.nan), share], axis=1)


def _bounds(drawn: np.ndarray, each: np.ndarray) -> tuple[float, float] | tuple[None, None]:
    """As :func:`stats.bounds`, without resamples in which there was nothing to measure."""
    drawn = drawn[np.isfinite(drawn)]
    return bounds(drawn, each) if drawn.size else (None, None)
