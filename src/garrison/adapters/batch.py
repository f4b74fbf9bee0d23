"""Many environments of a world stepped from Python, in one compiled program."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.adapters.arguments import checked_seed
from garrison.adapters.stepping import Outcome, Playing, advance, start
from garrison.core.spaces import check_actions
from garrison.core.world import World


@jax.jit
def _restart(world: World, done: jax.Array, key: jax.Array, *running: Any) -> Any:
    """``(key, obs, state, mask)``, of new episodes where ``done``, else the given ones; axis [env]."""
    fresh = jax.vmap(start, (None, 0))(world, key)

    def pick(new: jax.Array, old: jax.Array) -> jax.Array:
        return jnp.where(done.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    return jax.tree.map(pick, fresh, (key, *running))


_reset_all = jax.jit(jax.vmap(start, (None, 0)))
_step_all = jax.jit(jax.vmap(lambda *arguments: advance(*arguments)[:-1], (None, 0, 0, 0)))
_key_all = jax.jit(jax.vmap(jax.random.key))


class Batch(Playing):
    """Many environments of one world, in which episodes that end start again in the same step.

    Attributes:
        final_obs, final_mask: what was seen after the last step, before any episode started again.
    """

    def __init__(self, world: World, num_envs: int):
        if num_envs < 1:
            raise ValueError(f"num_envs is {num_envs}; it must be at least 1")
        self.world, self.num_envs = world, num_envs
        self._key: jax.Array | None = None

    def reset(self, seed: int | Sequence[int] | None = None) -> None:
        """Start an episode everywhere: environment ``i`` with ``seed + i``, or its own of a list of seeds."""
        if seed is not None or self._key is None:
            self._key = _key_all(np.array(self._seeds(seed), np.uint32))
        self._key, obs, self._state, mask = _reset_all(self.world, self._key)
        self._seen = np.asarray(obs), np.asarray(mask)

    def step(self, actions: Any) -> Outcome:
        """One step with actions ``int[env, agent]``; the outcome has read-only NumPy arrays.

        Raises ``ValueError`` for wrong actions, naming agent and environment, and before the first reset.
        """
        self._now()  # raises before the first reset
        actions = check_actions(self.world, actions, lead=(self.num_envs,))
        *after, outcome = _step_all(self.world, self._key, self._state, actions)
        outcome = jax.tree.map(np.asarray, outcome)
        self.final_obs, self.final_mask = np.asarray(after[1]), np.asarray(after[3])
        if outcome.done.any():
            after = _restart(self.world, outcome.done, *after)
        self._key, obs, self._state, mask = after
        self._seen = np.asarray(obs), np.asarray(mask)
        return outcome

    def _seeds(self, seed: int | Sequence[int] | None) -> list[int]:
        if seed is None:
            return [secrets.randbits(32) for _ in range(self.num_envs)]
        seeds = (
            [seed + i for i in range(self.num_envs)] if isinstance(seed, (int, np.integer)) else list(seed)
        )
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} seeds for {self.num_envs} environments; give one for each")
        return [checked_seed(one) for one in seeds]
