"""Worlds around a world: automatic reset, episode statistics, many lanes.

    world = Vectorize(EpisodeStats(AutoReset(inner)), lanes=64)

Two ways to start new episodes:

- ``AutoReset`` resets within the step, in any step. It fits episodes of varying length. Every step then
  computes a reset too and throws it away for the lanes that go on.
- ``Vectorize.reset_done`` resets between rollouts, outside the step. It fits worlds whose episodes all have
  the same length, such as CAGE Challenge 4: step ``max_steps`` times (or a divisor of it) with ``lax.scan``,
  then call ``reset_done``. A reset is computed once per rollout, and the compiled step holds none.

What an agent saw last in an episode is in ``Step.final_obs`` either way, so that a value can be bootstrapped
from it where an episode was truncated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.spaces import check_actions
from garrison.core.struct import struct
from garrison.core.world import State, Step, World


@dataclass(frozen=True)
class Wrapper(World):
    """A world that changes something about another one. What it does not define, the other one answers."""

    world: World

    def __post_init__(self) -> None:
        if isinstance(self.world, Vectorize):
            raise ValueError(
                f"{type(self).__name__} cannot wrap Vectorize; Vectorize must be the outermost wrapper"
            )

    def __getattr__(self, attribute: str) -> Any:
        # Reached only for what neither this class nor its bases have. Names with an underscore are asked
        # for by copying and the like while ``world`` is not there yet.
        if attribute.startswith("_") or attribute == "world":
            raise AttributeError(attribute)
        return getattr(self.world, attribute)

    def inner(self, state: State) -> State:
        """The wrapped world's state."""
        return state

    def reset(self, key: jax.Array) -> tuple[jax.Array, State]:
        return self.world.reset(key)

    def legal(self, state: State) -> jax.Array:
        return self.world.legal(self.inner(state))

    def action_labels(self, agent: int | str) -> list[str]:
        return self.world.action_labels(agent)

    def observation_labels(self, agent: int | str) -> list[str]:
        return self.world.observation_labels(agent)

    def describe(self, state: State) -> dict[str, Any]:
        return self.world.describe(self.inner(state))

    def narrate(self, state: State, actions: Any, after: State, step: Step) -> list[str]:
        return self.world.narrate(self.inner(state), actions, self.inner(after), step)


@dataclass(frozen=True)
class AutoReset(Wrapper):
    """Starts a new episode in the step that ends one.

    That step returns the first observation and state of the new episode; the last observation of the old one
    is ``final_obs``, and reward, ``terminated``, ``truncated`` and ``info`` are the old one's.
    """

    def step(self, key: jax.Array, state: State, actions: jax.Array) -> tuple[jax.Array, State, Step]:
        step_key, reset_key = jax.random.split(key)
        obs, state, step = self.world.step(step_key, state, actions)
        obs, state = _select(step.done, self.world.reset(reset_key), (obs, state))
        return obs, state, step


@struct
class EpisodeStatsState:
    world: State  # state of the wrapped world
    episode_return: jax.Array  # f32[agent]: sum of rewards of the running episode
    episode_length: jax.Array  # int32[]: its steps
    last_return: jax.Array  # f32[agent]: the same of the last finished episode, 0 before there is one
    last_length: jax.Array  # int32[]


@dataclass(frozen=True)
class EpisodeStats(Wrapper):
    """Adds return and length of episodes to ``info``; goes around ``AutoReset``, where there is one.

    ``episode_return`` (f32[agent], undiscounted) and ``episode_length`` (int32) are those of the episode that
    the step belongs to, this step included: where ``step.done``, they are the whole episode's.
    ``last_return`` and ``last_length`` are those of the last finished episode; ``last_length`` is 0 before
    there is one. A call of ``reset`` forgets all.
    """

    def inner(self, state: EpisodeStatsState) -> State:
        return state.world

    def reset(self, key: jax.Array) -> tuple[jax.Array, EpisodeStatsState]:
        obs, state = self.world.reset(key)
        no_return, no_length = jnp.zeros(self.num_agents, jnp.float32), jnp.zeros((), jnp.int32)
        return obs, EpisodeStatsState(state, no_return, no_length, no_return, no_length)

    def step(
        self, key: jax.Array, state: EpisodeStatsState, actions: jax.Array
    ) -> tuple[jax.Array, EpisodeStatsState, Step]:
        obs, world, step = self.world.step(key, state.world, actions)
        running = (state.episode_return + step.reward, state.episode_length + 1)
        last = _select(step.done, running, (state.last_return, state.last_length))
        names = ("episode_return", "episode_length", "last_return", "last_length")
        step = step.replace(info={**step.info, **dict(zip(names, running + last, strict=True))})
        running = _select(step.done, jax.tree.map(jnp.zeros_like, running), running)
        return obs, EpisodeStatsState(world, *running, *last), step


@dataclass(frozen=True)
class Vectorize(Wrapper):
    """``lanes`` independent copies of a world: one key, but every other array has a leading lane axis.

    Lane ``i`` lives as a single world would with the key ``lane_keys(key, lanes)[i]``, whatever ``lanes`` is.
    """

    lanes: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lanes < 1:
            raise ValueError(f"lanes is {self.lanes}; it must be at least 1")

    def inner(self, state: State) -> State:
        raise ValueError("one lane at a time: ask the inner world, e.g. world.world.describe(lane(state, 0))")

    def reset(self, key: jax.Array) -> tuple[jax.Array, State]:
        return jax.vmap(self.world.reset)(lane_keys(key, self.lanes))

    def step(self, key: jax.Array, state: State, actions: jax.Array) -> tuple[jax.Array, State, Step]:
        actions = check_actions(self, actions, lead=(self.lanes,))
        return jax.vmap(self.world.step)(lane_keys(key, self.lanes), state, actions)

    def legal(self, state: State) -> jax.Array:
        return jax.vmap(self.world.legal)(state)

    def reset_done(
        self, key: jax.Array, obs: jax.Array, state: State, done: jax.Array
    ) -> tuple[jax.Array, State]:
        """Start new episodes in the lanes where ``done`` (bool[lane]), leave the others as they are."""
        return jax.vmap(_select)(done, self.reset(key), (obs, state))


def lane_keys(key: jax.Array, lanes: int) -> jax.Array:
    """One key per lane; the key of a lane does not depend on how many there are."""
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, jnp.arange(lanes))


def lane(tree: Any, index: int) -> Any:
    """One lane of a tree of arrays with a leading lane axis."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def _select(condition: jax.Array, yes: Any, no: Any) -> Any:
    """``yes`` where the scalar ``condition`` holds, else ``no``, leaf by leaf."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
