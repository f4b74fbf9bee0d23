"""Worlds stepped from Python, for libraries whose environments are objects with a state of their own.

The compiled functions take the world as an argument, so equal worlds share one program.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from garrison.adapters.arguments import checked_seed
from garrison.core.world import State, Step, World


class Outcome(NamedTuple):
    """What libraries ask of a step, beside the observation. With many environments each has an axis [env]."""

    reward: Any  # f32[agent]
    team_reward: Any  # f32[]
    terminated: Any  # bool[]
    truncated: Any  # bool[]
    parts: Any  # f32[] by name: the world's reward parts; empty where it reports none

    @property
    def done(self) -> Any:
        return self.terminated | self.truncated

    def of(self, index: int) -> Outcome:
        """The outcome of one environment of many."""
        return jax.tree.map(lambda x: x[index], self)

    def reward_parts(self) -> dict[str, dict[str, float]]:
        """``{"reward_parts": {name: part}}`` of one environment; empty where the world reports none."""
        parts = {name: float(part) for name, part in self.parts.items()}
        return {"reward_parts": parts} if parts else {}


def start(world: World, key: jax.Array) -> tuple[jax.Array, jax.Array, State, jax.Array]:
    key, own = jax.random.split(key)
    obs, state = world.reset(own)
    return key, obs, state, world.legal(state)


def advance(
    world: World, key: jax.Array, state: State, actions: jax.Array
) -> tuple[jax.Array, jax.Array, State, jax.Array, Outcome, Step]:
    key, own = jax.random.split(key)
    obs, state, step = world.step(own, state, actions)
    parts = step.info.get("reward_parts", {})
    outcome = Outcome(step.reward, step.team_reward, step.terminated, step.truncated, parts)
    return key, obs, state, world.legal(state), outcome, step


reset, step = jax.jit(start), jax.jit(advance)


class Playing:
    """What agents see now, once there is an episode."""

    world: World
    _seen: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def obs(self) -> np.ndarray:
        """``float32[..., agent, feature]``, read-only. Raises ``ValueError`` before the first reset."""
        return self._now()[0]

    @property
    def mask(self) -> np.ndarray:
        """Legal actions, ``bool[..., agent, action]``, read-only. Raises ``ValueError`` as ``obs`` does."""
        return self._now()[1]

    def _now(self) -> tuple[np.ndarray, np.ndarray]:
        if self._seen is None:
            raise ValueError(f"world {self.world.name!r} has no episode yet; call reset first")
        return self._seen


class Episodes(Playing):
    """Episodes of one environment, one after the other, with NumPy arrays outside.

    Attributes:
        time: steps done in this episode.
        running: whether :meth:`step` may be called.
    """

    def __init__(self, world: World):
        self.world = world
        self.running, self.time = False, 0
        self._key: jax.Array | None = None
        self._state: State = None
        self._last: tuple[State, Any, Step] | None = None

    def reset(self, seed: int | None = None) -> None:
        """Start the next episode; with a seed, the first one of that seed.

        Raises ``ValueError`` for a seed that is not in 0 .. 2**32 - 1.
        """
        if seed is not None or self._key is None:
            self._key = jax.random.key(checked_seed(secrets.randbits(32) if seed is None else seed))
        self._key, obs, self._state, mask = reset(self.world, self._key)
        self._seen = np.asarray(obs), np.asarray(mask)
        self.running, self.time, self._last = True, 0, None

    def step(self, actions: Any) -> Outcome:
        """One step with actions ``int32[agent]``, checked already; the outcome has read-only NumPy arrays.

        Raises ``ValueError`` where no episode runs.
        """
        if not self.running:
            raise ValueError(f"no episode of world {self.world.name!r} is running; call reset first")
        before = self._state
        self._key, obs, self._state, mask, outcome, brought = step(self.world, self._key, before, actions)
        self._seen = np.asarray(obs), np.asarray(mask)
        self.time, self._last = self.time + 1, (before, actions, brought)
        outcome = jax.tree.map(np.asarray, outcome)
        self.running = not outcome.done
        return outcome

    def drawn(self) -> dict[str, dict[str, int]]:
        """What the reset drew of the episode, as ``drawn`` of infos; empty where worlds draw nothing."""
        found = {name: int(number) for name, number in self.world.drawn(self._state).items()}
        return {"drawn": found} if found else {}

    def global_state(self, kind: str) -> np.ndarray:
        """What a centralized critic sees now, ``float32[feature]``."""
        return np.array(_global_state(self.world, self._state, self.obs, kind))

    def text(self) -> str:
        """What happened in the last step, a line per event below one with the step's number.

        Raises ``NotImplementedError`` where the world does not narrate its steps.
        """
        lines = [f"step {self.time} of at most {self.world.max_steps}"]
        if self._last is not None:
            before, actions, result = self._last
            lines += self.world.narrate(before, actions, self._state, result)
        return "\n".join(lines)


@partial(jax.jit, static_argnames="kind")
def _global_state(world: World, state: State, obs: jax.Array, kind: str) -> jax.Array:
    return world.global_state(state, obs, kind)
