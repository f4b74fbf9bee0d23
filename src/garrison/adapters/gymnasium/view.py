"""What one learner sees and does in a world."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from garrison.adapters.arguments import world_of
from garrison.adapters.one_agent import check_one_side, one_agent
from garrison.adapters.stepping import Outcome
from garrison.core.policy import Policy
from garrison.core.world import World


class View:
    """A world for one learner: its spaces, and NumPy arrays ``[..., agent, x]`` as the learner has them."""

    def __init__(
        self,
        world: str | World,
        agent: int | str | None,
        others: str | Policy | None,
        options: dict[str, Any],
    ):
        world = world_of(world, options)
        self.world = world = _of_one_learner(world, agent, others)
        size = sum(world.observation_sizes)
        self.observation_space = spaces.Box(-np.inf, np.inf, (size,), np.float32)
        counts = list(world.action_counts)
        self.action_space = spaces.Discrete(counts[0]) if len(counts) == 1 else spaces.MultiDiscrete(counts)

    def obs(self, obs: np.ndarray) -> np.ndarray:
        return _joined(obs, self.world.observation_sizes)

    def mask(self, mask: np.ndarray) -> np.ndarray:
        return _joined(mask, self.world.action_counts)

    def reward(self, outcome: Outcome) -> np.ndarray:
        return outcome.reward[..., 0] if self.world.num_agents == 1 else outcome.team_reward


def _of_one_learner(world: World, agent: int | str | None, others: str | Policy | None) -> World:
    check_one_side(world)
    if agent is None:
        if others is not None:
            raise ValueError("others decide for the agents beside a learning agent; name it with agent=...")
        return world
    if world.num_agents == 1:
        world.agent_index(agent)  # raises for an unknown one
        return world
    if others is None:
        raise ValueError(
            f"name a policy for the other agents of world {world.name!r}: others=... is a policy or one of "
            f"{', '.join(world.policies())}"
        )
    return one_agent(world, agent, others)


def _joined(rows: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """``[..., agent, x]`` without padding, agent after agent: ``[..., x]``; always a copy."""
    return np.concatenate([rows[..., agent, :size] for agent, size in enumerate(sizes)], axis=-1)
