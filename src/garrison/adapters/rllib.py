"""Worlds as RLlib multi-agent environments, for its new API stack.

>>> from garrison.adapters.rllib import GarrisonMultiAgentEnv
>>> config = PPOConfig().environment(GarrisonMultiAgentEnv, env_config={"world": "cc4"})
"""

from __future__ import annotations

from typing import Any

import numpy as np

from garrison.adapters.arguments import world_of
from garrison.adapters.by_agent import ByAgent
from garrison.core import extras

extras.require("rllib")

from gymnasium import spaces  # noqa: E402
from ray.rllib.env.multi_agent_env import MultiAgentEnv  # noqa: E402


class GarrisonMultiAgentEnv(MultiAgentEnv):
    """All agents of a world, of one side or of both.

    An observation is a dictionary of ``observations``, ``float32[feature]``, and ``action_mask``,
    ``float32[action]``, 1 for each legal action: the form of RLlib's ``ActionMaskingTorchRLModule``. With
    ``mask`` False it is the array alone. ``infos`` has ``reward_parts`` where the world reports them.

    ``reset(seed=s)`` starts the episode of ``jax.random.key(s)``; without a seed, the next one.

    Args:
        config: ``world``, a name (the default is ``"cc4"``) or a world; ``mask``, whether observations hold
            masks (the default is True); ``pad``, whether all agents get the sizes of the largest, so that
            they can share a module (the default is False); all else are options of a world given by name.

    Raises:
        ValueError: for unknown names and options, and by :meth:`step` for a wrong action; names the agent.
    """

    def __init__(self, config: dict[str, Any] | None = None):
        super().__init__()
        options = dict(config or {})
        world, self._mask = options.pop("world", "cc4"), options.pop("mask", True)
        pad = options.pop("pad", False)
        self.world = world = world_of(world, options)
        self._play = ByAgent(world, pad)
        self.possible_agents, self.agents = list(world.agents), list(world.agents)
        self.observation_spaces = {agent: self._space(agent) for agent in world.agents}
        self.action_spaces = {agent: spaces.Discrete(count) for agent, count in self._play.counts.items()}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; ``options`` are not used."""
        super().reset(seed=seed)
        self._play.episodes.reset(seed)
        self.agents = list(self.possible_agents)
        return self._obs(), {agent: {} for agent in self.agents}

    def step(self, action_dict: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        outcome, rewards = self._play.step(action_dict)
        everyone = (*self.world.agents, "__all__")
        terminated = dict.fromkeys(everyone, bool(outcome.terminated))
        truncated = dict.fromkeys(everyone, bool(outcome.truncated))
        infos = {agent: outcome.reward_parts() for agent in self.world.agents}
        return self._obs(), rewards, terminated, truncated, infos

    def _obs(self) -> dict[str, Any]:
        obs = self._play.obs()
        if not self._mask:
            return obs
        masks = self._play.masks(np.float32)
        return {agent: {"observations": obs[agent], "action_mask": masks[agent]} for agent in obs}

    def _space(self, agent: str) -> spaces.Space:
        seen = spaces.Box(-np.inf, np.inf, (self._play.sizes[agent],), np.float32)
        if not self._mask:
            return seen
        mask = spaces.Box(0.0, 1.0, (self._play.counts[agent],), np.float32)
        return spaces.Dict({"observations": seen, "action_mask": mask})
