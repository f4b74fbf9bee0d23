"""Opponents of many environments in one program: scripts, and networks side by side.

    opponents = gathered({"guard": guard, "old": network, "new": network}, weights)
    world = one_side(both, "red", opponents)      # each episode draws one
    world = met(world, key, groups=8)             # each group of environments meets one

Networks of one structure are stacked, so that their number changes no program: an environment looks up the
parameters of its opponent. In groups that all meet one opponent they are looked up once per group, and the
environments of a group are one batch. Scripts all decide in each step, and one is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions, Mask, Obs, Policy, act, is_privileged, members_of
from garrison.core.struct import Struct, static
from garrison.core.typing import Array, Float32, Int32, PRNGKeyArray
from garrison.core.world import World

GROUPS = 8  # of environments, at most


class Met(Struct):
    """The opponent that an environment meets; or those of groups: all but ``scripts`` has an axis [group].

    A policy. All scripts decide, and one network of each stack; the actions of one of them are taken.
    """

    scripts: tuple[Any, ...]
    networks: tuple[Any, ...]  # the chosen one of each stack, or another where a script is met
    index: Int32[Array, "*group"]  # of the member
    place: Int32[Array, "*group"]  # among scripts and stacks
    names: tuple[str, ...] = static(default=())

    @property
    def members(self) -> tuple[Any, ...]:
        return (*self.scripts, *self.networks)

    def init(self, key: PRNGKeyArray, num_agents: int) -> tuple[Any, ...]:
        """The index of the member, then the memories; a member begins as it does alone."""
        return (self.index, *(member.init(key, num_agents) for member in self.members))

    def act(self, key: PRNGKeyArray, obs: Obs, mask: Mask, memory: Any) -> tuple[Actions, Any]:
        """For members that are not privileged; :func:`garrison.core.policy.act` serves all."""
        _check_seen(self)
        return self.act_on(key, obs, None, mask, memory)

    def act_on(self, key: PRNGKeyArray, obs: Obs, state: Any, mask: Mask, memory: Any) -> tuple[Actions, Any]:
        """Actions of the member that is met, and the next memory."""
        index, *memories = memory
        # The same key for all, so that a member acts here as it does alone.
        acted = [
            act(member, key, obs, state, mask, own)
            for member, own in zip(self.members, memories, strict=True)
        ]
        actions = jnp.stack([actions for actions, _ in acted])[self.place]
        return actions, (index, *(own for _, own in acted))


class Opponents(Struct):
    """Members of which each episode draws one by its weight. A policy; see :func:`gathered`.

    Members are numbered: scripts, then the networks of each stack with the padding behind them.
    """

    scripts: tuple[Any, ...]
    stacks: tuple[Any, ...]  # policies with leaves [capacity, ...]
    weights: Float32[Array, "member"]  # 0 in the padding
    names: tuple[str, ...] = static(default=())  # of members, "" in the padding
    capacities: tuple[int, ...] = static(default=())  # of the stacks

    @property
    def members(self) -> tuple[Any, ...]:
        """One policy of each kind, for what they read."""
        return (*self.scripts, *self.stacks)

    def met(self, index: Int32[Array, "*group"]) -> Met:
        """The members of these numbers."""
        first, place = len(self.scripts), jnp.minimum(index, len(self.scripts))
        networks = []
        for number, (stack, capacity) in enumerate(zip(self.stacks, self.capacities, strict=True)):
            own = jnp.clip(index - first, 0, capacity - 1)
            networks.append(_of_stack(stack, own))
            place = jnp.where(index >= first, len(self.scripts) + number, place)
            first += capacity
        return Met(self.scripts, tuple(networks), index, place.astype(jnp.int32), self.names)

    def init(self, key: PRNGKeyArray, num_agents: int) -> tuple[Any, ...]:
        """The number of the drawn member, then the memories."""
        index = jax.random.categorical(jax.random.fold_in(key, 1), jnp.log(self.weights))
        return self.met(index.astype(jnp.int32)).init(key, num_agents)

    def act(self, key: PRNGKeyArray, obs: Obs, mask: Mask, memory: Any) -> tuple[Actions, Any]:
        """For members that are not privileged; :func:`garrison.core.policy.act` serves all."""
        _check_seen(self)
        return self.act_on(key, obs, None, mask, memory)

    def act_on(self, key: PRNGKeyArray, obs: Obs, state: Any, mask: Mask, memory: Any) -> tuple[Actions, Any]:
        """Actions of the drawn member, and the next memory."""
        return self.met(memory[0]).act_on(key, obs, state, mask, memory)


def gathered(
    policies: Mapping[str, Policy] | Sequence[Policy],
    weights: Sequence[float] | None = None,
    capacity: int | None = None,
) -> Opponents:
    """Policies as opponents.

    Args:
        policies: with names, which are a part of programs and of metrics, or without.
        weights: of each, not negative and not all 0; by default equal. Any scale.
        capacity: room for networks in each stack, which has to be the same for programs to be the same; by
            default as many as there are.

    Raises:
        ValueError: for no policies, wrong weights, or more networks of one structure than ``capacity``.
    """
    if not isinstance(policies, Mapping):
        unnamed = gathered({str(number): one for number, one in enumerate(policies)}, weights, capacity)
        return unnamed.replace(names=())
    given = np.ones(len(policies)) if weights is None else np.asarray(list(weights), float)
    if not policies or given.shape != (len(policies),):
        raise ValueError(f"{given.size} weights for {len(policies)} opponents; it needs one for each")
    if not np.isfinite(given).all() or (given < 0).any() or given.sum() <= 0:
        raise ValueError(f"weights of opponents are {given.tolist()}; they must be at least 0, one above 0")
    alike: dict[Any, list[tuple[str, Any, float]]] = {}
    for (name, policy), weight in zip(policies.items(), given.tolist(), strict=True):
        whole = jax.tree.map(lambda x: jnp.asarray(x) if isinstance(x, np.ndarray) else x, policy)
        alike.setdefault(_structure(whole), []).append((name, whole, weight))
    scripts = [one for same in alike.values() for one in same if not _has_arrays(one[1])]
    stacks = [same for same in alike.values() if _has_arrays(same[0][1])]
    rows = [(name, weight) for name, _, weight in scripts]
    capacities = []
    for same in stacks:
        room = len(same) if capacity is None else capacity
        if len(same) > room:
            raise ValueError(f"{len(same)} networks of one structure; capacity is {room}")
        capacities.append(room)
        rows += [(name, weight) for name, _, weight in same] + [("", 0.0)] * (room - len(same))
    padded = [
        [one for _, one, _ in same] + [same[0][1]] * (room - len(same))
        for same, room in zip(stacks, capacities, strict=True)
    ]
    return Opponents(
        scripts=tuple(one for _, one, _ in scripts),
        stacks=tuple(jax.tree.map(_stack, *same) for same in padded),
        weights=jnp.asarray([weight for _, weight in rows], jnp.float32),
        names=tuple(name for name, _ in rows),
        capacities=tuple(capacities),
    )


def drawn(key: PRNGKeyArray, weights: Float32[Array, "member"], groups: int) -> Int32[Array, "{groups}"]:
    """Members for groups, each as often as its weight says, up to one group: systematic sampling.

    Those of weight 0 never. Who meets which group depends on ``key``.
    """
    key, order_key = jax.random.split(key)
    until = jnp.cumsum(weights) / jnp.sum(weights)
    at = (jnp.arange(groups) + jax.random.uniform(key)) / groups
    last = jnp.max(jnp.where(weights > 0, jnp.arange(weights.shape[0]), 0))  # for sums just below 1
    index = jnp.minimum(jnp.sum(until[None] <= at[:, None], axis=1), last)
    return jax.random.permutation(order_key, index).astype(jnp.int32)


def groups_of(num_envs: int) -> int:
    """The number of groups of equal size, at most :data:`GROUPS`."""
    return max(count for count in range(1, GROUPS + 1) if num_envs % count == 0)


# ---------------------------------------------------------------- within worlds


def met(world: World, key: PRNGKeyArray, groups: int) -> World:
    """``world`` with the opponents of its episodes drawn, one for each group of environments.

    For :class:`garrison.core.wrappers.Vectorize`. A world without :class:`Opponents` stays as it is.
    """

    def choose(one: Any) -> Any:
        return one.met(drawn(key, one.weights, groups)) if isinstance(one, Opponents) else one

    return jax.tree.map(choose, world, is_leaf=lambda one: isinstance(one, Opponents))


def names_in(world: World) -> tuple[str, ...]:
    """Names of the opponents in a world by number; empty where there are none."""
    kinds = (Opponents, Met)
    leaves = jax.tree.leaves(world, is_leaf=lambda one: isinstance(one, kinds))
    return next((one.names for one in leaves if isinstance(one, kinds)), ())


def map_envs(function: Any, world: World, *args: Any) -> Any:
    """``function(world, *args)`` for environments, which are a leading axis of ``args``.

    With :class:`Met` of groups in ``world``, environments are as many groups one behind the other.
    """
    leaves, tree = jax.tree.flatten(world, is_leaf=lambda one: isinstance(one, Met))
    places = [place for place, one in enumerate(leaves) if isinstance(one, Met) and jnp.ndim(one.index)]
    if not places:
        return jax.vmap(partial(function, world))(*args)
    by_group = [(leaves[place].networks, leaves[place].index, leaves[place].place) for place in places]
    groups = leaves[places[0]].index.shape[0]

    def of_group(by_group: list[Any], args: Any) -> Any:
        own = list(leaves)
        for at, (networks, index, place) in zip(places, by_group, strict=True):
            own[at] = own[at].replace(networks=networks, index=index, place=place)
        return jax.vmap(partial(function, tree.unflatten(own)))(*args)

    split = jax.tree.map(lambda x: x.reshape(groups, -1, *x.shape[1:]), args)
    out = jax.vmap(of_group)(by_group, split)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), out)


# ---------------------------------------------------------------- parts


def _of_stack(stack: Any, index: Int32[Array, "*group"]) -> Any:
    return jax.tree.map(lambda x: x[index] if _is_array(x) else x, stack)


def _stack(first: Any, *others: Any) -> Any:
    return jnp.stack([first, *others]) if _is_array(first) else first


def _structure(policy: Any) -> Any:
    leaves, tree = jax.tree.flatten(policy)
    return tree, tuple((leaf.shape, leaf.dtype) if _is_array(leaf) else leaf for leaf in leaves)


def _has_arrays(policy: Any) -> bool:
    return any(map(_is_array, jax.tree.leaves(policy)))


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array)


def _check_seen(policy: Any) -> None:
    if any(map(is_privileged, members_of(policy))):
        raise ValueError("privileged opponents need the state: use garrison.core.policy.act")
