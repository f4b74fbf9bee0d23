"""Scripted reds that decide by red's list of actions, as learners do: teachers, and what clones could become.

They remember and choose as the scripts do; but the session that an action comes from is the one that the list
gives it (:mod:`garrison.worlds.cc4.red_view`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from garrison.core.policy import STATE, Actions, Mask
from garrison.core.struct import Struct, static
from garrison.core.typing import PRNGKeyArray
from garrison.worlds.cc4 import draws, red_view, reds
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import red
from garrison.worlds.cc4.env import Episode

#: those that need to know nothing of the network when an episode begins
NAMES = tuple(name for name in red.POLICIES if not reds.ask_for_roles((name,)))


class Listed(Struct):
    """The script ``name``. It reads the state, but only what red knows."""

    name: str = static()
    overrides: tuple[tuple[str, Any], ...] = static(default=())  # of the world's options

    observation = STATE

    def init(self, key: PRNGKeyArray, num_agents: int) -> Any:
        return red.initial_memory((self.name,))

    def act(self, key: PRNGKeyArray, obs: Any, mask: Mask, memory: Any) -> tuple[Actions, Any]:
        """``obs`` is an episode of :mod:`garrison.worlds.cc4.env`, or the state of a world around one."""
        state = obs
        while not isinstance(state, Episode):
            state = state.world
        memory, options = red.remember(memory, state.state), state.options
        if self.name in reds.REDS:
            options = reds.of(self.name, options, dict(self.overrides))
        if self.name == "discovery" and options.red_discovery_probability is None:
            table: Any = T.DISCOVERY_PROBABILITY.astype(np.float32)
            options = options.replace(red_discovery_probability=table)
        choice = red.choose(self.name, draws.sample(key), options, state.state, memory)
        return red_view.encode_red(choice), memory
