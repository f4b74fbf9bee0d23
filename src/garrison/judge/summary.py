"""The figures of evaluated policies, JSON-ready: everything that tables, pages and ``--json`` show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from garrison.core.world import World
from garrison.judge import analysis, diagnosis, resilience
from garrison.judge.behavior import behavior_of, distance, profile
from garrison.judge.evaluate import Episodes
from garrison.judge.stats import (
    estimate,
    interquartile_mean,
    paired_difference,
    probability_of_improvement,
)


def summary(
    world: World,
    results: Mapping[str, Episodes],
    seed: int,
    versus: str | None = None,
    options: Sequence[str] = (),
) -> dict[str, Any]:
    """All figures of each policy.

    Args:
        seed: of the first episode.
        versus: name of the policy that the others are compared with.
        options: what the world was made with, as in ``red=fsm``.
    """
    policies = {name: _policy(world, episodes) for name, episodes in results.items()}
    for name, figures in policies.items():
        if versus is not None and name != versus:
            difference = paired_difference(results[versus].returns, results[name].returns)
            figures["advantage_of_" + versus] = asdict(difference)
            apart = distance(results[versus].decisions, results[name].decisions)
            figures["behavior_distance_to_" + versus] = asdict(apart)
    return _conditions(world, results, seed, options) | {"versus": versus, "policies": policies}


def comparison(
    world: World, results: Mapping[str, Episodes], seed: int, options: Sequence[str] = ()
) -> dict[str, Any]:
    """Each policy's figures, and those of each pair: the first minus the second, in the same episodes."""
    return _conditions(world, results, seed, options) | {
        "policies": {name: _policy(world, episodes) for name, episodes in results.items()},
        "pairs": [pair(results, *names) for names in combinations(results, 2)],
    }


def matrix(against: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The figures of all policies against several opponents.

    Args:
        against: by opponent, what :func:`summary` or :func:`comparison` gives.
    """
    first = next(iter(against.values()))
    shared = {name: value for name, value in first.items() if name not in ("policies", "pairs")}
    return shared | {"against": dict(against)}


def pair(results: Mapping[str, Episodes], first: str, second: str) -> dict[str, Any]:
    """How two policies differ: the first minus the second, in the same episodes."""
    a, b = results[first], results[second]
    found = {
        "first": first,
        "second": second,
        "difference": asdict(paired_difference(a.returns, b.returns)),
        "probability_of_improvement": asdict(probability_of_improvement(a.returns, b.returns)),
        "behavior_distance": asdict(distance(a.decisions, b.decisions)),
    }
    if a.harm is not None and b.harm is not None:
        found["resilience"] = resilience.pair(a.harm, b.harm, a.lengths, b.lengths)
    return found


def _conditions(
    world: World, results: Mapping[str, Episodes], seed: int, options: Sequence[str]
) -> dict[str, Any]:
    return {
        "world": world.name,
        "options": list(options),
        "world_version": world.version,
        "side": next(iter(world.sides)) if len(world.sides) == 1 else None,
        "seed": seed,
        "episodes": next(iter(results.values())).returns.shape[1],
        "max_steps": world.max_steps,
        "score_steps": world.score_steps or world.max_steps,
        "phases": list(behavior_of(world).phases),
    }


def _policy(world: World, episodes: Episodes) -> dict[str, Any]:
    by_phase = {part: np.mean(x, axis=(0, 1)) for part, x in episodes.parts.items()}
    invalid = episodes.invalid
    return {
        "seeds": len(episodes.returns),
        "return": asdict(estimate(episodes.returns)),
        "return_by_seed": np.mean(episodes.returns, axis=1).tolist(),
        "interquartile_mean": asdict(interquartile_mean(episodes.returns)),
        "score": asdict(estimate(episodes.scores)),
        "length": float(np.mean(episodes.lengths)),
        "invalid_actions": None if invalid is None else float(np.mean(invalid)),  # per episode
        "reward_parts": {part: x.sum(axis=0).tolist() for part, x in by_phase.items()},
        "reward_parts_by_phase": {part: x.tolist() for part, x in by_phase.items()},
        "behavior": profile(behavior_of(world).axes, episodes.decisions),
        "diagnosis": _diagnosis(world, episodes),
        "targets": None if episodes.targets is None else analysis.figures(world.targets(), episodes.targets),
        "resilience": _resilience(world, episodes),
    }


def _resilience(world: World, episodes: Episodes) -> dict[str, Any] | None:
    """What the attacker's harm says; None where it was not recorded."""
    if episodes.harm is None:
        return None
    attacks, phases = world.assets().attacks, behavior_of(world).phases
    return resilience.figures(attacks, phases, episodes.harm, episodes.lengths)


def _diagnosis(world: World, episodes: Episodes) -> dict[str, Any] | None:
    """Where the policy loses; None where the world does not say, or the simulator does not count."""
    if episodes.diagnosis is None:
        return None
    return diagnosis.figures(world.diagnosis(), episodes.diagnosis, episodes.returns)
