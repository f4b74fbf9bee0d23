"""Running statistics, and rewards scaled by them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.core.struct import struct


@struct
class Moments:
    """Mean and variance of all numbers seen so far."""

    mean: jax.Array  # f32[]
    variance: jax.Array  # f32[]: population variance
    count: jax.Array  # f32[]: numbers seen

    @staticmethod
    def zero() -> Moments:
        return Moments(jnp.zeros(()), jnp.zeros(()), jnp.zeros(()))


def add(moments: Moments, values: jax.Array) -> Moments:
    """Take in more numbers, of any shape (Chan et al. 1983)."""
    count = moments.count + values.size
    delta = jnp.mean(values) - moments.mean
    share = values.size / count
    spread = moments.variance * (1 - share) + jnp.var(values) * share + delta**2 * share * (1 - share)
    return Moments(moments.mean + delta * share, spread, count)


@struct
class RewardScale:
    """Divides rewards by the standard deviation of the running discounted return.

    That return is ``R_t = gamma * R_(t-1) + r_t`` within an episode (Engstrom et al. 2020, "reward scaling").
    Rewards are scaled and not shifted, so that what is optimal stays so.
    """

    moments: Moments  # of R
    running: jax.Array  # f32[lane, agent]: R so far, in episodes that go on

    @staticmethod
    def zero(lanes: int, agents: int) -> RewardScale:
        return RewardScale(Moments.zero(), jnp.zeros((lanes, agents)))


def scale_rewards(
    scale: RewardScale, reward: jax.Array, done: jax.Array, gamma: jax.Array | float
) -> tuple[RewardScale, jax.Array]:
    """Take in ``reward`` (f32[step, lane, agent]), with ``done`` (bool[step, lane]), and return it scaled."""

    def forward(running: jax.Array, step: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        reward_t, done_t = step
        total = gamma * running + reward_t
        return jnp.where(done_t[:, None], 0.0, total), total

    running, totals = jax.lax.scan(forward, scale.running, (reward, done))
    moments = add(scale.moments, totals)
    deviation = jnp.where(moments.variance > 1e-8, jnp.sqrt(moments.variance), 1.0)  # 1 while nothing varies
    return RewardScale(moments, running), reward / deviation
