"""Evaluation on CybORG, with the same figures as :func:`garrison.judge.evaluate.evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from garrison.adapters.cyborg.episodes import play_episode
from garrison.adapters.cyborg.world import CybORGWorld
from garrison.core import processes
from garrison.core.policy import Policy
from garrison.core.world import observed_by
from garrison.judge.assets import Harm
from garrison.judge.evaluate import Episodes, check_seeds


def evaluate(
    world: CybORGWorld,
    policies: Mapping[str, Policy | Sequence[Policy]],
    episodes: int,
    seed: int,
    workers: int = 1,
    watch: Callable[[int], None] = lambda done: None,
    resilience: bool = False,
) -> dict[str, Episodes]:
    """Play the episodes of the seeds ``seed .. seed + episodes - 1`` on CybORG with each policy.

    A seed starts on the same network for all policies. From then on chance depends on their actions, so that
    their episodes are practically independent.

    Args:
        policies: by name; a list has the seeds of one training.
        workers: processes.
        watch: receives, after each episode, the number of completed ones.
        resilience: whether the harm to blue's assets is recorded.

    Raises:
        ValueError: for no episodes, or seeds that do not fit.
        WorkerError: when a process fails.
    """
    check_seeds(episodes, seed)
    lineups = {name: list(one) if isinstance(one, (list, tuple)) else [one] for name, one in policies.items()}
    tasks = [
        (observed_by(world, [policy]), policy, number)
        for lineup in lineups.values()
        for policy in lineup
        for number in range(seed, seed + episodes)
    ]
    play = partial(play_episode, resilience=True) if resilience else play_episode
    played = iter(processes.run(play, tasks, workers, watch))
    return {
        name: gathered([[next(played) for _ in range(episodes)] for _ in lineup])
        for name, lineup in lineups.items()
    }


def gathered(played: Sequence[Sequence[Mapping[str, Any]]]) -> Episodes:
    """Results of ``play_episode``, ``[seed][episode]``, as one struct."""

    def stacked(name: str, dtype: type) -> np.ndarray:
        return np.array([[one[name] for one in episodes] for episodes in played], dtype)

    parts = played[0][0]["parts"]
    return Episodes(
        returns=stacked("returns", np.float32),
        scores=stacked("scores", np.float32),
        lengths=stacked("lengths", np.int32),
        parts={
            name: np.array([[one["parts"][name] for one in episodes] for episodes in played], np.float32)
            for name in parts
        },
        decisions=stacked("decisions", np.int32),
        harm=_harm(played) if "harm" in played[0][0] else None,
    )


def _harm(played: Sequence[Sequence[Mapping[str, Any]]]) -> Harm:
    """All parts with axes [seed, episode, step, ...]."""
    each = [[one["harm"] for one in episodes] for episodes in played]
    return Harm(*(np.array([[one[i] for one in row] for row in each]) for i in range(len(Harm._fields))))
