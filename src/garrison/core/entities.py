"""What a world says of its entities: which features describe which one, and which actions are on which one.

A host, an account or a firewall rule is an entity. A network that reads :class:`Entities` applies the same
weights to all entities of a kind, and works in every world that describes them (:meth:`World.entities`).
It is static data: index arrays, in NumPy.

Entities of a kind are arranged in *groups* of equally many *slots*, such as the subnets of a network and
their hosts; each group belongs to one agent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from garrison.core.typing import Array, Float32, Int32

if TYPE_CHECKING:
    from garrison.core.world import World

NONE = -1  # an index of no feature and of no action


@dataclass(frozen=True, eq=False)
class Kind:
    """Entities of one kind."""

    name: str
    #: agent of each group
    agents: tuple[int, ...]
    #: places in the agent's observation; :data:`NONE` reads as 0
    features: Int32[np.ndarray, "group slot feature"]
    #: what never changes, such as the one-hot number of a subnet
    constants: Float32[np.ndarray, "group slot constant"]
    #: place of the feature that is above 0 where the entity exists; NONE: it always does
    exists: Int32[np.ndarray, "group slot"]
    #: the agent's action on the entity; NONE where there is none
    actions: Int32[np.ndarray, "group slot verb"]
    #: names of the last axis of ``actions``
    verbs: tuple[str, ...]
    #: networks multiply features by it, so that what matters in them is near 1; None: by 1
    scales: Float32[np.ndarray, "feature"] | None = None


@dataclass(frozen=True, eq=False)
class Entities:
    """The entities of a world, kind by kind, and what belongs to no entity."""

    kinds: tuple[Kind, ...]
    #: places of the features of the agent itself; NONE reads as 0
    context: Int32[np.ndarray, "agent feature"]
    #: for each context feature: 0, or the number of values 0, 1, ... that it takes, to be read one-hot
    levels: tuple[int, ...]
    #: actions on no entity; NONE where there is none
    actions: Int32[np.ndarray, "agent verb"]
    #: names of the last axis of ``actions``
    verbs: tuple[str, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entities) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @cached_property
    def _identity(self) -> Any:
        return _hashable(self)

    @cached_property
    def classes(self) -> tuple[tuple[int, ...], ...]:
        """Agents put together whose groups have the same shape, so that one program serves them all."""
        shapes = [
            tuple(sum(owner == agent for owner in kind.agents) for kind in self.kinds)
            for agent in range(len(self.actions))
        ]
        return tuple(
            tuple(agent for agent, own in enumerate(shapes) if own == shape)
            for shape in dict.fromkeys(shapes)
        )


@dataclass(frozen=True)
class Clock:
    """Where an agent's observation says how long ago the agent decided last."""

    #: place of that duration
    elapsed: int
    #: its unit, in units of the world's time
    unit: float = 1.0
    #: places of further features that say the same
    others: tuple[int, ...] = ()

    @property
    def places(self) -> tuple[int, ...]:
        """Places of all features that tell the duration."""
        return (self.elapsed, *self.others)


@dataclass(frozen=True, eq=False)
class Graph(Entities):
    """Entities as the nodes of a graph: kind by kind, group by group of an agent, slot by slot.

    The context leaves out what the clock tells, so that a network can be given it, or not.
    """

    #: which nodes of an agent are adjacent, from its observation ``f32[feature]``: ``bool[node, node]``. It
    #: can be traced, and equal worlds give equal ones
    adjacency: Callable[[int, Array], Array]
    #: None where observations do not tell
    clock: Clock | None


def _hashable(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return tuple(_hashable(getattr(value, field.name)) for field in dataclasses.fields(value))
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    return tuple(map(_hashable, value)) if isinstance(value, tuple) else value


def check(entities: Entities, world: World) -> None:
    """Raise ``ValueError`` where a description does not fit its world; names what is wrong.

    An action of an agent must be on one entity or on none, once; those that are never legal may be missing.
    """
    num_agents = world.num_agents
    if len(entities.context) != num_agents or len(entities.actions) != num_agents:
        raise ValueError(f"entities describe {len(entities.actions)} agents; {world.name} has {num_agents}")
    if len(entities.levels) != entities.context.shape[1]:
        raise ValueError("entities have another number of levels than of context features")
    taken: list[list[int]] = [[] for _ in range(num_agents)]
    for agent, row in enumerate(entities.actions):
        taken[agent] += row[row != NONE].tolist()
        _check_places(entities.context[agent], world.observation_sizes[agent], f"context of agent {agent}")
    for kind in entities.kinds:
        if kind.scales is not None and kind.scales.shape != kind.features.shape[2:]:
            raise ValueError(f"entities have another number of scales than of features: {kind.name}")
        for group, agent in enumerate(kind.agents):
            own = kind.actions[group]
            taken[agent] += own[own != NONE].tolist()
            places = np.append(kind.features[group], kind.exists[group])
            _check_places(places, world.observation_sizes[agent], f"{kind.name} of agent {agent}")
    for agent, actions in enumerate(taken):
        if len(set(actions)) != len(actions) or not set(actions) <= set(range(world.action_counts[agent])):
            raise ValueError(
                f"entities describe an action of agent {agent} twice, or one that it does not have"
            )


def _check_places(places: np.ndarray, size: int, what: str) -> None:
    if np.any((places < NONE) | (places >= size)):
        raise ValueError(f"entities read outside the {size} features of an observation: {what}")
