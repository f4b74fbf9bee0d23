"""Players: whoever decides for the agents of a world.

A player has two functions, and is a pytree or hashable:

    memory = player.init(key, num_agents)
    actions, memory = player.act(key, obs, mask, memory)

Both are for one lane: ``obs`` is f32[agent, feature], ``mask`` bool[agent, action], ``actions`` int32[agent];
``memory`` is a pytree of arrays, ``()`` if there is none. Use ``jax.vmap`` for many lanes.

A player may say what it reads, so that players of several kinds can be judged in one world: ``observation``
names one of the world's observation contracts, ``observation_size`` is a number of features, of which it gets
the first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from garrison.core.struct import static, struct
from garrison.learn import dists


class Player(Protocol):
    def init(self, key: jax.Array, num_agents: int) -> Any: ...

    def act(self, key: jax.Array, obs: jax.Array, mask: jax.Array, memory: Any) -> tuple[jax.Array, Any]: ...


class _Memoryless:
    def init(self, key: jax.Array, num_agents: int) -> tuple[()]:
        return ()


@struct
class Random(_Memoryless):
    """Uniform over the legal actions of each agent."""

    def act(self, key: jax.Array, obs: jax.Array, mask: jax.Array, memory: Any) -> tuple[jax.Array, Any]:
        return dists.sample(key, dists.masked_categorical(jnp.zeros(mask.shape), mask)), memory


@struct
class Constant(_Memoryless):
    """Each agent always takes the same action."""

    actions: tuple[int, ...] = static()

    def act(self, key: jax.Array, obs: jax.Array, mask: jax.Array, memory: Any) -> tuple[jax.Array, Any]:
        return jnp.asarray(self.actions, jnp.int32), memory


@struct
class Policy(_Memoryless):
    """A network that gives logits and values; samples from its distribution, or takes the mode if greedy."""

    net: Callable[[jax.Array], tuple[jax.Array, jax.Array]]
    greedy: bool = static(default=False)
    observation: str | None = static(default=None)  # contract that it reads; None: what the world gives
    observation_size: int | None = static(default=None)  # features that it reads; None: all

    def act(self, key: jax.Array, obs: jax.Array, mask: jax.Array, memory: Any) -> tuple[jax.Array, Any]:
        log_probs = dists.masked_categorical(self.net(obs)[0], mask)
        return dists.mode(log_probs) if self.greedy else dists.sample(key, log_probs), memory
