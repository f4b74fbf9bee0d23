"""Environments side by side, behind one small interface: those of a JAX world, or processes that hold CybORG.

with ProcessEnvs(make_environment, num_envs=48, workers=2) as envs:
    obs, mask = envs.reset(seeds)
    after = envs.step(actions)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from garrison.core import processes
from garrison.core.world import State, World


class After(NamedTuple):
    """What a step leads to; axes [env, agent, ...], without the environment in a single environment."""

    obs: np.ndarray  # f32[env, agent, feature]
    mask: np.ndarray  # bool[env, agent, action]: what may be done next
    reward: np.ndarray  # f32[env, agent]
    terminated: np.ndarray  # bool[env]
    done: np.ndarray  # bool[env]: terminated or truncated


class VectorEnvs(Protocol):
    """Environments that start together and step together."""

    def reset(self, seeds: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Start the episode of each environment's seed (0 .. 2**31 - 1); returns observations and masks."""
        ...

    def step(self, actions: np.ndarray) -> After:
        """One step with ``actions`` (int32[env, agent])."""
        ...


class Environment(Protocol):
    """One environment; as :class:`VectorEnvs`, without the environment axis."""

    def reset(self, seed: int) -> tuple[np.ndarray, np.ndarray]: ...

    def step(self, actions: np.ndarray) -> After: ...


class WorldEnvs:
    """A JAX world, stepped in this process."""

    def __init__(self, world: World):
        self._reset = jax.jit(partial(_begin, world))
        self._step = jax.jit(partial(_step, world))
        self._carry: tuple[jax.Array, State] | None = None

    def reset(self, seeds: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        self._carry, seen = self._reset(np.asarray(seeds, np.uint32))
        obs, mask = map(np.array, seen)
        return obs, mask

    def step(self, actions: np.ndarray) -> After:
        self._carry, after = self._step(self._carry, actions)
        return After(*map(np.array, after))


def _begin(world: World, seeds: jax.Array) -> tuple[tuple[jax.Array, State], tuple[jax.Array, jax.Array]]:
    keys = jax.vmap(lambda seed: jax.random.split(jax.random.key(seed)))(seeds)
    obs, state = jax.vmap(world.reset)(keys[:, 0])
    return (keys[:, 1], state), (obs, jax.vmap(world.legal)(state))


def _step(
    world: World, carry: tuple[jax.Array, State], actions: jax.Array
) -> tuple[tuple[jax.Array, State], After]:
    keys, state = carry
    keys = jax.vmap(jax.random.split)(keys)
    obs, state, step = jax.vmap(world.step)(keys[:, 0], state, actions)
    seen: tuple[Any, ...] = (obs, jax.vmap(world.legal)(state), step.reward, step.terminated, step.done)
    return (keys[:, 1], state), After(*seen)


# ---------------------------------------------------------------- processes


class LiveEnvironment:
    """A world whose states are live, such as CybORG's, as an environment."""

    def __init__(self, world: Any):
        """``world`` has seeds for keys, and NumPy arrays."""
        self._world, self._state = world, None

    def reset(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        obs, self._state = self._world.reset(seed)
        return obs, self._world.legal(self._state)

    def step(self, actions: np.ndarray) -> After:
        obs, self._state, step = self._world.step(None, self._state, actions)
        return After(obs, self._world.legal(self._state), step.reward, step.terminated, step.done)


class ProcessEnvs:
    """Environments in worker processes, each of which steps its share one after the other.

    A context manager: the workers live as long as the block, or as this process if that is killed.
    """

    def __init__(self, make: Callable[[], Environment], num_envs: int, workers: int):
        """``make`` gives one environment; it is called in the workers, to which it is pickled.

        Raises ``ValueError`` if there are more workers than environments, or none.
        """
        if not 1 <= workers <= num_envs:
            raise ValueError(
                f"workers is {workers}; it must be from 1 to the number of environments, {num_envs}"
            )
        self._shares = [len(share) for share in np.array_split(np.arange(num_envs), workers)]
        self._pool = processes.worker_pool(partial(_work, make), workers)

    def __enter__(self) -> ProcessEnvs:
        self._workers = self._pool.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._pool.__exit__(*exception)

    def reset(self, seeds: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        obs, mask = self._ask("reset", [int(seed) for seed in seeds])
        return obs, mask

    def step(self, actions: np.ndarray) -> After:
        return After(*self._ask("step", actions))

    def _ask(self, what: str, values: Any) -> list[np.ndarray]:
        """Send each worker its share of ``values``, one per environment, and put together what comes back.

        Raises ``ChildProcessError`` if a worker fails or dies.
        """
        if len(values) != sum(self._shares):
            raise ValueError(
                f"{what} takes one entry per environment, {sum(self._shares)}, and got {len(values)}"
            )
        ends = np.cumsum(self._shares).tolist()
        try:
            for worker, end, share in zip(self._workers, ends, self._shares, strict=True):
                worker.send((what, values[end - share : end]))
            answers = [processes.answer_of(worker, number) for number, worker in enumerate(self._workers)]
        except (processes.WorkerError, ConnectionError) as error:
            raise ChildProcessError(f"the environments cannot go on: {error}") from error
        return [np.concatenate(parts) for parts in zip(*answers, strict=True)]


_environments: list[Environment] = []  # in a worker: those that it steps


def _work(make: Callable[[], Environment], what: str, values: Sequence) -> tuple[np.ndarray, ...]:
    """In a worker: ``reset`` or ``step`` with one entry of ``values`` per environment."""
    if not _environments:
        _environments.extend(make() for _ in values)
    rows = [
        getattr(environment, what)(value) for environment, value in zip(_environments, values, strict=True)
    ]
    return tuple(np.stack(column) for column in zip(*rows, strict=True))
