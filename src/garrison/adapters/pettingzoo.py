"""Worlds as PettingZoo parallel environments.

>>> from garrison.adapters.pettingzoo import GarrisonParallelEnv
>>> env = GarrisonParallelEnv("cc4", side="both")
>>> observations, infos = env.reset(seed=0)
>>> actions = {agent: env.action_space(agent).sample(infos[agent]["action_mask"]) for agent in env.agents}
>>> observations, rewards, terminations, truncations, infos = env.step(actions)
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from garrison.adapters.arguments import world_of
from garrison.adapters.by_agent import ByAgent
from garrison.core import extras
from garrison.core.world import World

extras.require("pettingzoo")

import pettingzoo  # noqa: E402
from gymnasium import spaces  # noqa: E402


class GarrisonParallelEnv(pettingzoo.ParallelEnv):
    """All agents of a world, of one side or of both.

    Observations are ``float32[feature]`` and actions integers, without padding. ``infos[agent]`` has
    ``action_mask``, int8, 1 for each legal action, and ``reward_parts`` where the world reports them. An
    action in range that is not legal does what the world defines for it.

    All agents leave in the step that ends the episode. ``reset(seed=s)`` starts the episode of
    ``jax.random.key(s)``; without a seed, the next one.

    Args:
        world: a world, or the name of one.
        render_mode: ``"ansi"`` lets :meth:`render` tell the last step as text.
        state_kind: which of the world's global states :meth:`state` gives.
        **options: of the world, where it is given by name.

    Raises:
        ValueError: for unknown names and options, and by :meth:`step` for a wrong action; names the agent.
    """

    def __init__(
        self,
        world: str | World = "cc4",
        *,
        render_mode: str | None = None,
        state_kind: str = "concat",
        **options: Any,
    ):
        self.world = world = world_of(world, options)
        self.metadata = {"name": f"{world.name}_v{world.version}", "render_modes": ["ansi"], "render_fps": 1}
        if render_mode not in (None, "ansi"):
            raise ValueError(f"render_mode is {render_mode!r}; it must be None or 'ansi'")
        self.render_mode, self._state_kind = render_mode, state_kind
        self.state_space = _box(world.global_state_size(state_kind))
        self.possible_agents, self.agents = list(world.agents), []
        self._play = ByAgent(world)
        self.observation_spaces = {agent: _box(size) for agent, size in self._play.sizes.items()}
        self.action_spaces = {agent: spaces.Discrete(count) for agent, count in self._play.counts.items()}

    def observation_space(self, agent: str) -> spaces.Space:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space:
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """Start an episode; ``options`` are not used. What the world drew of it is ``drawn`` in each info."""
        self._play.episodes.reset(seed)
        self.agents = list(self.possible_agents)
        return self._play.obs(), self._infos(self._play.episodes.drawn())

    def step(self, actions: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        outcome, rewards = self._play.step(actions)
        terminations = dict.fromkeys(self.agents, bool(outcome.terminated))
        truncations = dict.fromkeys(self.agents, bool(outcome.truncated))
        if outcome.done:
            self.agents = []
        return self._play.obs(), rewards, terminations, truncations, self._infos(outcome.reward_parts())

    def state(self) -> np.ndarray:
        """The world's global state, ``float32[feature]``."""
        return self._play.episodes.global_state(self._state_kind)

    def render(self) -> str | None:
        """The events of the last step under ``render_mode="ansi"``, else None.

        Raises ``NotImplementedError`` where the world does not narrate its steps.
        """
        return self._play.episodes.text() if self.render_mode == "ansi" else None

    def _infos(self, parts: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, Any]]:
        masks = self._play.masks(np.int8)
        return {agent: {"action_mask": masks[agent], **copy.deepcopy(parts)} for agent in masks}


def _box(size: int) -> spaces.Box:
    return spaces.Box(-np.inf, np.inf, (size,), np.float32)
