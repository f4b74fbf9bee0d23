"""Policies: whoever decides for the agents of one side.

A policy has two functions, and is a pytree or hashable:

    memory = policy.init(key, num_agents)
    actions, memory = policy.act(key, obs, mask, memory)

Both are for one environment; use ``jax.vmap`` for many. ``obs`` is f32[agent, feature], ``mask``
bool[agent, action], ``actions`` int32[agent]; ``memory`` is a pytree of arrays, ``()`` if there is none.
Whoever runs episodes calls ``init`` where an episode begins. Scripted, neural, recurrent, recorded and human
policies of every side have this form.

A policy may say what it reads, so that policies of several kinds can be judged in one world:

- ``observation``: name of one of the world's observation contracts; None (the default) reads what the world
  gives. :data:`STATE` makes a policy *privileged*: ``obs`` is the world's state.
- ``observation_size``: number of features that it reads, the first ones; None reads all.
"""

from __future__ import annotations

from typing import Any, Protocol

import jax
import jax.numpy as jnp

from garrison.core.struct import static, struct

#: The ``observation`` of privileged policies: they get the world's state in place of the observation.
STATE = "state"


class Policy(Protocol):
    """What every policy offers; see the module's docstring."""

    def init(self, key: jax.Array, num_agents: int) -> Any:
        """The memory at the start of an episode."""

    def act(self, key: jax.Array, obs: Any, mask: jax.Array, memory: Any) -> tuple[jax.Array, Any]:
        """Actions ``int32[agent]`` and the next memory."""


def observation_of(policy: Any) -> str | None:
    """The observation contract that a policy reads; None if it reads what the world gives."""
    return getattr(policy, "observation", None)


def observation_size_of(policy: Any) -> int | None:
    """The number of features that a policy reads; None if it reads all."""
    return getattr(policy, "observation_size", None)


def is_privileged(policy: Any) -> bool:
    """Whether a policy reads the world's state, which no agent of the world sees."""
    return observation_of(policy) == STATE


def act(
    policy: Policy, key: jax.Array, obs: jax.Array, state: Any, mask: jax.Array, memory: Any
) -> tuple[jax.Array, Any]:
    """``policy.act`` on what the policy reads: the state if it is privileged, else features of ``obs``."""
    if is_privileged(policy):
        return policy.act(key, state, mask, memory)
    return policy.act(key, obs[..., : observation_size_of(policy)], mask, memory)


class Memoryless:
    """Base class of policies without memory."""

    def init(self, key: jax.Array, num_agents: int) -> tuple[()]:
        return ()


@struct
class Random(Memoryless):
    """Uniform over the legal actions of each agent; over all actions where none is legal."""

    def act(self, key: jax.Array, obs: jax.Array, mask: jax.Array, memory: Any) -> tuple[jax.Array, Any]:
        possible = mask | ~jnp.any(mask, axis=-1, keepdims=True)
        logits = jnp.where(possible, 0.0, -jnp.inf).astype(jnp.float32)
        return jax.random.categorical(key, logits).astype(jnp.int32), memory


@struct
class Constant(Memoryless):
    """Each agent always takes the same action."""

    actions: tuple[int, ...] = static()

    def act(self, key: jax.Array, obs: jax.Array, mask: jax.Array, memory: Any) -> tuple[jax.Array, Any]:
        return jnp.asarray(self.actions, jnp.int32), memory
