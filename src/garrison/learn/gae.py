"""Generalised advantage estimation."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from garrison.core.typing import Array, Bool, Float, Float32


class _Later(NamedTuple):
    """What a step has to know of the steps after it; all [...]."""

    advantage: Array  # of the next decision, discounted to the step after this one
    value: Array  # of the step after this one, where nothing is decided there
    decides: Array  # bool: something is


def advantages(
    reward: Float32[Array, "step *batch"],
    value: Float32[Array, "step *#batch"],
    next_value: Float32[Array, "step *#batch"],
    terminated: Bool[Array, "step *#batch"],
    done: Bool[Array, "step *#batch"],
    gamma: Float[Array, ""] | float,
    gae_lambda: Float[Array, ""] | float,
    decides: Bool[Array, "step *batch"] | None = None,
    elapsed: Float32[Array, "step *#batch"] | None = None,
) -> Float32[Array, "step *batch"]:
    """Advantages (Schulman et al. 2016, equation 16).

    ``next_value`` is the value of what was observed *after* the step and before any reset. It counts unless
    the episode terminated: an episode cut by its time limit is bootstrapped (Pardo et al. 2018). ``done`` is
    terminated or truncated: no advantage flows back over it. All arrays broadcast against ``reward``.

    ``decides`` (all True by default) marks steps in which there was something to decide. The others belong to
    the decision before them: its advantage takes in their rewards, discounted step by step, and is
    bootstrapped where the next decision is taken, as in a semi-Markov decision process (Sutton, Precup and
    Singh 1999, equation 3 for the option's model). What is returned for them means nothing.

    ``elapsed`` is the duration of each step, 1 by default: what follows a step is discounted by
    ``gamma ** elapsed``. Traces decay by ``gae_lambda`` per decision, whatever its duration.
    """
    going_on = jnp.broadcast_to(1.0 - terminated.astype(reward.dtype), reward.shape)
    same_episode = jnp.broadcast_to(1.0 - done.astype(reward.dtype), reward.shape)
    decides = jnp.ones(reward.shape, bool) if decides is None else decides
    if elapsed is not None:
        elapsed = jnp.broadcast_to(elapsed, reward.shape)

    def backward(later: _Later, step: tuple[Any, ...]) -> tuple[_Later, Array]:
        reward_t, value_t, next_value_t, going_on_t, same_episode_t, decides_t, elapsed_t = step
        discount = gamma if elapsed_t is None else gamma**elapsed_t
        bootstrap = later.decides | (same_episode_t == 0)
        ahead = reward_t + discount * jnp.where(bootstrap, next_value_t * going_on_t, later.value)
        carried = discount * same_episode_t * later.advantage
        advantage = jnp.where(decides_t, ahead - value_t + gae_lambda * carried, carried)
        return _Later(advantage, ahead, decides_t), advantage

    nothing = jnp.zeros_like(reward[0])
    start = _Later(nothing, nothing, jnp.ones(nothing.shape, bool))
    steps = (reward, value, next_value, going_on, same_episode, decides, elapsed)
    return jax.lax.scan(backward, start, steps, reverse=True)[1]
