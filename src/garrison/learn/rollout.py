"""Playing many lanes for a number of steps, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from garrison.core.struct import struct
from garrison.core.world import State
from garrison.core.wrappers import AutoReset, EpisodeStats, Vectorize
from garrison.core.world import World

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


def lanes_of(world: World, lanes: int, whole_episodes: bool) -> Vectorize:
    """The world as :func:`play` needs it: many lanes, with statistics.

    With ``whole_episodes`` all lanes end together, at the end of a rollout, and the compiled step holds no
    reset; else each lane starts anew when its episode ends.

    Raises ``ValueError`` for whole episodes in a world that has no ``fixed_horizon = True``.
    """
    if not whole_episodes:
        return Vectorize(EpisodeStats(AutoReset(world)), lanes)
    if not getattr(world, "fixed_horizon", False):
        raise ValueError(
            f"world {world.name!r} does not say that its episodes all have the same length (fixed_horizon = True): "
            "rollouts of whole episodes are not possible; give a number of rollout steps"
        )
    return Vectorize(EpisodeStats(world), lanes)


def play(
    world: Vectorize, act: Act, value: Value, key: jax.Array, obs: jax.Array, state: State, steps: int, resets: bool
) -> tuple[jax.Array, State, Rollout]:
    """Play ``steps`` steps from ``obs`` and ``state`` on. Returns the next of both, and the rollout.

    ``resets`` says that episodes may end within the rollout. Then what followed a step is valued on its own;
    else it is simply what was observed next, which saves that work.
    """

    def one(carry: tuple[jax.Array, State], key: jax.Array) -> tuple[tuple[jax.Array, State], Rollout]:
        obs, state = carry
        act_key, step_key = jax.random.split(key)
        mask = world.legal(state)
        action, log_prob, value_now = act(act_key, obs, mask)
        next_obs, state, step = world.step(step_key, state, action)
        next_value = value(step.final_obs) if resets else None
        returns = step.info["episode_return"]
        row = Rollout(
            obs, mask, action, log_prob, value_now, next_value, step.reward, step.terminated, step.done, returns
        )
        return (next_obs, state), row

    (obs, state), rollout = jax.lax.scan(one, (obs, state), jax.random.split(key, steps))
    if not resets:
        rollout = rollout.replace(next_value=jnp.concatenate([rollout.value[1:], value(obs)[None]]))
    return obs, state, rollout


def mean_return(rollout: Rollout) -> tuple[jax.Array, jax.Array]:
    """Mean return of the episodes that ended in the rollout, over lanes and agents, and their number.

    The mean is NaN if there are none.
    """
    episodes = jnp.sum(rollout.done)
    total = jnp.sum(jnp.where(rollout.done, jnp.mean(rollout.episode_return, axis=-1), 0.0))
    return total / episodes, episodes
