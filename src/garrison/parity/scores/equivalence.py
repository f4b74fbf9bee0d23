"""Statistical equivalence of CybORG and Garrison under the same policies, from independent episodes.

Each quantity (the official score and the reward by part and phase) is tested twice:

- For a gap: Welch's t-test. The tests of all quantities of all policies, and a permutation test of each
  policy's behavior, are one family, adjusted by Holm: the chance of any false alarm is at most ``LEVEL``.
- For equivalence: two one-sided tests (TOST, Schuirmann 1987) at 5%. The margin of a part or phase is the
  same share of CybORG's standard deviation as the score's margin is of the score's.

A gap that is not found proves nothing. So each quantity also has the true gap that its samples would have
shown with ``POWER``, and the number of episodes that would establish equivalence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import ceil, inf
from typing import Any

import numpy as np
from scipy import stats

from garrison.judge.behavior import shares
from garrison.judge.stats import RESAMPLES, detectable, holm, mean_difference, resampled, tost
from garrison.parity.scores.episodes_file import ENGINES, Row
from garrison.worlds.cc4.behavior import BLUE

LEVEL = 0.05  # family-wise, for gaps; and that of the two one-sided tests
_POWER = 0.9
_BLOCK = 500  # shuffles at a time, to bound memory

#: ``f[episode]`` of each quantity by name
Sample = dict[str, np.ndarray]


def sample_of(rows: Sequence[Row], scored: bool = True) -> Sample:
    """The quantities: ``score`` (``return`` if not ``scored``), each part, each phase, each part by phase.

    The score leaves out the last reward, as the challenge's evaluation does; all others count it.
    """
    parts = {name: np.array([row["parts"][name] for row in rows], float) for name in rows[0]["parts"]}
    by_phase = np.sum(list(parts.values()), axis=0)  # [episode, phase]
    if scored:
        sample = {"score": np.array([row["score"] for row in rows], float)}
    else:
        sample = {"return": by_phase.sum(axis=1)}
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
        ``behavior`` (None without decisions); ``waiting``: policies with fewer than two episodes on a side;
        and the totals over all tests.
    """
    ready = {key: sides for key, rows in found.items() if _enough(sides := by_engine(rows))}
    pairs = [_pair(*key, sides, margins.get(key[0], margin), seed) for key, sides in ready.items()]
    _adjust(pairs)
    tested = [test for pair in pairs for test in _tests(pair) if test["adjusted"] is not None]
    return {
        "level": LEVEL,
        "power": _POWER,
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
    rows = [row for side in sides.values() for row in side]
    scored = all("score" in row for row in rows)
    garrison, cyborg = (sample_of(sides[engine], scored) for engine in ENGINES)
    total = next(iter(cyborg))
    spread = cyborg[total].std(ddof=1)
    share = margin / spread if spread else 0.0
    margins = {name: margin if name == total else share * cyborg[name].std(ddof=1) for name in cyborg}
    decisions = None
    if all("decisions" in row for row in rows):
        ours, theirs = (np.array([row["decisions"] for row in sides[engine]]) for engine in ENGINES)
        decisions = behavior(ours, theirs, seed)
    return {
        "policy": policy,
        "red": red,
        "player": sides["garrison"][0]["player"],
        "world": sides["garrison"][0]["world"],
        "episodes": {engine: len(rows) for engine, rows in sides.items()},
        "version": {engine: rows[0]["version"] for engine, rows in sides.items()},
        "margin": margin,
        "gaps": [_gap(name, garrison[name], cyborg[name], margins[name]) for name in cyborg],
        "behavior": decisions,
    }


def _gap(name: str, garrison: np.ndarray, cyborg: np.ndarray, margin: float) -> dict[str, Any]:
    difference = mean_difference(garrison, cyborg)
    p = tost(difference, margin)
    return {
        "quantity": name,
        "garrison": {"mean": float(garrison.mean()), "sd": float(garrison.std(ddof=1))},
        "cyborg": {"mean": float(cyborg.mean()), "sd": float(cyborg.std(ddof=1))},
        "difference": asdict(difference),
        "margin": float(margin),
        "tost": p,
        "equivalent": p < LEVEL,
        "detectable": detectable(difference, LEVEL, _POWER),
        "needed": needed(garrison, cyborg, margin),
        "constant": difference.error == 0 and difference.value == 0,
    }


def needed(garrison: np.ndarray, cyborg: np.ndarray, margin: float) -> int | None:
    """Episodes per side with which two samples like these, without a gap, pass the tests with ``POWER``.

    None where no number would do.
    """
    variance = garrison.var(ddof=1) + cyborg.var(ddof=1)
    if not variance:
        return 2
    reach = stats.norm.isf(LEVEL) + stats.norm.isf((1 - _POWER) / 2)
    return max(2, ceil(variance * (reach / margin) ** 2)) if margin > 0 else None


def _adjust(pairs: Sequence[dict[str, Any]]) -> None:
    """Add each test's adjusted p-value; None where both sides are the same constant."""
    tests = dict(enumerate(test for pair in pairs for test in _tests(pair)))
    p_values = {
        number: test["difference"]["p"] if "difference" in test else test["p"]
        for number, test in tests.items()
        if not test.get("constant", False)
    }
    adjusted = holm(p_values)
    for number, test in tests.items():
        test["adjusted"] = adjusted.get(number)


def _tests(pair: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The gaps of a policy, and its behavior where the decisions of both sides are known."""
    return [*pair["gaps"], *([] if pair["behavior"] is None else [pair["behavior"]])]


# ---------------------------------------------------------------- behavior


def behavior(garrison: np.ndarray, cyborg: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """Total variation distance between the shares of decisions by kind of action: 0 alike, 1 disjoint.

    A distance is never negative, so two samples of one law have one above 0. Yardsticks are halves of
    CybORG's episodes, and all episodes dealt at random to the two sides.

    Args:
        garrison, cyborg: ``int[episode, kind]``.

    Returns:
        ``distance``, with the 95% percentile bootstrap interval ``low`` and ``high``; ``halves``, the mean
        distance of random halves of ``cyborg``, and ``halves_high``, which 95% of them stay below; ``p``, of
        the permutation test that both sides are of one law.
    """
    rng = np.random.default_rng(seed)
    value = float(_apart(garrison.sum(axis=0), cyborg.sum(axis=0)))

    def drawn(garrison_weights: np.ndarray, cyborg_weights: np.ndarray) -> np.ndarray:
        return _apart(garrison_weights @ garrison, cyborg_weights @ cyborg)

    low, high = np.quantile(resampled(drawn, (len(cyborg), len(garrison)), seed), (0.025, 0.975))
    halves = _dealt(cyborg, len(cyborg) // 2, rng)
    dealt = _dealt(np.concatenate([garrison, cyborg]), len(garrison), rng)
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
            for engine, kinds in zip(ENGINES, (garrison, cyborg), strict=True)
        },
    }


def _apart(garrison: np.ndarray, cyborg: np.ndarray) -> np.ndarray:
    """Total variation distance of the shares of counts ``[..., kind]``."""
    return np.abs(shares(garrison) - shares(cyborg)).sum(axis=-1) / 2


def _dealt(kinds: np.ndarray, first: int, rng: np.random.Generator) -> np.ndarray:
    """Distances when ``first`` of the episodes, drawn at random, are one side and the rest the other."""
    total, found = kinds.sum(axis=0), []
    for _ in range(RESAMPLES // _BLOCK):
        order = rng.permuted(np.tile(np.arange(len(kinds)) < first, (_BLOCK, 1)), axis=1)
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
