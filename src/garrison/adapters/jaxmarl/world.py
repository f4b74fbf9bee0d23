"""An environment of JaxMARL as a world, so that Garrison's learners and judges work on it.

>>> world = garrison.adapters.jaxmarl.make_world("MPE_simple_spread_v3")
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import jaxmarl
from jaxmarl.environments.multi_agent_env import MultiAgentEnv
from jaxmarl.environments.spaces import Discrete

from garrison.core.policy import Actions, Mask, Obs
from garrison.core.spaces import check_actions
from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, Int32, PRNGKeyArray
from garrison.core.world import Step, World

ENDS = ("terminated", "truncated")
STATE = "world_state"  # as JaxMARL's scripts call it


class JaxMARLState(Struct):
    """The environment's own state, and what it does not keep."""

    env: Any
    seen: Float32[Array, "*env number"]  # its ``world_state``; empty where it has none
    time: Int32[Array, "*env"]  # steps so far


@dataclass(frozen=True)
class JaxMARLWorld(World):
    """The environment ``id`` of JaxMARL with its ``options``; see :func:`make_world`."""

    id: str
    options: tuple[tuple[str, Any], ...] = ()
    end: str = "terminated"
    steps: int | None = None
    env: MultiAgentEnv = field(init=False, repr=False, compare=False)
    _state_size: int = field(init=False, repr=False, compare=False)  # of ``world_state``; 0: there is none

    version = jaxmarl.__version__

    def __post_init__(self) -> None:
        if self.id not in jaxmarl.registered_envs:
            ids = ", ".join(sorted(jaxmarl.registered_envs))
            raise ValueError(f"JaxMARL has no environment {self.id!r}; it has: {ids}")
        if self.end not in ENDS:
            raise ValueError(f"end is {self.end!r}; it must be one of {', '.join(ENDS)}")
        env = jaxmarl.make(self.id, **dict(self.options))
        limits = [limit for limit in (self.steps, getattr(env, "max_steps", None)) if limit is not None]
        if not limits or min(limits) < 1:
            raise ValueError(
                f"steps is {self.steps}; it must be the number of steps after which {self.id!r} ends"
            )
        for agent in env.agents:
            if not isinstance(env.action_space(agent), Discrete):
                raise ValueError(f"agent {agent!r} of {self.id!r} has no list of actions; a world needs one")
            if not hasattr(env.observation_space(agent), "shape"):
                raise ValueError(f"agent {agent!r} of {self.id!r} observes no array; a world needs one")
        object.__setattr__(self, "env", env)
        obs, _ = jax.eval_shape(env.reset, jax.random.key(0))
        object.__setattr__(self, "_state_size", math.prod(obs[STATE].shape) if STATE in obs else 0)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy makes its own environment: not all of JaxMARL's can be copied."""
        return type(self), (self.id, self.options, self.end, self.steps)

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"jaxmarl/{self.id}"

    @property
    def max_steps(self) -> int:  # type: ignore[override]
        # some of JaxMARL's compare the steps done before this one with their limit
        return self._limit + 1 if self.steps is None else self.steps

    @property
    def _limit(self) -> int:
        """Of the environment; where it has none, ``steps``."""
        limits: Any = getattr(self.env, "max_steps", None), self.steps
        return int(limits[0] if limits[0] is not None else limits[1])

    @property
    def agents(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.env.agents)

    @property
    def action_counts(self) -> tuple[int, ...]:  # type: ignore[override]
        return tuple(int(self.env.action_space(agent).n) for agent in self.agents)

    @property
    def observation_sizes(self) -> tuple[int, ...]:  # type: ignore[override]
        return tuple(math.prod(self.env.observation_space(agent).shape) for agent in self.agents)

    @property
    def global_state_kinds(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("concat", "world") if self._state_size else ("concat",)

    def global_state_size(self, kind: str = "concat") -> int:
        return self._state_size if kind == "world" and self._state_size else super().global_state_size(kind)

    def global_state(self, state: JaxMARLState, obs: Obs, kind: str = "concat") -> Float32[Array, "number"]:
        if kind == "world" and self._state_size:
            return state.seen
        return super().global_state(state, obs, kind)

    def reset(self, key: PRNGKeyArray) -> tuple[Obs, JaxMARLState]:
        seen, env = self.env.reset(key)
        return self._obs(seen), JaxMARLState(_typed(env), self._seen(seen), jnp.zeros((), jnp.int32))

    def step(
        self, key: PRNGKeyArray, state: JaxMARLState, actions: Actions
    ) -> tuple[Obs, JaxMARLState, Step]:
        actions = check_actions(self, actions)
        chosen = dict(zip(self.agents, actions, strict=True))
        seen, env, rewards, dones, _ = self.env.step_env(key, state.env, chosen)
        after = JaxMARLState(_typed(env), self._seen(seen), state.time + 1)
        over, late = jnp.asarray(dones["__all__"], bool), after.time >= self.max_steps
        cut = (late | over & (after.time >= self._limit)) if self.end == "truncated" else late & ~over
        obs = self._obs(seen)
        reward = jnp.stack([jnp.asarray(rewards[agent], jnp.float32).reshape(()) for agent in self.agents])
        return obs, after, Step(reward, over & ~cut, cut, obs, {})

    def legal(self, state: JaxMARLState) -> Mask:
        try:
            masks = self.env.get_avail_actions(state.env)
        except NotImplementedError:  # all are
            masks = {
                agent: jnp.ones(n, bool) for agent, n in zip(self.agents, self.action_counts, strict=True)
            }
        return jnp.stack([self._padded(masks[agent].astype(bool), self.num_actions) for agent in self.agents])

    def action_labels(self, agent: int | str) -> list[str]:
        return [f"action {i}" for i in range(self.action_counts[self.agent_index(agent)])]

    def observation_labels(self, agent: int | str) -> list[str]:
        return [f"feature {i}" for i in range(self.observation_sizes[self.agent_index(agent)])]

    def _obs(self, seen: dict[str, Array]) -> Float32[Array, "agent feature"]:
        rows = [jnp.asarray(seen[agent], jnp.float32).ravel() for agent in self.agents]
        return jnp.stack([self._padded(row, self.observation_size) for row in rows])

    def _seen(self, seen: dict[str, Array]) -> Float32[Array, "number"]:
        return jnp.asarray(seen.get(STATE, jnp.zeros(0)), jnp.float32).ravel()

    def _padded(self, row: Float32[Array, "a"] | Bool[Array, "a"], size: int) -> Array:
        return jnp.pad(row, (0, size - row.shape[0]))


def make_world(id: str, end: str = "terminated", steps: int | None = None, **options: Any) -> JaxMARLWorld:
    """An environment of JaxMARL as a world; the new episodes that it starts by itself are left out.

    Args:
        id: its name in JaxMARL.
        end: whether the step at its time limit ends the task, as JaxMARL's learners take it, or truncates.
        steps: after which an episode is over; where the environment has a limit of its own, at the latest.
        **options: of the environment; values that can be hashed.

    Raises:
        ValueError: for an unknown name or end, for environments without a list of actions or an array of
            observations, and for those without a limit where ``steps`` gives none.
    """
    return JaxMARLWorld(id, tuple(sorted(options.items())), end, steps)


def _typed(env: Any) -> Any:
    """A state whose arrays have their types for good, so that each step's program serves the next."""
    return jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, leaf.dtype), env)
