"""Players of one structure as one: teams that differ in their parameters alone are compiled once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.core import policy
from garrison.core.policy import Policy
from garrison.core.struct import static, struct


@struct
class Group:
    """``size`` players of one structure, side by side: arrays have a leading axis [player]."""

    players: Policy
    size: int = static()


def grouped(lineup: Sequence[Policy]) -> tuple[tuple[Group, ...], list[int]]:
    """Players of one structure brought together, and each player's place in the order that this makes."""
    lineup = [jax.tree.map(lambda x: jnp.asarray(x) if isinstance(x, np.ndarray) else x, p) for p in lineup]
    members: dict[Any, list[int]] = {}
    for number, player in enumerate(lineup):
        members.setdefault(_structure(player), []).append(number)
    order = [number for same in members.values() for number in same]
    groups = tuple(
        Group(jax.tree.map(_stack, *(lineup[i] for i in same)), len(same)) for same in members.values()
    )
    return groups, np.argsort(order).tolist()


def _stack(first: Any, *others: Any) -> Any:
    return jnp.stack([first, *others]) if eqx.is_array(first) else first


def _structure(player: Policy) -> Any:
    leaves, tree = jax.tree.flatten(player)
    return tree, tuple((leaf.shape, leaf.dtype) if eqx.is_array(leaf) else leaf for leaf in leaves)


def begin(groups: Sequence[Group], keys: jax.Array, num_agents: int) -> tuple[Any, ...]:
    """First memories of each group; axes [player, episode, ...]. ``keys``: one per episode."""
    return tuple(
        _for_each(group, lambda p, key: p.init(key, num_agents), shared=(keys,), own=()) for group in groups
    )


def act(
    groups: Sequence[Group],
    keys: jax.Array,
    obs: jax.Array,
    state: Any,
    mask: jax.Array,
    memories: tuple[Any, ...],
) -> tuple[jax.Array, tuple[Any, ...]]:
    """Each player decides in its own lanes: ``int32[player, episode, agent]``, and the new memories.

    Each reads what it says that it reads; see :mod:`garrison.core.policy`.
    """
    chosen, start = [], 0
    for group, memory in zip(groups, memories, strict=True):
        lanes = slice(start, start + group.size)
        own = (obs[lanes], jax.tree.map(lambda x, own=lanes: x[own], state), mask[lanes], memory)
        chosen.append(_for_each(group, policy.act, shared=(keys,), own=own))
        start += group.size
    return jnp.concatenate([actions for actions, _ in chosen]), tuple(memory for _, memory in chosen)


def _for_each(group: Group, function: Any, shared: tuple[Any, ...], own: tuple[Any, ...]) -> Any:
    """``function(player, *shared, *own)`` of each player and episode; ``shared`` lack the axis of players."""
    arrays, rest = eqx.partition(group.players, eqx.is_array)

    def one(arrays: Any, own: tuple[Any, ...]) -> Any:
        player = eqx.combine(arrays, rest)
        return jax.vmap(lambda shared, own: function(player, *shared, *own))(shared, own)

    return jax.vmap(one, axis_size=group.size)(arrays, own)
