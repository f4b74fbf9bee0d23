"""Playing many lanes for a number of steps, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from garrison.core.struct import struct
from garrison.core.world import State, World
from garrison.core.wrappers import AutoReset, EpisodeStats, Vectorize

#: key, obs, mask -> action, its log-probability, value; all [lane, agent, ...]
Act = Callable[[jax.Array, jax.Array, jax.Array], tuple[jax.Array, jax.Array, jax.Array]]
#: obs -> value
Value = Callable[[jax.Array], jax.Array]


@struct
class Rollout:
    """Axes are [step, lane, agent, ...], without the agent where the world as a whole is meant."""

    obs: jax.Array  # f32[step, lane, agent, feature]
    mask: jax.Array  # bool[step, lane, agent, action]: legal actions
    action: jax.Array  # int32[step, lane, agent]
    log_prob: jax.Array  # f32[step, lane, agent]: of the action, when it was chosen
    value: jax.Array  # f32[step, lane, agent]: of obs
    next_value: jax.Array  # f32[step, lane, agent]: of what followed, before any reset
    reward: jax.Array  # f32[step, lane, agent]
    terminated: jax.Array  # bool[step, lane]
    done: jax.Array  # bool[step, lane]: terminated or truncated
    episode_return: jax.Array  # f32[step, lane, agent]: of the running episode, this step included


def whole_episodes(world: World, steps: int) -> bool:
    """Whether rollouts of ``steps`` steps are whole episodes in every lane, so that no step needs a reset.

    A world says with ``fixed_horizon = True`` that all its episodes have ``max_steps`` steps.
    """
    return world.fixed_horizon and steps == world.max_steps


def lanes_of(world: World, lanes: int, steps: int) -> Vectorize:
    """The world as :func:`play` needs it for rollouts of ``steps`` steps: many lanes, with statistics.

    Each lane starts anew when its episode ends, unless rollouts are whole episodes.
    """
    inner = world if whole_episodes(world, steps) else AutoReset(world)
    return Vectorize(EpisodeStats(inner), lanes)


def play(
    world: Vectorize, act: Act, value: Value, key: jax.Array, obs: jax.Array, state: State, steps: int
) -> tuple[jax.Array, State, Rollout]:
    """Play ``steps`` steps from ``obs`` and ``state`` on, in what :func:`lanes_of` returned for ``steps``.

    Returns the next observation and state, and the rollout.
    """
    # Where no reset comes between, what a step led to is seen next: its value need not be computed twice.
    resets = not whole_episodes(world, steps)

    def one(carry: tuple[jax.Array, State], key: jax.Array) -> tuple[tuple[jax.Array, State], Rollout]:
        obs, state = carry
        act_key, step_key = jax.random.split(key)
        mask = world.legal(state)
        action, log_prob, value_now = act(act_key, obs, mask)
        next_obs, state, step = world.step(step_key, state, action)
        next_value = value(step.final_obs) if resets else None
        returns = step.info["episode_return"]
        row = Rollout(
            obs,
            mask,
            action,
            log_prob,
            value_now,
            next_value,
            step.reward,
            step.terminated,
            step.done,
            returns,
        )
        return (next_obs, state), row

    (obs, state), rollout = jax.lax.scan(one, (obs, state), jax.random.split(key, steps))
    if not resets:
        rollout = rollout.replace(next_value=jnp.concatenate([rollout.value[1:], value(obs)[None]]))
    return obs, state, rollout


def pick(rows: jax.Array, index: jax.Array) -> jax.Array:
    """Of ``rows`` [step, lane, ...] those of the steps ``index`` (int32[row, lane]), lane by lane.

    One gather that keeps the order of axes: a ``vmap`` over lanes would hold a second, transposed rollout.
    """
    rest = tuple(range(2, rows.ndim))
    dims = jax.lax.GatherDimensionNumbers(
        offset_dims=rest,
        collapsed_slice_dims=(0,),
        start_index_map=(0,),
        operand_batching_dims=(1,),
        start_indices_batching_dims=(1,),
    )
    return jax.lax.gather(rows, index[..., None], dims, slice_sizes=(1, 1, *rows.shape[2:]), mode="clip")


def count(what: Callable[[jax.Array], jax.Array], rows: jax.Array) -> jax.Array:
    """How many entries of ``rows`` [step, lane, ...] are ``what``, ``int32[]``.

    Step by step, which needs no room, and lane by lane, which may be on different devices.
    """

    def per_lane(row: jax.Array) -> jax.Array:
        return jnp.sum(what(row), axis=tuple(range(1, row.ndim)), dtype=jnp.int32)

    return jnp.sum(jax.lax.map(per_lane, rows))


def mean_return(rollout: Rollout) -> tuple[jax.Array, jax.Array]:
    """Mean return of the episodes that ended in the rollout, over lanes and agents, and their number.

    The mean is NaN if there are none.
    """
    episodes = jnp.sum(rollout.done)
    total = jnp.sum(jnp.where(rollout.done, jnp.mean(rollout.episode_return, axis=-1), 0.0))
    return total / episodes, episodes
