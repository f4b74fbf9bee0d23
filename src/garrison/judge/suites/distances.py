"""How differently a red acts from the stock one, ``fsm``.

Measured by ``studies/cc4_red_distances.py`` from the actions that its agents execute against fixed defenders,
by kind, subnet and outcome.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("distances.json")


@cache
def distances() -> dict[str, dict[str, Any]]:
    """By red, what :func:`measured` says of it, as the study found it."""
    return json.loads(FILE.read_text(encoding="utf-8"))["reds"]


def jensen_shannon(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Jensen-Shannon distance of histograms on the last axis, ``f[...]``: 0 equal, 1 disjoint.

    The square root of the divergence to base 2 (Endres and Schindelin 2003). Raises ``ValueError`` for a
    histogram without entries.
    """
    p, q = (np.asarray(x, np.float64) for x in (first, second))
    totals = [x.sum(axis=-1, keepdims=True) for x in (p, q)]
    if not all(np.all(total > 0) for total in totals):
        raise ValueError("a histogram is empty; the distance needs at least one entry in each")
    p, q = np.broadcast_arrays(p / totals[0], q / totals[1])
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return np.sqrt(np.clip(divergence, 0, 1))


def _relative_entropy(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    ratio = np.divide(p, q, out=np.ones_like(p), where=p > 0)
    return np.sum(p * np.log2(ratio), axis=-1)


def noise(counts: np.ndarray, splits: int = 1000, seed: int = 0) -> dict[str, float]:
    """Distances between random halves of the episodes of one red: their ``mean``, and the 95% ``line``.

    Args:
        counts: ``int[episode, cell]``, of at least two episodes.
    """
    rng, number = np.random.default_rng(seed), len(counts)
    if number < 2:
        raise ValueError(f"{number} episodes have no halves; at least 2")
    total = counts.sum(axis=0)
    halves = np.stack([counts[rng.permutation(number)[: number // 2]].sum(axis=0) for _ in range(splits)])
    found = jensen_shannon(halves, total - halves)
    return {"mean": float(found.mean()), "line": float(np.quantile(found, 0.95))}
