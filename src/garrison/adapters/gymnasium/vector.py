"""Many environments in one compiled program."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from garrison.adapters.batch import Batch
from garrison.adapters.gymnasium.view import View
from garrison.core.policy import Policy
from garrison.core.world import World


class GarrisonVectorEnv(VectorEnv):
    """Many copies of a :class:`GarrisonEnv` in one compiled program.

    An episode that ends starts again in the same step (``AutoresetMode.SAME_STEP``): its last observation and
    info are ``infos["final_obs"]`` and ``infos["final_info"]``. Environment ``i`` does what a single one
    would do with the seed ``seed + i``.

    Args:
        num_envs: number of environments.
        world, agent, others, **options: as for :class:`GarrisonEnv`.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self,
        world: str | World = "cc4",
        *,
        num_envs: int = 1,
        agent: int | str | None = None,
        others: str | Policy | None = None,
        **options: Any,
    ):
        self._view = view = View(world, agent, others, options)
        self.world, self.num_envs = view.world, num_envs
        self.single_observation_space, self.single_action_space = view.observation_space, view.action_space
        self.observation_space = batch_space(view.observation_space, num_envs)
        self.action_space = batch_space(view.action_space, num_envs)
        self._batch = Batch(view.world, num_envs)

    def reset(
        self, *, seed: int | list[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode in each environment; a list has the seed of each. ``options`` are not used."""
        super().reset(seed=seed if isinstance(seed, int) else None)
        self._batch.reset(seed)
        return self._view.obs(self._batch.obs), self._masks(self._batch.mask, np.ones(self.num_envs, bool))

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        actions = np.asarray(actions)
        outcome = self._batch.step(actions[:, None] if actions.ndim == 1 else actions)
        done, view = outcome.done, self._view
        infos = self._masks(self._batch.mask, np.ones_like(done)) | _parts(outcome.parts, ~done)
        if done.any():
            last = np.full(self.num_envs, None, dtype=object)
            for index in np.flatnonzero(done):
                last[index] = view.obs(self._batch.final_obs[index])
            final = self._masks(self._batch.final_mask, done) | _parts(outcome.parts, done)
            infos |= {"final_obs": last, "_final_obs": done, "final_info": final, "_final_info": done.copy()}
        reward = view.reward(outcome).astype(np.float64)
        return view.obs(self._batch.obs), reward, outcome.terminated.copy(), outcome.truncated.copy(), infos

    def action_masks(self) -> np.ndarray:
        """Legal actions, ``bool[env, action]``, agent after agent."""
        return self._view.mask(self._batch.mask)

    def _masks(self, mask: np.ndarray, where: np.ndarray) -> dict[str, Any]:
        return _batched({"action_mask": self._view.mask(mask).astype(np.int8)}, where)


def _parts(parts: dict[str, np.ndarray], where: np.ndarray) -> dict[str, Any]:
    """The reward parts as infos; none where nobody has them."""
    if not parts or not where.any():
        return {}
    own = {name: part.astype(np.float64) for name, part in parts.items()}
    return {"reward_parts": _batched(own, where), "_reward_parts": where.copy()}


def _batched(info: dict[str, np.ndarray], where: np.ndarray) -> dict[str, Any]:
    """Infos of many environments as Gymnasium has them: zero outside ``where``, which is their ``_NAME``."""
    infos: dict[str, Any] = {}
    for name, values in info.items():
        outside = ~where.reshape(-1, *[1] * (values.ndim - 1))
        infos[name], infos[f"_{name}"] = np.where(outside, values.dtype.type(0), values), where.copy()
    return infos
