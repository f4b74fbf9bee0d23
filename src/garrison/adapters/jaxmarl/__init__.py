"""Worlds as JaxMARL environments, and what JaxMARL's training scripts import beside them.

>>> from garrison.adapters import jaxmarl
>>> env = jaxmarl.make("cc4")
>>> obs, state = env.reset(jax.random.key(0))
>>> obs, state, rewards, dones, infos = env.step(key, state, actions)
"""

from __future__ import annotations

from typing import Any

from garrison.core import extras
from garrison.core.world import World

extras.require("jaxmarl")

from garrison.adapters.jaxmarl.env import GarrisonEnv  # noqa: E402
from garrison.adapters.jaxmarl.rollout_manager import CTRolloutManager  # noqa: E402

__all__ = ["CTRolloutManager", "GarrisonEnv", "make"]


def make(world: str | World = "cc4", **options: Any) -> GarrisonEnv:
    """A :class:`GarrisonEnv`; stands for ``jaxmarl.make`` in scripts."""
    return GarrisonEnv(world, **options)
