"""A world in which one agent of a side acts, and a policy decides for the other agents of that side.

    world = one_agent(garrison.make("cc4"), "blue_agent_0", others="guard")

The policy is part of the world, as the opponent is in :mod:`garrison.core.sides`. It decides for the whole
side from what the side observes; the acting agent's choice then replaces the one made for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import jax
import jax.numpy as jnp

from garrison.core.policy import Policy, act
from garrison.core.spaces import check_actions
from garrison.core.struct import struct
from garrison.core.world import State, Step, World, observed_by
from garrison.core.wrappers import Wrapper


@struct
class OneAgentState:
    """The state of a world in which one agent acts."""

    world: State  # of the whole side's world
    obs: jax.Array  # f32[agent, feature]: what all agents saw last
    memory: Any  # of the others' policy
    actions: jax.Array  # int32[agent]: of the last step; zeros before there is one


def one_agent(world: World, agent: int | str, others: str | Policy) -> World:
    """The world in which ``agent`` acts and ``others`` decides for the rest of its side.

    Args:
        world: a world of one side.
        others: a policy for the side, such as one of a run, or the name of one of ``world.policies()``. It
            may read another observation contract than the agent.

    Raises:
        ValueError: for a world of several sides, an unknown agent or an unknown name.
    """
    check_one_side(world)
    index = world.agent_index(agent)
    if isinstance(others, str):
        known = world.policies()
        if others not in known:
            raise ValueError(f"no policy {others!r} in world {world.name!r}; policies: {', '.join(known)}")
        others = known[others]
    size = world.observation_sizes[index]
    return OneAgent(observed_by(world, [others]), index, size, others)


def check_one_side(world: World) -> None:
    """Raise ``ValueError`` for a world of several sides."""
    if len(world.sides) > 1:
        raise ValueError(
            f"world {world.name!r} has the sides {', '.join(world.sides)}; choose one with "
            "garrison.core.sides.one_side(world, side, opponent)"
        )


@dataclass(frozen=True)
class OneAgent(Wrapper):
    """See :func:`one_agent`, which makes it.

    Observation, reward and legal actions are the agent's. The world has a single observation contract, that
    of the world that it was made from.
    """

    agent: int
    size: int  # features that the agent sees, the first ones
    others: Any

    leaf_fields = ("world", "others")

    observation = None
    observations = ()
    zero_sum = False
    global_state_kinds = ("concat",)

    @property
    def sides(self) -> Mapping[str, tuple[int, ...]]:  # type: ignore[override]
        return dict.fromkeys(self.world.sides, (0,))

    @property
    def agents(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.world.agents[self.agent],)

    @property
    def action_counts(self) -> tuple[int, ...]:  # type: ignore[override]
        return (self.world.action_counts[self.agent],)

    @property
    def observation_sizes(self) -> tuple[int, ...]:  # type: ignore[override]
        return (self.size,)

    @property
    def idle_actions(self) -> tuple[int, ...] | None:  # type: ignore[override]
        idle = self.world.idle_actions
        return None if idle is None else (idle[self.agent],)

    def inner(self, state: OneAgentState) -> State:
        return state.world

    def reset(self, key: jax.Array) -> tuple[jax.Array, OneAgentState]:
        key, memory_key = jax.random.split(key)
        obs, state = self.world.reset(key)
        memory = self.others.init(memory_key, self.world.num_agents)
        actions = jnp.zeros(self.world.num_agents, jnp.int32)
        return self._own(obs), OneAgentState(state, obs, memory, actions)

    def step(
        self, key: jax.Array, state: OneAgentState, actions: jax.Array
    ) -> tuple[jax.Array, OneAgentState, Step]:
        actions = check_actions(self, actions)
        key, others_key = jax.random.split(key)
        mask = self.world.legal(state.world)
        joint, memory = act(self.others, others_key, state.obs, state.world, mask, state.memory)
        joint = joint.astype(jnp.int32).at[self.agent].set(actions[0])
        obs, after, step = self.world.step(key, state.world, joint)
        own = {"reward": step.reward[self.agent][None], "final_obs": self._own(step.final_obs)}
        if step.final_mask is not None:
            own["final_mask"] = self._legal(step.final_mask)
        return self._own(obs), OneAgentState(after, obs, memory, joint), step.replace(**own)

    def legal(self, state: OneAgentState) -> jax.Array:
        return self._legal(self.world.legal(state.world))

    def action_labels(self, agent: int | str) -> list[str]:
        return self.world.action_labels(self.agents[self.agent_index(agent)])

    def observation_labels(self, agent: int | str) -> list[str]:
        return self.world.observation_labels(self.agents[self.agent_index(agent)])[: self.size]

    # What follows is of whole sides, and a single agent has none of it.
    global_state_size = World.global_state_size
    global_state = World.global_state
    policies = World.policies
    entities = World.entities
    behavior = World.behavior
    diagnosis = World.diagnosis
    targets = World.targets
    observations_of = World.observations_of
    native_policies = World.native_policies
    with_native = World.with_native
    with_scripts = World.with_scripts

    def observe_as(self, name: str) -> Self:
        return super(Wrapper, self).observe_as(name)

    restriction = World.restriction
    two_sided = World.two_sided

    def narrate(self, state: OneAgentState, actions: Any, after: OneAgentState, step: Step) -> list[str]:
        return self.world.narrate(state.world, after.actions, after.world, step)

    def _own(self, obs: jax.Array) -> jax.Array:
        return obs[self.agent, : self.size][None]

    def _legal(self, mask: jax.Array) -> jax.Array:
        return mask[self.agent, : self.num_actions][None]
