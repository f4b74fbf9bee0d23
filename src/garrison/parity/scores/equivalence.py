"""Does a policy fare on CybORG as it does here? Independent episodes of both, compared quantity by quantity.

Two questions are asked of each quantity, the official score and the reward by part and phase:

- Is there a gap at all? Welch's t-tests of all quantities of all policies, and a permutation test of each
  policy's behavior, adjusted together by Holm: one family, so that a search through hundreds of quantities
  finds nothing by chance but with ``LEVEL``.
- Is the gap smaller than a margin? Two one-sided tests (TOST, Schuirmann 1987) at 5%. For a part or a phase
  the margin is the same share of CybORG's standard deviation as the score's margin is of the score's.

A gap that is not found is no proof: so there is also the gap that these samples would have shown with
``POWER``, and how many episodes would prove the margin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import ceil, inf
from typing import Any

import numpy as np
from scipy import stats

from garrison.judge.behavior import shares
from garrison.judge.stats import RESAMPLES, detectable, mean_difference, resampled, tost
from garrison.parity.scores import multiple_tests
from garrison.parity.scores.episodes_file import ENGINES, Row
from garrison.worlds.cc4.behavior import BLUE

LEVEL = 0.05  # family-wise, for gaps; and that of the two one-sided tests
POWER = 0.9
BLOCK = 500  # shuffles at a time, to bound memory

#: ``f[episode]`` of each quantity by name
Sample = dict[str, np.ndarray]


def sample_of(rows: Sequence[Row]) -> Sample:
    """The quantities: ``score``, each part and phase, and each part in each phase.

    The score leaves out the last reward, as the challenge's evaluation does; all others count it.
    """
    parts = {name: np.array([row["parts"][name] for row in rows], float) for name in rows[0]["parts"]}
    by_phase = np.sum(list(parts.values()), axis=0)  # [episode, phase]
    sample = {"score": np.array([row["score"] for row in rows], float)}
    sample |= {name: values.sum(axis=1) for name, values in parts.items()}
    sample |= {phase: by_phase[:, i] for i, phase in enumerate(BLUE.phases)}
    return sample | {
        f"{phase} {name}": values[:, i]
        for i, phase in enumerate(BLUE.phases)
        for name, values in parts.items()
    }


def by_engine(rows: Sequence[Row]) -> dict[str, list[Row]]:
    return {engine: [row for row in rows if row["engine"] == engine] for engine in ENGINES}


def study(
    found: Mapping[tuple[str, str], Sequence[Row]], margins: Mapping[str, float], margin: float, seed: int = 0
) -> dict[str, Any]:
    """All figures, JSON-ready.

    Args:
        found: episodes of both engines, by policy and red.
        margins: of the score, by policy; for others it is ``margin``.
        seed: of the bootstrap and of the shuffles.

    Returns:
        ``pairs``: policy, red, ``episodes`` and ``version`` by engine, ``gaps`` (one per quantity) and
        ``behavior``; ``waiting``: those that lack two episodes on a side; and what all come to.
    """
    ready = {key: sides for key, rows in found.items() if _enough(sides := by_engine(rows))}
    pairs = [_pair(*key, sides, margins.get(key[0], margin), seed) for key, sides in ready.items()]
    _adjust(pairs)
    tested = [
        one for pair in pairs for one in (*pair["gaps"], pair["behavior"]) if one["adjusted"] is not None
    ]
    return {
        "level": LEVEL,
        "power": POWER,
        "tests": len(tested),
        "systematic": sum(one["adjusted"] < LEVEL for one in tested),
        "least_adjusted_p": min((one["adjusted"] for one in tested), default=1.0),
        "waiting": [list(key) for key in found if key not in ready],
        "pairs": pairs,
    }


def _enough(sides: Mapping[str, Sequence[Row]]) -> bool:
    return min(len(rows) for rows in sides.values()) >= 2


def _pair(
    policy: str, red: str, sides: Mapping[str, Sequence[Row]], margin: float, seed: int
) -> dict[str, Any]:
    ours, theirs = (sample_of(sides[engine]) for engine in ENGINES)
    kinds = [np.array([row["decisions"] for row in sides[engine]]) for engine in ENGINES]
    spread = theirs["score"].std(ddof=1)
    share = margin / spread if spread else 0.0
    return {
        "policy": policy,
        "red": red,
        "player": sides["garrison"][0]["player"],
        "world": sides["garrison"][0]["world"],
        "episodes": {engine: len(rows) for engine, rows in sides.items()},
        "version": {engine: rows[0]["version"] for engine, rows in sides.items()},
        "margin": margin,
        "gaps": [
            _gap(
                name,
                ours[name],
                theirs[name],
                margin if name == "score" else share * theirs[name].std(ddof=1),
            )
            for name in theirs
        ],
        "behavior": behavior(*kinds, seed),
    }


def _gap(name: str, ours: np.ndarray, theirs: np.ndarray, margin: float) -> dict[str, Any]:
    difference = mean_difference(ours, theirs)
    p = tost(difference, margin)
    return {
        "quantity": name,
        "garrison": {"mean": float(ours.mean()), "sd": float(ours.std(ddof=1))},
        "cyborg": {"mean": float(theirs.mean()), "sd": float(theirs.std(ddof=1))},
        "difference": asdict(difference),
        "margin": float(margin),
        "tost": p,
        "equivalent": p < LEVEL,
        "detectable": detectable(difference, LEVEL, POWER),
        "needed": needed(ours, theirs, margin),
        "constant": difference.error == 0 and difference.value == 0,
    }


def needed(ours: np.ndarray, theirs: np.ndarray, margin: float) -> int | None:
    """Episodes per side with which two samples like these, without a gap, pass the tests with ``POWER``.

    None where no number would do.
    """
    variance = ours.var(ddof=1) + theirs.var(ddof=1)
    if not variance:
        return 2
    reach = stats.norm.isf(LEVEL) + stats.norm.isf((1 - POWER) / 2)
    return max(2, ceil(variance * (reach / margin) ** 2)) if margin > 0 else None


def _adjust(pairs: Sequence[dict[str, Any]]) -> None:
    """Put Holm's adjusted p-value beside each; None where both sides are the same constant."""
    tested = {}
    for pair in pairs:
        for gap in pair["gaps"]:
            gap["adjusted"] = None
            if not gap["constant"]:
                tested[pair["policy"], pair["red"], gap["quantity"]] = gap, gap["difference"]["p"]
        tested[pair["policy"], pair["red"], "behavior"] = pair["behavior"], pair["behavior"]["p"]
    for key, p in multiple_tests.adjusted({key: p for key, (_, p) in tested.items()}).items():
        tested[key][0]["adjusted"] = p


# ---------------------------------------------------------------- behavior


def behavior(ours: np.ndarray, theirs: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """Total variation distance between the shares of decisions by kind of action: 0 alike, 1 disjoint.

    A distance is never negative, so two samples of one law have one above 0. Yardsticks are halves of
    CybORG's episodes, and all episodes dealt at random to the two sides.

    Args:
        ours, theirs: ``int[episode, kind]``.

    Returns:
        ``distance``, with the 95% percentile bootstrap interval ``low`` and ``high``; ``halves``, the mean
        distance of random halves of ``theirs``, and ``halves_high``, which 95% of them stay below; ``p``, of
        the permutation test that both sides are of one law.
    """
    rng = np.random.default_rng(seed)
    value = float(_apart(ours.sum(axis=0), theirs.sum(axis=0)))

    def drawn(our_weights: np.ndarray, their_weights: np.ndarray) -> np.ndarray:
        return _apart(our_weights @ ours, their_weights @ theirs)

    low, high = np.quantile(resampled(drawn, (len(theirs), len(ours)), seed), (0.025, 0.975))
    halves = _dealt(theirs, len(theirs) // 2, rng)
    dealt = _dealt(np.concatenate([ours, theirs]), len(ours), rng)
    as_far = np.sum(dealt >= value * (1 - 1e-9))  # the same counts in another order may round differently
    return {
        "distance": value,
        "low": float(low),
        "high": float(high),
        "halves": float(halves.mean()),
        "halves_high": float(np.quantile(halves, 0.95)),
        "p": float((1 + as_far) / (1 + len(dealt))),
        "shares": {
            engine: dict(zip(BLUE.axes["action"], shares(kinds.sum(axis=0)).tolist(), strict=True))
            for engine, kinds in zip(ENGINES, (ours, theirs), strict=True)
        },
    }


def _apart(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Total variation distance of the shares of counts ``[..., kind]``."""
    return np.abs(shares(ours) - shares(theirs)).sum(axis=-1) / 2


def _dealt(kinds: np.ndarray, first: int, rng: np.random.Generator) -> np.ndarray:
    """Distances when ``first`` of the episodes, drawn at random, are one side and the rest the other."""
    total, found = kinds.sum(axis=0), []
    for _ in range(RESAMPLES // BLOCK):
        order = rng.permuted(np.tile(np.arange(len(kinds)) < first, (BLOCK, 1)), axis=1)
        side = order.astype(float) @ kinds
        found.append(_apart(side, total - side))
    return np.concatenate(found)


def prominent(pair: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The score, the parts and the phases; without each part in each phase."""
    phases = tuple(f"{phase} " for phase in BLUE.phases)
    return [gap for gap in pair["gaps"] if not gap["quantity"].startswith(phases)]


def farthest(figures: Mapping[str, Any]) -> float:
    """The largest difference of all quantities, in standard errors."""
    differences = [gap["difference"] for pair in figures["pairs"] for gap in pair["gaps"]]
    return max((abs(one["value"]) / (one["error"] or inf) for one in differences), default=0.0)
