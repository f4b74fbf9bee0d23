"""Resilience: how much of the network's services holds while it is attacked, and how soon the rest is back.

Three hosts have roles: AUTH serves confidentiality (C), integrity (I) and availability (A), DB serves C and
A, WEB serves I and A. Per step a host is impacted or not. From these bits follow

- the *health* of a component, the share of its hosts that are not impacted, and *resilience*, the mean of the
  three over all steps: the normalized area under the curve;
- *outages*, runs of impacted steps of a host, and how long they last (:mod:`garrison.judge.survival`);
- two published scores. ITM-Kitware/jaxborg (``resilience_metric.py``) takes 10 per component, impacted host
  and step: C, I and A, 0 is best. xcadet/CyberResilience, the code of "Quantitative Resilience Modeling for
  Autonomous Cyber Defense" (arXiv 2503.02780), counts the events: *drops*, smoothed over a window.

Confidentiality and integrity are labels: nothing is read or changed. *Exposure* is the same sum with the
attacker's full control of a host in place of impact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from garrison.judge import survival
from garrison.judge.assets import ROLES, Harm
from garrison.judge.diagnosis import measured
from garrison.judge.stats import (
    estimate,
    paired_difference,
    probability_of_improvement,
    resampled,
    weighted,
)
from garrison.judge.survival import Times

COMPONENTS = ("C", "I", "A")
#: bool[component, role]: hosts that serve each component; roles as in :data:`garrison.judge.assets.ROLES`
SERVES = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]], bool)
_THIRD = 1 / 3

#: f[component, role]: drops of an attack, by the names in CyberResilience
SCORERS = {
    "original": ((10, 10, 0), (10, 0, 10), (10, 10, 10)),
    "V2": ((50, 0, 0), (10, 0, 5), (10, 10, 10)),
    "V3": ((20, 10, 0), (20, 0, 10), (20, 10, 10)),
    "V4": ((20, 10, 0), (20, 0, 10), (1, 1, 1)),
}
#: f[component]: weights of the components' drops, likewise
WEIGHTERS = {
    "original": (_THIRD, _THIRD, _THIRD),
    "V2": (0.6, 0.2, 0.2),
    "V3": (0.1, 0.1, 0.8),
    "V4": (0.0, 0.0, 1.0),
}
_POINTS = 100  # of curves, at most
_DECIMALS = 9  # to which resilience is rounded before it is compared
_RADIUS = 4  # standard deviations at which the kernel is cut


@dataclass(frozen=True)
class Settings:
    """Choices of the measure; the defaults are those of the published code.

    Args:
        weights: of the health of C, I and A in resilience; their sum is 1.
        drop: points per component, impacted host and step in the scores.
        scorer, weighter: of drops, names of ``SCORERS`` and ``WEIGHTERS``.
        all_attacks: whether drops count all kinds of attack, or only the first, which stops a service.
        window: steps over which drops are smoothed.
    """

    weights: tuple[float, float, float] = (_THIRD, _THIRD, _THIRD)
    drop: float = 10.0
    scorer: str = "original"
    weighter: str = "original"
    all_attacks: bool = False
    window: int = 100

    def __post_init__(self) -> None:
        if len(self.weights) != len(COMPONENTS) or abs(sum(self.weights) - 1) > 1e-6:
            raise ValueError(f"weights is {self.weights}; it must be three numbers whose sum is 1")
        for name, known in (("scorer", SCORERS), ("weighter", WEIGHTERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; known: {', '.join(known)}")
        if self.window < 1:
            raise ValueError(f"window is {self.window}; it must be at least 1 step")


# ---------------------------------------------------------------- per step


def health(impacted: np.ndarray) -> np.ndarray:
    """Share of each component's hosts that are not impacted: ``f[..., component]`` of ``bool[..., role]``."""
    return 1 - impacted @ SERVES.T.astype(float) / SERVES.sum(axis=1)


def curve(impacted: np.ndarray, settings: Settings) -> np.ndarray:
    """Resilience in each step, ``f[...]``: the weighted mean of the components' health."""
    return health(impacted) @ np.array(settings.weights)


def scores(impacted: np.ndarray, drop: float = 10.0) -> np.ndarray:
    """jaxborg's scores in each step: C, I, A and R, their mean; ``f[..., 4]``, 0 is best."""
    found = -drop * (impacted @ SERVES.T.astype(float))
    return np.concatenate([found, found.mean(axis=-1, keepdims=True)], axis=-1)


def drops(attacks: np.ndarray, settings: Settings) -> np.ndarray:
    """CyberResilience's drop in each step as a share of the largest, ``f[...]``, of ``int[..., kind, role]``.

    It has one attacker, so one attack per step. Where several attack in one step the drops of a component
    are added, up to its largest one.
    """
    counted = attacks.sum(axis=-2) if settings.all_attacks else attacks[..., 0, :]
    table = np.array(SCORERS[settings.scorer], float)
    weights = np.array(WEIGHTERS[settings.weighter])
    most = table.max(axis=1)
    return np.minimum(counted @ table.T, most) @ weights / (most @ weights)


def smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Values ``f[..., step]`` under a Gaussian filter with a standard deviation of half a window.

    The first and last values are repeated beyond the ends, and the kernel is cut at four deviations.
    """
    sigma = window / 2
    radius = int(_RADIUS * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    steps = values.shape[-1]
    # [from, to]: what each step adds to another, steps beyond the ends taken as the outermost
    matrix = np.zeros((steps, steps))
    to, offset = np.meshgrid(np.arange(steps), np.arange(-radius, radius + 1), indexing="ij")
    np.add.at(matrix, (np.clip(to + offset, 0, steps - 1), to), kernel[offset + radius] / kernel.sum())
    return values @ matrix


# ---------------------------------------------------------------- times


class Outages(NamedTuple):
    """Runs of impacted steps of a host by the state at the end of steps, ``int[n]`` each.

    A repair and a new impact in one step do not split a run. One that goes on at the end has not ``ended``.
    """

    seed: np.ndarray
    episode: np.ndarray
    role: np.ndarray
    start: np.ndarray
    length: np.ndarray
    ended: np.ndarray

    @property
    def times(self) -> Times:
        return Times(self.seed, self.episode, self.length, self.ended)


def outages(impacted: np.ndarray, lengths: np.ndarray) -> Outages:
    """Outages of ``bool[seed, episode, step, role]`` in episodes of ``int[seed, episode]`` steps."""
    bits = np.moveaxis(impacted & _there(impacted, lengths)[..., None], 2, 3).astype(np.int8)
    edges = np.diff(bits, axis=3, prepend=0, append=0)
    seed, episode, role, start = np.nonzero(edges > 0)
    length = np.nonzero(edges < 0)[3] - start
    return Outages(seed, episode, role, start, length, start + length < lengths[seed, episode])


def first_impacts(impacted: np.ndarray, lengths: np.ndarray) -> Times:
    """Steps until an asset is impacted, one time per episode; censored where none is."""
    hit = _any(impacted) & _there(impacted, lengths)
    there = _any(hit)
    return _per_episode(np.where(there, hit.argmax(axis=2), lengths), there, np.ones_like(there))


def from_worst(impacted: np.ndarray, lengths: np.ndarray, settings: Settings) -> Times:
    """Steps from the last minimum of resilience until it is 1, one time per episode with an impact."""
    now = np.where(_there(impacted, lengths), np.round(curve(impacted, settings), _DECIMALS), np.inf)
    steps = np.arange(now.shape[2])
    worst = np.max(np.where(now == now.min(axis=2, keepdims=True), steps, -1), axis=2)
    whole = (now == 1) & (steps > worst[:, :, None])
    ended = _any(whole)
    length = np.where(ended, whole.argmax(axis=2), lengths) - worst
    return _per_episode(length, ended, _any(now < 1))


def _per_episode(length: np.ndarray, ended: np.ndarray, counted: np.ndarray) -> Times:
    seed, episode = np.nonzero(counted)
    return Times(seed, episode, length[counted], ended[counted])


def _any(flags: np.ndarray) -> np.ndarray:
    """Whether any is set on the last axis."""
    return np.asarray(flags.any(axis=-1))


def _there(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """``bool[seed, episode, step]``: the steps that belong to an episode."""
    return np.arange(values.shape[2]) < lengths[..., None]


# ---------------------------------------------------------------- figures


def figures(
    attacks: Sequence[str],
    phases: Sequence[str],
    harm: Harm,
    lengths: np.ndarray,
    settings: Settings | None = None,
) -> dict[str, Any]:
    """JSON-ready figures of a policy.

    Args:
        attacks, phases: names of their kinds.
        lengths: of the episodes, ``int[seed, episode]``.

    Returns:
        Means over episodes with intervals: ``resilience``; ``health`` by component; ``everywhere``, which is
        resilience with the roles on random hosts; ``targeting``, the difference; ``depth``, the least
        resilience in an episode; ``degraded``, the share of steps in which it is below 1; ``exposure``;
        ``scores``, means and minima of jaxborg's; ``attacks`` by kind and role; ``drop``, CyberResilience's
        before smoothing.

        Times, as :func:`survival.figures` gives them: ``first_impact``, ``recovery`` of outages,
        ``from_worst``; ``outages`` per episode. ``phases``: resilience in the steps of each, and recovery of
        the outages that began in it; ``curves``: means over episodes at up to 100 ``step``.
    """
    settings = settings or Settings()
    shape, there = lengths.shape, _there(harm.impacted, lengths)
    runs = outages(harm.impacted, lengths)
    now, drop = curve(harm.impacted, settings), drops(harm.attacks, settings)
    areas = _areas(harm.impacted, harm.expected[..., 0], there, settings)
    return _means(areas) | {
        "targeting": _estimate(areas["resilience"] - areas["everywhere"]),
        "depth": _estimate(np.min(np.where(there, now, 1), axis=2)),
        "degraded": _estimate(_mean(np.round(now, _DECIMALS) < 1, there)),
        "exposure": _means(_areas(harm.held, harm.expected[..., 1], there, settings)),
        "scores": _scores(harm.impacted, there, settings.drop),
        "attacks": _attacks(attacks, harm.attacks, there),
        "drop": _estimate(_mean(drop, there)),
        "outages": float(runs.start.size / np.prod(shape)),
        "first_impact": survival.figures(first_impacts(harm.impacted, lengths), shape),
        "recovery": survival.figures(runs.times, shape),
        "from_worst": survival.figures(from_worst(harm.impacted, lengths, settings), shape),
        "phases": _phases(phases, harm.phase, now, there, runs),
        "curves": _curves(harm.impacted, now, drop, lengths, settings),
    }


def pair(first: Harm, second: Harm, first_lengths: np.ndarray, second_lengths: np.ndarray) -> dict[str, Any]:
    """How two policies differ: the first minus the second, in the same episodes; with default settings."""
    both = ((first, first_lengths), (second, second_lengths))
    a, b = (
        _areas(harm.impacted, harm.expected[..., 0], _there(harm.impacted, lengths), Settings())
        for harm, lengths in both
    )
    apart = {name: asdict(paired_difference(a[name], b[name])) for name in a}
    times = (outages(first.impacted, first_lengths).times, outages(second.impacted, second_lengths).times)
    return _by_component(apart) | {
        "probability_of_improvement": asdict(probability_of_improvement(a["resilience"], b["resilience"])),
        "recovery": survival.difference(*times, (a["resilience"].shape, b["resilience"].shape)),
    }


def _areas(
    impacted: np.ndarray, expected: np.ndarray, there: np.ndarray, settings: Settings
) -> dict[str, np.ndarray]:
    """Means over the steps of each episode, ``f[seed, episode]``."""
    parts = _mean(health(impacted), there)
    return {
        "resilience": parts @ np.array(settings.weights),
        "everywhere": _mean(1 - expected.astype(float), there),
        **{name: parts[..., k] for k, name in enumerate(COMPONENTS)},
    }


def _means(areas: dict[str, np.ndarray]) -> dict[str, Any]:
    return _by_component({name: _estimate(values) for name, values in areas.items()})


def _by_component(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in ("resilience", "everywhere")} | {
        "health": {name: found[name] for name in COMPONENTS}
    }


def _estimate(values: np.ndarray) -> dict[str, Any]:
    return asdict(estimate(values))


def _mean(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Mean over the steps of an episode, ``f[seed, episode, ...]``; 0 without any."""
    mask = there.reshape(there.shape + (1,) * (values.ndim - there.ndim))
    count = np.maximum(1, mask.sum(axis=2))
    return np.sum(np.where(mask, values, 0), axis=2, dtype=np.float64) / count


def _scores(impacted: np.ndarray, there: np.ndarray, drop: float) -> dict[str, Any]:
    each = scores(impacted, drop)
    means, least = _mean(each, there), np.min(np.where(there[..., None], each, 0), axis=2)
    return {
        name: {"mean": _estimate(means[..., k]), "min": _estimate(least[..., k])}
        for k, name in enumerate((*COMPONENTS, "R"))
    }


def _attacks(names: Sequence[str], attacks: np.ndarray, there: np.ndarray) -> dict[str, dict[str, float]]:
    """Successful attacks per episode."""
    counts = np.sum(np.where(there[..., None, None], attacks, 0), axis=2, dtype=np.int64).mean(axis=(0, 1))
    by_kind = zip(names, counts.tolist(), strict=True)
    return {name: dict(zip(ROLES, row, strict=True)) for name, row in by_kind}


def _phases(
    names: Sequence[str], phase: np.ndarray, now: np.ndarray, there: np.ndarray, runs: Outages
) -> dict[str, Any]:
    began = phase[runs.seed, runs.episode, runs.start]
    found = {}
    for number, name in enumerate(names):
        within = there & (phase == number)
        area = np.where(_any(within), _mean(now, within), np.nan)
        own = Times(*(part[began == number] for part in runs.times))
        times = survival.figures(own, (there.shape[0], there.shape[1]))
        found[name] = {
            "resilience": measured(area),
            "outages": float(own.length.size / np.prod(there.shape[:2])),
            "recovery": times and {key: value for key, value in times.items() if key != "curve"},
        }
    return found


def _curves(
    impacted: np.ndarray, now: np.ndarray, drop: np.ndarray, lengths: np.ndarray, settings: Settings
) -> dict[str, list[float]]:
    """Means over the episodes that are not over, in blocks of steps."""
    there = _there(impacted, lengths)
    dropped = np.zeros(drop.shape)
    for length in np.unique(lengths):
        rows = lengths == length
        dropped[rows, :length] = smoothed(drop[rows, :length], min(settings.window, int(length)))
    longest = int(lengths.max())
    blocks = np.array_split(np.arange(longest), min(longest, _POINTS))
    series = {"resilience": now, "drop": dropped}
    series |= dict(zip(COMPONENTS, np.moveaxis(health(impacted), 3, 0), strict=True))
    found = {name: _blockwise(values, there, blocks) for name, values in series.items()}
    low, high = _band(now, there, blocks)
    means = {name: total.sum(axis=(0, 1)) / count.sum(axis=(0, 1)) for name, (total, count) in found.items()}
    step = [float(block.mean()) for block in blocks]
    return {"step": step} | {
        name: np.round(values, 5).tolist() for name, values in (means | {"low": low, "high": high}).items()
    }


def _blockwise(
    values: np.ndarray, there: np.ndarray, blocks: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over blocks of steps, and numbers of steps in them: ``f[seed, episode, block]``."""
    starts = [int(block[0]) for block in blocks]
    end = int(blocks[-1][-1]) + 1
    cut = np.where(there, values, 0)[..., :end], there[..., :end].astype(float)
    total, count = (np.add.reduceat(x, starts, axis=2) for x in cut)
    return total, count


def _band(now: np.ndarray, there: np.ndarray, blocks: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The 95% interval of the mean in each block, for a picture."""
    total, count = _blockwise(now, there, blocks)

    def mean(episodes: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        sums, counts = (weighted(x, episodes, seeds) for x in (total, count))
        return sums / np.where(counts > 0, counts, np.nan)

    low, high = np.nanquantile(resampled(mean, now.shape[:2], 0), (0.025, 0.975), axis=0)
    return low, high
