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


def checked_seed(seed: Any) -> int:
    """The seed as an ``int``; raises ``ValueError`` for one that is not in 0 .. 2**32 - 1."""
    if not isinstance(seed, (int, np.integer)) or not 0 <= seed <= MAX_SEED:
        raise ValueError(f"seed is {seed!r}; it must be an integer in 0 .. {MAX_SEED}")
    return int(seed)
