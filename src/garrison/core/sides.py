"""A world of two sides as a world of one side, in which a policy decides for the other.

    both = garrison.make("cc4", side="both")
    world = one_side(both, "blue", opponent=policy)

The opponent is part of the world, which is a pytree. Pass the world to ``jit`` as an argument, and new
parameters of the opponent's networks do not compile again. The opponent's memory is part of the state, so it
starts fresh in each episode. With a :class:`~garrison.core.policy.Pool` the opponent differs per environment,
with :mod:`garrison.core.opponents` per group of environments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import jax
import numpy as np

from garrison.core.entities import Entities, Graph
from garrison.core.opponents import Met, Opponents
from garrison.core.policy import Mask, Obs, Policy, act
from garrison.core.spaces import check_actions
from garrison.core.struct import Struct
from garrison.core.typing import Array, Float32, PRNGKeyArray
from garrison.core.world import Restriction, State, Step, World, observed_by
from garrison.core.wrappers import Wrapper


class OneSideState(Struct):
    """The state of a world in which one side acts."""

    world: State  # of the two-sided world
    obs: Float32[Array, "*env agent feature"]  # what all agents of both sides saw last
    memory: Any  # of the opponent


def one_side(world: World, side: str, opponent: str | Policy) -> World:
    """The world in which ``side`` acts against ``opponent``.

    Args:
        world: a world of two sides.
        opponent: a policy of the other side, or the name of one: a native policy of the world, which is
            compiled into it, or one of its ``policies``.

    Raises:
        ValueError: for a world that has not two sides, an unknown side or an unknown name.
    """
    other = other_side(world, side)
    if isinstance(opponent, str):
        if opponent in world.native_policies(other):
            return world.with_native(other, opponent)
        policy = world.named_policy(opponent, other)
        if policy is None:
            names = dict.fromkeys((*world.native_policies(other), *world.policies(other)))
            raise ValueError(
                f"no policy {opponent!r} of side {other!r} in world {world.name!r}; "
                f"policies: {', '.join(names)}"
            )
        opponent = policy
    return OneSide(observed_by(world, [opponent]), side, opponent)


def other_side(world: World, side: str) -> str:
    """The side that plays against ``side``. Raises ``ValueError`` where there are not two."""
    sides = tuple(world.sides)
    if len(sides) != 2:
        raise ValueError(f"world {world.name!r} has not two sides, but {len(sides)}: {', '.join(sides)}")
    world.side_agents(side)  # raises for an unknown one
    return sides[1 - sides.index(side)]


@dataclass(frozen=True)
class OneSide(Wrapper):
    """See :func:`one_side`, which makes it.

    Rewards, observations and actions are those of the side's agents. The reward parts of a zero-sum world are
    those of the first side; they change sign for the second.
    """

    side: str
    opponent: Any

    leaf_fields = ("world", "opponent")

    @property
    def _own(self) -> np.ndarray:
        return np.array(self.world.side_agents(self.side))

    @property
    def _other(self) -> np.ndarray:
        return np.array(self.world.side_agents(other_side(self.world, self.side)))

    @property
    def sides(self) -> Mapping[str, tuple[int, ...]]:
        return {self.side: tuple(range(len(self._own)))}

    @property
    def agents(self) -> tuple[str, ...]:
        return tuple(self.world.agents[i] for i in self._own)

    @property
    def action_counts(self) -> tuple[int, ...]:
        return tuple(self.world.action_counts[i] for i in self._own)

    @property
    def observation_sizes(self) -> tuple[int, ...]:
        return tuple(self.world.observation_sizes[i] for i in self._own)

    @property
    def idle_actions(self) -> tuple[int, ...] | None:
        idle = self.world.idle_actions
        return None if idle is None else tuple(idle[i] for i in self._own)

    @property
    def observations(self) -> tuple[str, ...]:
        return self.world.observations_of(self.side)

    @property
    def observation(self) -> str | None:
        return self.world.observation if self.world.observation in self.observations else None

    @property
    def zero_sum(self) -> bool:
        return False  # there is one side only

    def inner(self, state: OneSideState) -> State:
        return state.world

    def reset(self, key: PRNGKeyArray, **more: Any) -> tuple[Obs, OneSideState]:
        """Start an episode; ``more`` goes to the two-sided world's ``reset``."""
        key, memory_key = jax.random.split(key)
        obs, state = self.world.reset(key, **more)
        memory = self.opponent.init(memory_key, len(self._other))
        return self._seen(obs), OneSideState(state, obs, memory)

    def step(self, key: PRNGKeyArray, state: OneSideState, actions: Array) -> tuple[Obs, OneSideState, Step]:
        actions = check_actions(self, actions)
        key, opponent_key = jax.random.split(key)
        other, legal = self._other, self.world.legal(state.world)
        seen = state.obs[other, : max(self.world.observation_sizes[i] for i in other)]
        mask = legal[other, : max(self.world.action_counts[i] for i in other)]
        answer, memory = act(self.opponent, opponent_key, seen, state.world, mask, state.memory)
        joint = jax.numpy.zeros(self.world.num_agents, jax.numpy.int32)
        joint = joint.at[self._own].set(actions).at[other].set(answer)
        obs, after, step = self.world.step(key, state.world, joint)
        step = self._step_of(step)
        if isinstance(self.opponent, (Met, Opponents)):  # whom this episode meets
            step = step.replace(info={**step.info, "opponent": state.memory[0]})
        return self._seen(obs), OneSideState(after, obs, memory), step

    def legal(self, state: OneSideState) -> Mask:
        return self.world.legal(state.world)[self._own, : self.num_actions]

    def action_labels(self, agent: int | str) -> list[str]:
        return self.world.action_labels(self.agents[self.agent_index(agent)])

    def observation_labels(self, agent: int | str) -> list[str]:
        return self.world.observation_labels(self.agents[self.agent_index(agent)])

    def global_state_size(self, kind: str = "concat") -> int:
        return World.global_state_size(self) if kind == "concat" else self.world.global_state_size(kind)

    def global_state(self, state: OneSideState, obs: Obs, kind: str = "concat") -> Float32[Array, "number"]:
        """``"concat"`` holds the observations of this side alone; other kinds are the two-sided world's."""
        if kind == "concat":
            return World.global_state(self, state, obs)
        return self.world.global_state(state.world, state.obs, kind)

    def policies(self, side: str | None = None) -> dict[str, Policy]:
        self.side_agents(side)
        return self.world.policies(self.side)

    def named_policy(self, name: str, side: str | None = None) -> Policy | None:
        self.side_agents(side)
        return super().named_policy(name, self.side)

    def teachers(self, side: str | None = None) -> dict[str, Policy]:
        self.side_agents(side)
        return super().teachers(self.side)

    def entities(self, side: str | None = None) -> Entities | None:
        self.side_agents(side)
        return super().entities(self.side)

    def graph(self, side: str | None = None) -> Graph | None:
        self.side_agents(side)
        return super().graph(self.side)

    def restriction(self, side: str | None = None) -> Restriction | None:
        self.side_agents(side)
        return super().restriction(self.side)

    def behavior(self, side: str | None = None) -> Any:
        self.side_agents(side)
        return super().behavior(self.side)

    def diagnosis(self, side: str | None = None) -> Any:
        self.side_agents(side)
        return super().diagnosis(self.side)

    def targets(self, side: str | None = None) -> Any:
        self.side_agents(side)
        return super().targets(self.side)

    def assets(self, side: str | None = None) -> Any:
        self.side_agents(side)
        return super().assets(self.side)

    def observe_as(self, name: str) -> Self:
        if name not in self.observations:
            return super(Wrapper, self).observe_as(name)
        world = self.world.observe_as(name)
        return replace(self, world=observed_by(world, [self.opponent]))

    def native_policies(self, side: str) -> tuple[str, ...]:
        return ()

    def with_native(self, side: str, policy: str) -> World:
        return World.with_native(self, side, policy)

    def two_sided(self) -> World:
        return self.world

    def narrate(self, state: OneSideState, actions: Any, after: OneSideState, step: Step) -> list[str]:
        return self.world.narrate(state.world, actions, after.world, step)

    def _seen(self, obs: Float32[Array, "both feature"]) -> Float32[Array, "agent own"]:
        return obs[self._own, : self.observation_size]

    def _step_of(self, step: Step) -> Step:
        info = dict(step.info)
        parts, true_reward = info.get("reward_parts"), info.pop("true_reward", None)
        if parts and self.world.zero_sum and self.side != next(iter(self.world.sides)):
            info["reward_parts"] = {name: -part for name, part in parts.items()}
        if true_reward is not None:
            info["team_reward"] = jax.numpy.mean(true_reward[self._own])
        mask = step.final_mask
        return step.replace(
            info=info,
            reward=step.reward[self._own],
            final_obs=self._seen(step.final_obs),
            final_mask=None if mask is None else mask[self._own, : self.num_actions],
        )
