"""The figures of evaluated players, JSON-ready: all that tables, pages and ``--json`` show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from garrison.core.world import World
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
    """All figures of each player.

    ``seed`` is that of the first episode, ``versus`` names the player that the others are compared with, if
    any, and ``options`` are those that the world was made with, as people write them.
    """
    players = {name: _player(world, episodes) for name, episodes in results.items()}
    for name, figures in players.items():
        if versus is not None and name != versus:
            difference = paired_difference(results[versus].returns, results[name].returns)
            figures["advantage_of_" + versus] = asdict(difference)
            apart = distance(results[versus].decisions, results[name].decisions)
            figures["behavior_distance_to_" + versus] = asdict(apart)
    return _about(world, results, seed, options) | {"versus": versus, "players": players}


def comparison(
    world: World, results: Mapping[str, Episodes], seed: int, options: Sequence[str] = ()
) -> dict[str, Any]:
    """Each player's figures, and those of each pair: the first minus the second, in the same episodes."""
    return _about(world, results, seed, options) | {
        "players": {name: _player(world, episodes) for name, episodes in results.items()},
        "pairs": [_pair(results, *names) for names in combinations(results, 2)],
    }


def _about(
    world: World, results: Mapping[str, Episodes], seed: int, options: Sequence[str]
) -> dict[str, Any]:
    return {
        "world": world.name,
        "options": list(options),
        "world_version": world.version,
        "seed": seed,
        "episodes": next(iter(results.values())).returns.shape[1],
        "max_steps": world.max_steps,
        "score_steps": world.score_steps or world.max_steps,
        "phases": list(behavior_of(world).phases),
    }


def _player(world: World, episodes: Episodes) -> dict[str, Any]:
    by_phase = {part: np.mean(x, axis=(0, 1)) for part, x in episodes.parts.items()}
    return {
        "teams": len(episodes.returns),
        "return": asdict(estimate(episodes.returns)),
        "return_of_teams": np.mean(episodes.returns, axis=1).tolist(),
        "interquartile_mean": asdict(interquartile_mean(episodes.returns)),
        "score": asdict(estimate(episodes.scores)),
        "length": float(np.mean(episodes.lengths)),
        "reward_parts": {part: x.sum(axis=0).tolist() for part, x in by_phase.items()},
        "reward_parts_by_phase": {part: x.tolist() for part, x in by_phase.items()},
        "behavior": profile(behavior_of(world).axes, episodes.decisions),
    }


def _pair(results: Mapping[str, Episodes], first: str, second: str) -> dict[str, Any]:
    ours, theirs = results[first], results[second]
    return {
        "first": first,
        "second": second,
        "difference": asdict(paired_difference(ours.returns, theirs.returns)),
        "probability_of_improvement": asdict(probability_of_improvement(ours.returns, theirs.returns)),
        "behavior_distance": asdict(distance(ours.decisions, theirs.decisions)),
    }
