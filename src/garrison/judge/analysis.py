"""Whether decisions depend on the states of their targets: tables and a measure, from counts.

The counts are those of :func:`garrison.judge.targets.count`, with leading axes [seed, episode].

Dependence is the mutual information, in bits, between the kind of action and the state of its target over
all decisions that have one (Shannon 1948), less its mean when each target is replaced by a random one of the
same agent in the same step. That mean holds what comes from finite counts, and from agents and times that
differ in what there is to choose from. An interval, by episodes and training seeds, that contains 0 means: no
dependence found. The shuffles include the target that was chosen: for agents with few targets the measure is
below the information that their decisions hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from garrison.judge.stats import Interval, bounds, resampled, weighted
from garrison.judge.targets import SHUFFLES, WITHIN, Targets

_RESAMPLED_SHUFFLES = 20  # in resamples: the mean of all shuffles hardly differs


def figures(targets: Targets, counts: Mapping[str, Any]) -> dict[str, Any]:
    """JSON-ready.

    Returns:
        ``decisions``: per episode, of those with a target. ``views``, by view: ``counts`` by state and kind;
        ``shares``, of kinds among the decisions on targets in a state, and ``most``, the most chosen kind,
        None where there were none; ``lift``, the share of a state among the targets of a kind over its
        share among all targets of the agents that decide, None where no target was in it; and
        ``dependence``. ``graph``: how to draw the states of the first view. ``responses``, by severity of a
        target: ``onsets``, per episode, and by kind the ``share`` of onsets after which the agent decided on
        it, within ``within`` decisions, and the median ``steps`` until then.
    """
    views = {
        name: _view(targets.kinds, labels, counts["views"][name]) for name, labels in targets.views.items()
    }
    first = counts["views"][next(iter(targets.views))]["chosen"]
    return {
        "decisions": float(first.sum(axis=(-1, -2)).mean()),
        "views": views,
        "graph": _graph(targets),
        "within": WITHIN,
        "responses": _responses(targets, counts["onsets"], counts["answers"]),
    }


def _view(
    kinds: tuple[str, ...], states: tuple[str, ...], counts: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    chosen = counts["chosen"].sum(axis=(0, 1))  # [kind, state]
    expected = counts["expected"].sum(axis=(0, 1), dtype=np.float64)  # [state]
    shares = chosen / np.maximum(1, chosen.sum(axis=0))
    found = chosen.sum(axis=0) > 0
    of_kind = chosen / np.maximum(1, chosen.sum(axis=1, keepdims=True))
    usual = expected / np.maximum(1, expected.sum())
    lift = np.where(usual > 0, of_kind / np.where(usual > 0, usual, 1), np.nan)
    return {
        "counts": _table(states, kinds, chosen.T.tolist()),
        "shares": _table(states, kinds, shares.T.tolist()),
        "most": {
            state: {"kind": kinds[int(row.argmax())], "share": float(row.max())} if there else None
            for state, row, there in zip(states, shares.T, found, strict=True)
        },
        "lift": _table(kinds, states, [[None if np.isnan(x) else float(x) for x in row] for row in lift]),
        "dependence": dependence(counts["chosen"], counts["shuffled"]),
    }


def _graph(targets: Targets) -> Any:
    """Places of the states, and pairs of states; None where they are not drawn as a graph."""
    if targets.graph is None:
        return None
    places, edges = targets.graph
    return [[list(place) for place in places], [[int(state) for state in edge] for edge in edges]]


def _table(rows: tuple[str, ...], columns: tuple[str, ...], values: list[list[Any]]) -> dict[str, Any]:
    return {row: dict(zip(columns, line, strict=True)) for row, line in zip(rows, values, strict=True)}


def _responses(targets: Targets, onsets: np.ndarray, answers: np.ndarray) -> dict[str, Any]:
    found = {}
    for level, label in enumerate(targets.views[targets.severity][1:]):
        total = int(onsets[..., level].sum())
        found[label] = {"onsets": float(onsets[..., level].mean())} | {
            kind: _response(answers[..., level, k, :].sum(axis=(0, 1)), total)
            for k, kind in enumerate(targets.kinds)
        }
    return found


def _response(by_step: np.ndarray, onsets: int) -> dict[str, float | None]:
    count = int(by_step.sum())
    steps = np.repeat(np.arange(len(by_step)), by_step)
    return {
        "share": count / onsets if onsets else None,
        "steps": float(np.median(steps)) if count else None,
    }


# ---------------------------------------------------------------- dependence


def information(counts: np.ndarray) -> np.ndarray:
    """Mutual information in bits of the last two axes of counts: ``f[...]``; 0 where nothing was counted."""
    joint = counts / np.maximum(1, counts.sum(axis=(-1, -2), keepdims=True))
    apart = joint.sum(axis=-1, keepdims=True) * joint.sum(axis=-2, keepdims=True)
    ratio = np.where(joint > 0, joint, 1) / np.where(joint > 0, apart, 1)
    return np.sum(joint * np.log2(ratio), axis=(-1, -2))


def dependence(chosen: np.ndarray, shuffled: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """The measure of the module, of counts ``[seed, episode, kind, state]``.

    Args:
        shuffled: ``[seed, episode, shuffle, kind, state]``.

    Returns:
        ``value``, ``low``, ``high``; and what ``value`` is the difference of: ``information`` and
        ``shuffled``, the mean of shuffles. All in bits.
    """
    few = shuffled[:, :, :_RESAMPLED_SHUFFLES].astype(np.float64)

    def excess(episodes: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        null = information(weighted(few, episodes, seeds)).mean(axis=-1)
        return information(weighted(chosen, episodes, seeds)) - null

    whole = float(information(chosen.sum(axis=(0, 1))))
    null = float(information(shuffled.sum(axis=(0, 1), dtype=np.int64)).mean())
    each = information(chosen) - information(few).mean(axis=-1)
    interval = Interval(whole - null, *bounds(resampled(excess, chosen.shape[:2], seed), each))
    return asdict(interval) | {"information": whole, "shuffled": null, "shuffles": SHUFFLES}
