"""What the adapters of other libraries are given: worlds, seeds and actions, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from garrison.core.registry import make
from garrison.core.world import World

MAX_SEED = 2**32 - 1  # jax.random.key takes the seed modulo 2**32


def world_of(world: str | World, options: Mapping[str, Any]) -> World:
    """The world itself, or the one with this name and ``options``.

    Raises ``ValueError`` for an unknown name or option, and for options beside a world that is made.
    """
    if isinstance(world, str):
        return make(world, **options)
    if options:
        raise ValueError(
            f"options {', '.join(options)} need a world given by name; world {world.name!r} is made already"
        )
    return world


def joint_actions(world: World, actions: Mapping[str, Any]) -> np.ndarray:
    """Actions by agent as ``int[agent]``.

    Raises ``ValueError`` for agents that are missing or unknown, and for what is not an integer.
    """
    if missing := [agent for agent in world.agents if agent not in actions]:
        raise ValueError(f"no action of {', '.join(missing)} of world {world.name!r}; every agent acts")
    if unknown := [str(agent) for agent in actions if agent not in world.agents]:
        raise ValueError(
            f"no agent {', '.join(unknown)} in world {world.name!r}; agents: {', '.join(world.agents)}"
        )
    for agent, count in zip(world.agents, world.action_counts, strict=True):
        value = np.asarray(actions[agent])
        if value.shape or not np.issubdtype(value.dtype, np.integer):
            raise ValueError(
                f"action {actions[agent]!r} of agent {agent!r} of world {world.name!r} is not an integer; "
                f"it must be in 0 .. {count - 1}"
            )
    return np.array([int(actions[agent]) for agent in world.agents])


def checked_seed(seed: Any) -> int:
    """The seed as an ``int``; raises ``ValueError`` for one that is not in 0 .. 2**32 - 1."""
    if not isinstance(seed, (int, np.integer)) or not 0 <= seed <= MAX_SEED:
        raise ValueError(f"seed is {seed!r}; it must be an integer in 0 .. {MAX_SEED}")
    return int(seed)
