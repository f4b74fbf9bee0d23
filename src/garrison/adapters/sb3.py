"""Worlds as a vector environment of Stable-Baselines3, all copies in one compiled program.

>>> from garrison.adapters.sb3 import GarrisonVecEnv
>>> envs = GarrisonVecEnv("cc4", num_envs=64, agent="blue_agent_0", others="guard")
>>> MaskablePPO("MlpPolicy", VecMonitor(envs)).learn(100_000)
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from garrison.core import extras
from garrison.core.policy import Policy
from garrison.core.world import World

extras.require("sb3")

from stable_baselines3.common.vec_env import VecEnv  # noqa: E402

from garrison.adapters.batch import Batch  # noqa: E402
from garrison.adapters.gymnasium.view import View  # noqa: E402


class GarrisonVecEnv(VecEnv):
    """Many copies of a :class:`garrison.adapters.gymnasium.GarrisonEnv`.

    An episode that ends starts again in the same step, and leaves ``terminal_observation`` and
    ``TimeLimit.truncated`` in the info of that step. Infos have ``reward_parts`` where the world reports
    them. ``action_masks`` is there for sb3-contrib's ``MaskablePPO``.

    Args:
        num_envs: number of environments.
        world, agent, others, **options: as for ``GarrisonEnv``.

    Raises:
        ValueError: for unknown names and options, and for wrong actions; names agent and environment.
    """

    render_mode = None

    def __init__(
        self,
        world: str | World = "cc4",
        *,
        num_envs: int = 1,
        agent: int | str | None = None,
        others: str | Policy | None = None,
        **options: Any,
    ):
        self._view = View(world, agent, others, options)
        self.world = self._view.world
        self._batch = Batch(self.world, num_envs)
        self._actions: Any = None
        super().__init__(num_envs, self._view.observation_space, self._view.action_space)

    def reset(self) -> np.ndarray:
        """Start an episode in each environment, with the seeds of a call of ``seed`` just before."""
        self._batch.reset(None if None in self._seeds else self._seeds)
        self._reset_seeds()
        return self._view.obs(self._batch.obs)

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions[:, None] if np.ndim(actions) == 1 else actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        outcome = self._batch.step(self._actions)
        infos: list[dict[str, Any]] = [outcome.of(i).reward_parts() for i in range(self.num_envs)]
        for index in np.flatnonzero(outcome.done):
            cut = bool(outcome.truncated[index] and not outcome.terminated[index])
            last = self._view.obs(self._batch.final_obs[index])
            infos[index] |= {"terminal_observation": last, "TimeLimit.truncated": cut}
        reward = self._view.reward(outcome).astype(np.float32)
        return self._view.obs(self._batch.obs), reward, outcome.done, infos

    def close(self) -> None:
        """There is nothing to close."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        indices = self._get_indices(indices)
        if attr_name == "action_masks":
            return [partial(self._mask, index) for index in indices]
        return [getattr(self, attr_name) for _ in indices]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise AttributeError(
            f"environments of {type(self).__name__} have no attributes to set: {attr_name!r}"
        )

    def env_method(self, method_name: str, *arguments: Any, indices: Any = None, **named: Any) -> list[Any]:
        return [method(*arguments, **named) for method in self.get_attr(method_name, indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        return [False for _ in self._get_indices(indices)]

    def _mask(self, index: int) -> np.ndarray:
        return self._view.mask(self._batch.mask[index])
