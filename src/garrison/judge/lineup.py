"""Many policies as one: policies that differ in their arrays alone are compiled once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.core import policy
from garrison.core.policy import Policy
from garrison.core.struct import Struct, static


class Group(Struct):
    """``size`` policies of one structure, side by side: arrays have a leading axis [policy]."""

    policies: Policy
    size: int = static()


class Lineup(Struct):
    """All policies of an evaluation, in groups of one structure.

    It has the form of :class:`garrison.judge.episodes.Deciders`.
    """

    groups: tuple[Group, ...]

    @property
    def size(self) -> int:
        return sum(group.size for group in self.groups)

    def init(self, keys: jax.Array, num_agents: int) -> tuple[Any, ...]:
        """First memories of each group, with axes [policy, episode, ...]. ``keys``: one per episode."""
        return tuple(
            _for_each(group, lambda one, key: one.init(key, num_agents), shared=(keys,), own=())
            for group in self.groups
        )

    def act(
        self, keys: jax.Array, obs: jax.Array, state: Any, mask: jax.Array, memories: tuple[Any, ...]
    ) -> tuple[jax.Array, tuple[Any, ...]]:
        """Actions ``int32[policy, episode, agent]`` and the next memories.

        Each policy gets what it reads; see :mod:`garrison.core.policy`.
        """
        chosen, start = [], 0
        for group, memory in zip(self.groups, memories, strict=True):
            rows = slice(start, start + group.size)
            own = (obs[rows], jax.tree.map(lambda x, rows=rows: x[rows], state), mask[rows], memory)
            chosen.append(_for_each(group, policy.act, shared=(keys,), own=own))
            start += group.size
        return jnp.concatenate([actions for actions, _ in chosen]), tuple(memory for _, memory in chosen)


def grouped(policies: Sequence[Policy]) -> tuple[Lineup, list[int]]:
    """The policies as a lineup, and the row of each policy in it."""
    policies = [with_jax_arrays(one) for one in policies]
    members: dict[Any, list[int]] = {}
    for number, one in enumerate(policies):
        members.setdefault(_structure(one), []).append(number)
    order = [number for same in members.values() for number in same]
    groups = tuple(
        Group(jax.tree.map(_stack, *(policies[i] for i in same)), len(same)) for same in members.values()
    )
    return Lineup(groups), np.argsort(order).tolist()


def with_jax_arrays(tree: Any) -> Any:
    """``tree`` with JAX arrays in place of NumPy's, so that ``jit`` traces them."""
    return jax.tree.map(lambda x: jnp.asarray(x) if isinstance(x, np.ndarray) else x, tree)


def _stack(first: Any, *others: Any) -> Any:
    return jnp.stack([first, *others]) if eqx.is_array(first) else first


def _structure(one: Policy) -> Any:
    leaves, tree = jax.tree.flatten(one)
    return tree, tuple((leaf.shape, leaf.dtype) if eqx.is_array(leaf) else leaf for leaf in leaves)


def _for_each(group: Group, function: Any, shared: tuple[Any, ...], own: tuple[Any, ...]) -> Any:
    """``function(policy, *shared, *own)`` for each policy and episode; ``shared`` has no axis of policies."""
    arrays, rest = eqx.partition(group.policies, eqx.is_array)

    def one(arrays: Any, own: tuple[Any, ...]) -> Any:
        member = eqx.combine(arrays, rest)
        return jax.vmap(lambda shared, own: function(member, *shared, *own))(shared, own)

    return jax.vmap(one, axis_size=group.size)(arrays, own)
