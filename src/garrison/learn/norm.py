"""Running statistics, and rewards scaled by them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.core.struct import struct


def mean(values: jax.Array, weight: jax.Array) -> jax.Array:
    """Mean ``f32[]`` of ``values`` by ``weight`` (both of one shape); 0 if nothing has a weight."""
    return jnp.sum(weight * values) / jnp.maximum(jnp.sum(weight), 1e-8)


def variance(values: jax.Array, weight: jax.Array) -> jax.Array:
    """Variance ``f32[]`` likewise, of the population."""
    return mean((values - mean(values, weight)) ** 2, weight)


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


@struct
class ValueScale:
    """Running mean and deviation of value targets, older ones forgotten."""

    mean: jax.Array  # f32[]
    square: jax.Array  # f32[]: mean of squares
    weight: jax.Array  # f32[]: how much of the averages is not yet the zeros that they began with

    @staticmethod
    def zero() -> ValueScale:
        return ValueScale(jnp.zeros(()), jnp.zeros(()), jnp.zeros(()))

    @property
    def shift(self) -> jax.Array:
        return self.mean / jnp.maximum(self.weight, 1e-8)

    @property
    def deviation(self) -> jax.Array:
        """Standard deviation; 1 as long as nothing was taken in."""
        variance = self.square / jnp.maximum(self.weight, 1e-8) - self.shift**2
        return jnp.where(self.weight > 0, jnp.sqrt(jnp.maximum(variance, 1e-4)), 1.0)

    def to_units(self, value: jax.Array) -> jax.Array:
        """Values as the network gives them, in units of the reward."""
        return self.shift + self.deviation * value

    def to_network(self, value: jax.Array) -> jax.Array:
        """The inverse of :meth:`to_units`."""
        return (value - self.shift) / self.deviation


VALUE_MEMORY = 0.9  # share of the averages that one more rollout leaves as it was


def follow(scale: ValueScale, targets: jax.Array, weight: jax.Array) -> ValueScale:
    """Take in the targets of a rollout, with their weights (both of one shape)."""
    new = (mean(targets, weight), mean(targets**2, weight), 1.0)
    old = (scale.mean, scale.square, scale.weight)
    return ValueScale(*(VALUE_MEMORY * o + (1 - VALUE_MEMORY) * n for o, n in zip(old, new, strict=True)))


def keep_outputs(
    weight: jax.Array, bias: jax.Array, old: ValueScale, new: ValueScale
) -> tuple[jax.Array, jax.Array]:
    """The last layer, changed so that what it says is the same in units of the reward.

    Van Hasselt et al. 2016, "Learning values across many orders of magnitude", equation 3 (Pop-Art).
    """
    ratio = old.deviation / new.deviation
    return weight * ratio, bias * ratio + (old.shift - new.shift) / new.deviation
