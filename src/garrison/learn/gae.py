"""Generalised advantage estimation."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def advantages(
    reward: jax.Array,
    value: jax.Array,
    next_value: jax.Array,
    terminated: jax.Array,
    done: jax.Array,
    gamma: jax.Array | float,
    gae_lambda: jax.Array | float,
) -> jax.Array:
    """Advantages ``f32[step, ...]`` (Schulman et al. 2016, equation 16).

    ``next_value`` is the value of what was observed *after* the step and before any reset. It counts unless
    the episode terminated: an episode cut by its time limit is bootstrapped (Pardo et al. 2018). ``done`` is
    terminated or truncated: no advantage flows back over it. All arrays broadcast against ``reward``.
    """
    going_on = 1.0 - terminated.astype(reward.dtype)
    same_episode = 1.0 - done.astype(reward.dtype)
    delta = reward + gamma * next_value * going_on - value

    def backward(later: jax.Array, step: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        delta_t, same_episode_t = step
        advantage = delta_t + gamma * gae_lambda * same_episode_t * later
        return advantage, advantage

    same_episode = jnp.broadcast_to(same_episode, delta.shape)
    return jax.lax.scan(backward, jnp.zeros_like(delta[0]), (delta, same_episode), reverse=True)[1]
