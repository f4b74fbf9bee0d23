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
from garrison.judge.episodes import EpisodeKeys, Transition, scan
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
    split = jax.vmap(lambda key: jax.random.split(key, 3))(keys)
    reset, step, act = (split[:, i] for i in range(3))

    def add(figures: Any, now: Transition) -> tuple[Any, None]:
        return fold(figures, now.t, *_only((now.after, now.step))), None

    chosen = _Chosen(policies, which)
    figures, _ = scan(world, chosen, EpisodeKeys(reset, step, act, act), add, lambda s, _: start(_only(s)))
    return figures


class _Chosen:
    """One of several policies without memory, by its index: only that one is computed.

    It has the form of :class:`garrison.judge.episodes.Deciders`.
    """

    size = 1

    def __init__(self, policies: list[Policy], which: jax.Array):
        self._branches = [jax.vmap(partial(_actions, policy)) for policy in policies]
        self._which = which

    def init(self, keys: jax.Array, num_agents: int) -> tuple[()]:
        return ()

    def act(
        self, keys: jax.Array, obs: jax.Array, state: Episode, mask: jax.Array, memories: tuple[()]
    ) -> tuple[jax.Array, tuple[()]]:
        # one index for all environments, so the switch is no select
        return jax.lax.switch(self._which, self._branches, keys, *_only((obs, state, mask)))[None], memories


def _only(tree: Any) -> Any:
    """Arrays [policy, env, ...] of a single policy without that axis."""
    return jax.tree.map(lambda x: x[0], tree)


def _actions(policy: Policy, key: jax.Array, obs: jax.Array, episode: Episode, mask: jax.Array) -> jax.Array:
    return act(policy, key, obs, episode, mask, policy.init(key, len(mask)))[0]
