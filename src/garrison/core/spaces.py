"""What may be done and what may be seen, as small descriptions, and the check of actions at the boundary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Int32, Shaped
from garrison.core.world import World


@dataclass(frozen=True)
class Discrete:
    """One integer in ``0 .. n - 1``."""

    n: int

    def contains(self, value: Any) -> bool:
        return MultiDiscrete((self.n,)).contains(np.asarray(value)[None])


@dataclass(frozen=True)
class MultiDiscrete:
    """A vector of integers, the i-th in ``0 .. counts[i] - 1``."""

    counts: tuple[int, ...]

    def contains(self, value: Any) -> bool:
        value = np.asarray(value)
        if value.shape != (len(self.counts),) or not np.issubdtype(value.dtype, np.integer):
            return False
        return bool(np.all((value >= 0) & (value < np.asarray(self.counts))))


@dataclass(frozen=True)
class Box:
    """An array of one shape and dtype with all its entries in ``low .. high``."""

    shape: tuple[int, ...]
    low: float = -np.inf
    high: float = np.inf
    dtype: str = "float32"

    def contains(self, value: Any) -> bool:
        value = np.asarray(value)
        if value.shape != self.shape or value.dtype != np.dtype(self.dtype):
            return False
        return bool(np.all((value >= self.low) & (value <= self.high)))  # NaN is in no box


def action_space(world: World, agent: int | str) -> Discrete:
    """The actions of one agent, without padding."""
    return Discrete(world.action_counts[world.agent_index(agent)])


def joint_action_space(world: World) -> MultiDiscrete:
    """The actions of all agents together, as :meth:`World.step` takes them."""
    return MultiDiscrete(tuple(world.action_counts))


def observation_space(world: World, agent: int | str) -> Box:
    """The observation of one agent, without padding."""
    return Box((world.observation_sizes[world.agent_index(agent)],))


def check_actions(world: World, actions: Any, lead: tuple[int, ...] = ()) -> Int32[Array, "*lead agent"]:
    """Return ``actions`` with the axes ``lead`` and agent, or raise ``ValueError`` if they cannot be that.

    Every ``World.step`` calls this first. Dtype and shape are always checked, which costs nothing when
    compiled. Values are looked at only where there are any: inside ``jit`` or ``vmap`` there are none yet,
    and what an index out of range does there is for each world to define and to document. An action that
    is in range but not legal now is not an error: worlds define what it does.
    """
    dtype = actions.dtype if hasattr(actions, "dtype") else np.asarray(actions).dtype
    if not jnp.issubdtype(dtype, jnp.integer):
        raise ValueError(f"actions of world {world.name!r} have dtype {dtype}; they must be integers")
    shape = (*lead, world.num_agents)
    if np.shape(actions) != shape:
        raise ValueError(
            f"actions of world {world.name!r} have shape {np.shape(actions)}; it must be {shape}: one for "
            f"each of the agents {', '.join(world.agents)}" + (" in each environment" if lead else "")
        )
    try:
        values = np.asarray(actions)
    except jax.errors.TracerArrayConversionError:
        return jnp.asarray(actions, jnp.int32)
    _check_range(world, values)
    return jnp.asarray(values, jnp.int32)


def _check_range(world: World, values: np.ndarray) -> None:
    wrong = (values < 0) | (values >= np.asarray(world.action_counts))
    if not wrong.any():
        return
    *env, agent = np.argwhere(wrong)[0].tolist()
    where = f" in environment {env[0]}" if env else ""
    raise ValueError(
        f"action {values[*env, agent]} of agent {world.agents[agent]!r}{where} of world {world.name!r} "
        f"is out of range; it must be in 0 .. {world.action_counts[agent] - 1}"
    )


def stacked(rows: Sequence[Shaped[Array, "_ _"]], width: int) -> Shaped[Array, "agent {width}"]:
    """Rows of several groups of agents below one another, padded to ``width``."""
    return jnp.concatenate([jnp.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in rows])
