"""Worlds of CC4 whose options are arrays, so that many games are one compiled program."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np

from garrison.core.policy import Obs
from garrison.core.typing import PRNGKeyArray
from garrison.core.world import State, World
from garrison.core.wrappers import Wrapper
from garrison.worlds.cc4 import reds
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.env import CC4
from garrison.worlds.cc4.options import OPTIONAL, Options


@dataclasses.dataclass(frozen=True)
class Given(Wrapper):
    """A world whose episodes have these options in place of its own. ``options`` is a leaf for JAX."""

    options: Options

    leaf_fields = ("world", "options")

    def reset(self, key: PRNGKeyArray) -> tuple[Obs, State]:
        world: Any = self.world
        return world.reset(key, self.options)


def as_data(world: World) -> World:
    """A world that plays as ``world`` does, and shares its program with all that differ in numbers alone.

    Those are worlds of CC4 against one red of :data:`reds.REDS`, whose options do not vary by episode; others
    are returned as they are.
    """
    if not isinstance(world, CC4) or world.red not in reds.REDS or world.bank is not None:
        return world
    steps = tuple(item for item in world.overrides if item[0] == "steps")
    plain = dataclasses.replace(world, red="fsm", overrides=steps, name="cc4")
    return Given(plain, filled(world.options))


def filled(options: Options) -> Options:
    """``options`` with values that change nothing where they have None, and a table for each group."""
    table = np.asarray(options.red_probability)
    if table.ndim == 2:
        table = np.broadcast_to(table, (len(T.Group), *table.shape))
    optional = {name: value for name, value in OPTIONAL.items() if getattr(options, name) is None}
    whole = options.replace(red_probability=table, **optional, red_discovery_probability=None)
    return jax.tree.map(np.asarray, whole)
