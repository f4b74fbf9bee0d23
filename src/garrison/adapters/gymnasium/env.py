"""One environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from garrison.adapters.gymnasium.view import View
from garrison.adapters.stepping import Episodes
from garrison.core.policy import Policy
from garrison.core.spaces import check_actions
from garrison.core.world import World


class GarrisonEnv(gymnasium.Env):
    """A world of one side for a single learner.

    With ``agent`` the learner is that agent, and the policy ``others`` decides for the other agents of its
    side: observation and reward are the agent's, actions are ``Discrete``. Without it the learner decides for
    all agents: observations are joined, actions are ``MultiDiscrete`` (``Discrete`` in a world of one agent),
    and the reward is the team's.

    ``info`` has ``action_mask``, int8, 1 for each legal action, agent after agent; and ``reward_parts`` where
    the world reports them. An action in range that is not legal does what the world defines for it.
    ``reset(seed=s)`` starts the episode of ``jax.random.key(s)``; without a seed, the next one.

    Args:
        world: a world, or the name of one. Of a world of two sides take one by
            :func:`garrison.core.sides.one_side`.
        agent: name or index of the agent that learns; None: all.
        others: a policy for the side, or the name of one of the world's; only with ``agent``.
        render_mode: ``"ansi"`` lets :meth:`render` tell the last step as text.
        **options: of the world, where it is given by name.

    Raises:
        ValueError: for unknown names and options, and by :meth:`step` for a wrong action; names the agent.
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        world: str | World = "cc4",
        *,
        agent: int | str | None = None,
        others: str | Policy | None = None,
        render_mode: str | None = None,
        **options: Any,
    ):
        if render_mode not in (None, "ansi"):
            raise ValueError(f"render_mode is {render_mode!r}; it must be None or 'ansi'")
        self.render_mode = render_mode
        self._view = view = View(world, agent, others, options)
        self.world = view.world
        self.observation_space, self.action_space = view.observation_space, view.action_space
        self._episodes = Episodes(view.world)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; ``options`` are not used. What the world drew of it is ``info["drawn"]``."""
        super().reset(seed=seed)
        self._episodes.reset(seed)
        return self._view.obs(self._episodes.obs), self._info() | self._episodes.drawn()

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        outcome = self._episodes.step(check_actions(self.world, np.atleast_1d(action)))
        ends = bool(outcome.terminated), bool(outcome.truncated)
        info = self._info() | outcome.reward_parts()
        return self._view.obs(self._episodes.obs), float(self._view.reward(outcome)), *ends, info

    def action_masks(self) -> np.ndarray:
        """Legal actions, bool, agent after agent; what sb3-contrib's MaskablePPO asks for."""
        return self._view.mask(self._episodes.mask)

    def render(self) -> str | None:
        """The events of the last step under ``render_mode="ansi"``, else None.

        Raises ``NotImplementedError`` where the world does not narrate its steps.
        """
        return self._episodes.text() if self.render_mode == "ansi" else None

    def _info(self) -> dict[str, Any]:
        return {"action_mask": self.action_masks().astype(np.int8)}
