"""The world protocol: what every simulator in Garrison offers.

A world is a set of pure functions over arrays. It holds nothing but a frozen, hashable description
of itself; everything that changes travels in ``state``. The names are those that JaxMARL users know.

    obs, state = world.reset(key)
    obs, state, step = world.step(key, state, actions)
    mask = world.legal(state)

One call is one environment ("lane"); use ``jax.vmap`` for many. Agents are an array axis, padded to
the largest agent where they differ. Nothing resets by itself: see :mod:`garrison.core.wrappers`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import jax

from garrison.core.struct import struct

State = Any


@struct
class Step:
    """What a step returns beside the observation and the next state."""

    reward: jax.Array  # f32[agent]
    terminated: jax.Array  # bool[]: the episode is over by the rules of the world
    truncated: jax.Array  # bool[]: the episode was cut by its time limit
    final_obs: jax.Array  # f32[agent, feature]: the observation before any automatic reset
    info: dict[str, Any]  # what else the world tells: reward parts, events, ...

    @property
    def done(self) -> jax.Array:
        return self.terminated | self.truncated


class World(ABC):
    """Base class of all worlds. Subclasses are frozen and hashable, so they can be closed over by jit."""

    #: registered name, e.g. ``"cc4"``
    name: str
    #: changes exactly when trajectories for a given key change
    version: str
    #: names of the learning agents, in the order of the agent axis
    agents: tuple[str, ...]
    #: actions of each agent, without padding
    action_counts: tuple[int, ...]
    #: observation length of each agent, without padding
    observation_sizes: tuple[int, ...]
    #: steps after which an episode is over at the latest
    max_steps: int

    @property
    def num_agents(self) -> int:
        return len(self.agents)

    @property
    def num_actions(self) -> int:
        """Size of the padded action axis."""
        return max(self.action_counts)

    @property
    def observation_size(self) -> int:
        """Size of the padded observation axis."""
        return max(self.observation_sizes)

    @abstractmethod
    def reset(self, key: jax.Array) -> tuple[jax.Array, State]:
        """Start an episode. Returns observations ``f32[agent, feature]`` and the state."""

    @abstractmethod
    def step(self, key: jax.Array, state: State, actions: jax.Array) -> tuple[jax.Array, State, Step]:
        """Advance one step with ``actions`` (``int32[agent]``)."""

    @abstractmethod
    def legal(self, state: State) -> jax.Array:
        """Which actions may be chosen: ``bool[agent, action]``, False in the padding."""

    @abstractmethod
    def action_labels(self, agent: int | str) -> list[str]:
        """One line of text per action of an agent, in index order."""

    @abstractmethod
    def observation_labels(self, agent: int | str) -> list[str]:
        """One line of text per feature of an agent's observation, in index order."""

    def describe(self, state: State) -> dict[str, Any]:
        """The state of one lane as JSON-ready data, for people."""
        raise NotImplementedError(f"world {self.name!r} has no description of its state")

    def narrate(self, state: State, actions: Any, after: State, step: Step) -> list[str]:
        """What happened in one step of one lane, a line per event, for people."""
        raise NotImplementedError(f"world {self.name!r} does not narrate its steps")

    def agent_index(self, agent: int | str) -> int:
        """Position of an agent on the agent axis; raises ``ValueError`` naming what is possible."""
        if isinstance(agent, str) and agent in self.agents:
            return self.agents.index(agent)
        if not isinstance(agent, (str, bool)) and 0 <= int(agent) < self.num_agents:
            return int(agent)
        raise ValueError(
            f"no agent {agent!r} in world {self.name!r}; agents: {', '.join(self.agents)} "
            f"(or an index below {self.num_agents})"
        )
