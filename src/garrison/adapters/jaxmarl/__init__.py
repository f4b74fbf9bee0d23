"""Worlds as JaxMARL environments, what JaxMARL's training scripts import beside them, and its own as worlds.

>>> from garrison.adapters import jaxmarl
>>> env = jaxmarl.make("cc4")
>>> obs, state = env.reset(jax.random.key(0))
>>> obs, state, rewards, dones, infos = env.step(key, state, actions)
>>> world = jaxmarl.make_world("MPE_simple_spread_v3")
"""

from __future__ import annotations

from typing import Any

from garrison.core import extras
from garrison.core.world import World

extras.require("jaxmarl")

from garrison.adapters.jaxmarl.env import GarrisonEnv  # noqa: E402
from garrison.adapters.jaxmarl.rollout_manager import CTRolloutManager  # noqa: E402
from garrison.adapters.jaxmarl.world import JaxMARLWorld, make_world  # noqa: E402

__all__ = ["CTRolloutManager", "GarrisonEnv", "JaxMARLWorld", "make", "make_world"]


def make(world: str | World = "cc4", **options: Any) -> GarrisonEnv:
    """A :class:`GarrisonEnv`; stands for ``jaxmarl.make`` in scripts."""
    return GarrisonEnv(world, **options)
