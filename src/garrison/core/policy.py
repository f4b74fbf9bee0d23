"""Policies: whoever decides for the agents of one side.

A policy has two functions, and is a pytree or hashable:

    memory = policy.init(key, num_agents)
    actions, memory = policy.act(key, obs, mask, memory)

Both are for one environment; use ``jax.vmap`` for many. :data:`Obs`, :data:`Mask` and :data:`Actions` tell
dtypes and axes; ``memory`` is a pytree of arrays, ``()`` if there is none. Whoever runs episodes calls
``init`` where an episode begins. Scripted, neural, recurrent, recorded and human policies of every side have
this form.

A policy may say what it reads, so that policies of several kinds can be judged in one world:

- ``observation``: name of one of the world's observation contracts; None (the default) reads what the world
  gives. :data:`STATE` makes a policy *privileged*: ``obs`` is the world's state.
- ``observation_size``: number of features that it reads, the first ones; None reads all.
- ``members`` and ``act_on(key, obs, state, mask, memory)``: those of a policy that is made of others.
- ``probabilities(obs, mask)``: the probability of each action, ``f32[agent, action]``; optional, for policies
  without memory. Exact solutions of small games use it.
"""

from __future__ import annotations

from typing import Any, Protocol

import jax
import jax.numpy as jnp

from garrison.core.struct import Struct, static
from garrison.core.typing import Array, Bool, Float32, Int32, PRNGKeyArray

#: What the agents of one side observe.
Obs = Float32[Array, "agent feature"]
#: Which actions they may choose; False in the padding.
Mask = Bool[Array, "agent action"]
#: What they choose, by index.
Actions = Int32[Array, "agent"]

#: The ``observation`` of privileged policies: they get the world's state in place of the observation.
STATE = "state"


class Policy(Protocol):
    """What every policy offers; see the module's docstring."""

    def init(self, key: PRNGKeyArray, num_agents: int) -> Any:
        """The memory at the start of an episode."""
        ...

    def act(self, key: PRNGKeyArray, obs: Any, mask: Mask, memory: Any) -> tuple[Actions, Any]:
        """Actions and the next memory."""
        ...


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
    policy: Policy, key: PRNGKeyArray, obs: Obs, state: Any, mask: Mask, memory: Any
) -> tuple[Actions, Any]:
    """``policy.act`` on what the policy reads: the state if it is privileged, else features of ``obs``."""
    if (act_on := getattr(policy, "act_on", None)) is not None:  # members read different things
        return act_on(key, obs, state, mask, memory)
    if is_privileged(policy):
        return policy.act(key, state, mask, memory)
    return policy.act(key, obs[..., : observation_size_of(policy)], mask, memory)


def members_of(policy: Any) -> tuple[Any, ...]:
    """The policies that a pool or :mod:`garrison.core.opponents` is made of; of any other, itself."""
    members = getattr(policy, "members", None)
    return (policy,) if members is None else tuple(one for member in members for one in members_of(member))


class Memoryless:
    """Base class of policies without memory."""

    def init(self, key: PRNGKeyArray, num_agents: int) -> tuple[()]:
        return ()


def masked_probabilities(
    weights: Float32[Array, "agent action"], mask: Mask
) -> Float32[Array, "agent action"]:
    """Probabilities in proportion to ``weights`` among legal actions; uniform where these weigh nothing.

    Where no action is legal all of them count as legal.
    """
    possible = mask | ~jnp.any(mask, axis=-1, keepdims=True)
    weights = jnp.where(possible, weights, 0.0)
    weights = jnp.where(jnp.any(weights > 0, axis=-1, keepdims=True), weights, possible.astype(jnp.float32))
    return weights / jnp.sum(weights, axis=-1, keepdims=True)


class Random(Memoryless, Struct):
    """Uniform over the legal actions of each agent; over all actions where none is legal."""

    def act(self, key: PRNGKeyArray, obs: Obs, mask: Mask, memory: Any) -> tuple[Actions, Any]:
        possible = mask | ~jnp.any(mask, axis=-1, keepdims=True)
        logits = jnp.where(possible, 0.0, -jnp.inf).astype(jnp.float32)
        return jax.random.categorical(key, logits).astype(jnp.int32), memory

    def probabilities(self, obs: Obs, mask: Mask) -> Float32[Array, "agent action"]:
        """Probability of each action."""
        return masked_probabilities(jnp.ones(mask.shape, jnp.float32), mask)


class Constant(Memoryless, Struct):
    """Each agent always takes the same action."""

    actions: tuple[int, ...] = static()

    def act(self, key: PRNGKeyArray, obs: Obs, mask: Mask, memory: Any) -> tuple[Actions, Any]:
        return jnp.asarray(self.actions, jnp.int32), memory

    def probabilities(self, obs: Obs, mask: Mask) -> Float32[Array, "agent action"]:
        """Probability of each action: 1 or 0."""
        return jax.nn.one_hot(jnp.asarray(self.actions), mask.shape[-1], dtype=jnp.float32)


class Pool(Struct):
    """Plays one of its members, drawn again for each episode and environment.

    All members decide in each step and the drawn one's actions are taken, so that one compiled program holds
    any mixture of scripted and neural policies.
    """

    members: tuple[Any, ...]
    weights: Float32[Array, "member"]  # not negative, not all zero

    def init(self, key: PRNGKeyArray, num_agents: int) -> tuple[Int32[Array, ""], tuple[Any, ...]]:
        """The index of the drawn member, and the memories of all."""
        index_key, *keys = jax.random.split(key, 1 + len(self.members))
        index = jax.random.categorical(index_key, jnp.log(self.weights)).astype(jnp.int32)
        pairs = zip(self.members, keys, strict=True)
        return index, tuple(member.init(own, num_agents) for member, own in pairs)

    def act(self, key: PRNGKeyArray, obs: Obs, mask: Mask, memory: Any) -> tuple[Actions, Any]:
        """For pools without privileged members; :func:`act` serves all."""
        if any(map(is_privileged, members_of(self))):
            raise ValueError("a pool with privileged members needs the state: use garrison.core.policy.act")
        return self.act_on(key, obs, None, mask, memory)

    def act_on(self, key: PRNGKeyArray, obs: Obs, state: Any, mask: Mask, memory: Any) -> tuple[Actions, Any]:
        """Actions of the drawn member, and the next memory."""
        index, memories = memory
        # The same key for all, so that a member acts here as it does alone.
        acted = [
            act(member, key, obs, state, mask, own)
            for member, own in zip(self.members, memories, strict=True)
        ]
        actions = jnp.stack([actions for actions, _ in acted])[index]
        return actions, (index, tuple(own for _, own in acted))
