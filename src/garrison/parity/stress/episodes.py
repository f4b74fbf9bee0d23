"""Many whole episodes of CC4 under fixed blue policies, folded to figures while they are played."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Policy, act
from garrison.core.world import Step
from garrison.worlds.cc4 import CC4, Episode

#: ``fold(figures, t, episode, step) -> figures``: all environments at once, with the episode after step ``t``
Fold = Callable[[Any, jax.Array, Episode, Step], Any]


class EpisodeRunner:
    """Plays episodes of one world; compiles once, whichever of its policies play.

    Args:
        policies: by name; without memory.
        start: ``start(episode) -> figures`` at reset, all environments at once.
        fold: what a step adds to the figures.
        batch: environments that play side by side.
    """

    def __init__(
        self,
        world: CC4,
        policies: Mapping[str, Policy],
        start: Callable[[Episode], Any],
        fold: Fold,
        batch: int,
    ):
        self.policies, self.batch = tuple(policies), batch
        self._play = jax.jit(
            lambda which, keys: _play(world, list(policies.values()), start, fold, which, keys)
        )

    def play(self, policy: str, episodes: int, seed: int) -> Iterator[Any]:
        """Figures of ``episodes`` episodes of a policy, ``[env, ...]`` NumPy leaves, batch by batch.

        Episode ``i`` of a seed starts on the same network for every policy.
        """
        which = self.policies.index(policy)
        for first in range(0, episodes, self.batch):
            numbers = jnp.arange(first, first + self.batch)
            keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), numbers)
            figures = jax.device_get(self._play(which, keys))
            yield jax.tree.map(lambda x, rest=episodes - first: x[:rest], figures)

    def all(self, policy: str, episodes: int, seed: int) -> Any:
        """The figures of all episodes together."""
        parts = list(self.play(policy, episodes, seed))
        return jax.tree.map(lambda *x: np.concatenate(x), *parts)


def _play(
    world: CC4,
    policies: list[Policy],
    start: Callable[[Episode], Any],
    fold: Fold,
    which: jax.Array,
    keys: jax.Array,
) -> Any:
    branches = [jax.vmap(partial(_actions, policy)) for policy in policies]
    keys = jax.vmap(lambda key: jax.random.split(key, 3))(keys)
    reset_keys, step_keys, act_keys = keys[:, 0], keys[:, 1], keys[:, 2]
    obs, episode = jax.vmap(world.reset)(reset_keys)
    mask = jax.vmap(world.legal)(episode)  # made at reset, never changes (§7.1)

    def one(carry: tuple, t: jax.Array) -> tuple:
        obs, episode, figures = carry
        act_now, step_now = (jax.vmap(jax.random.fold_in, (0, None))(k, t) for k in (act_keys, step_keys))
        # one index for all environments: only the chosen policy is computed
        actions = jax.lax.switch(which, branches, act_now, obs, episode, mask)
        obs, episode, step = jax.vmap(world.step)(step_now, episode, actions)
        return (obs, episode, fold(figures, t, episode, step)), None

    carry = (obs, episode, start(episode))
    (_, _, figures), _ = jax.lax.scan(one, carry, jnp.arange(world.max_steps))
    return figures


def _actions(policy: Policy, key: jax.Array, obs: jax.Array, episode: Episode, mask: jax.Array) -> jax.Array:
    return act(policy, key, obs, episode, mask, policy.init(key, len(mask)))[0]
