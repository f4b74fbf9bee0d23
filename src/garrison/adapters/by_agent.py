"""Episodes of a world in dictionaries by agent, as PettingZoo and RLlib have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from garrison.adapters.stepping import Episodes, Outcome
from garrison.core.world import World


class ByAgent:
    """Episodes of one environment, with NumPy arrays by agent.

    Args:
        pad: whether all agents get the sizes of the largest. An action in the padding does what the world
            defines for one out of range.

    Attributes:
        sizes: features of each agent.
        counts: actions of each agent.
        episodes: what plays them.
    """

    def __init__(self, world: World, pad: bool = False):
        self.world, self.episodes = world, Episodes(world)
        sizes, counts = world.observation_sizes, world.action_counts
        if pad:
            sizes, counts = (max(sizes),) * len(sizes), (max(counts),) * len(counts)
        self.sizes = dict(zip(world.agents, sizes, strict=True))
        self.counts = dict(zip(world.agents, counts, strict=True))

    def step(self, actions: Mapping[str, Any]) -> tuple[Outcome, dict[str, float]]:
        """One step. Returns its outcome and the rewards.

        Raises ``ValueError`` for wrong actions, naming the agent, and where no episode runs.
        """
        outcome = self.episodes.step(self._joint(actions))
        return outcome, dict(zip(self.world.agents, outcome.reward.tolist(), strict=True))

    def obs(self) -> dict[str, np.ndarray]:
        """``float32[feature]`` of each agent."""
        rows = zip(self.sizes.items(), self.episodes.obs, strict=True)
        return {agent: row[:size].copy() for (agent, size), row in rows}

    def masks(self, dtype: Any) -> dict[str, np.ndarray]:
        """Legal actions of each agent: ``[action]``, 1 for a legal one."""
        rows = zip(self.counts.items(), self.episodes.mask, strict=True)
        return {agent: row[:count].astype(dtype) for (agent, count), row in rows}

    def _joint(self, actions: Mapping[str, Any]) -> np.ndarray:
        world = self.world
        if missing := [agent for agent in world.agents if agent not in actions]:
            raise ValueError(f"no action of {', '.join(missing)} of world {world.name!r}; every agent acts")
        if unknown := [str(agent) for agent in actions if agent not in world.agents]:
            raise ValueError(
                f"no agent {', '.join(unknown)} in world {world.name!r}; agents: {', '.join(world.agents)}"
            )
        for agent, count in self.counts.items():
            value = np.asarray(actions[agent])
            if value.shape or not np.issubdtype(value.dtype, np.integer) or not 0 <= value < count:
                raise ValueError(
                    f"action {actions[agent]!r} of agent {agent!r} of world {world.name!r} is not an integer "
                    f"in 0 .. {count - 1}"
                )
        return np.array([int(actions[agent]) for agent in world.agents], np.int32)
