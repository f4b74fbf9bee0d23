"""Running statistics, and rewards scaled by them."""

from __future__ import annotations

from typing import Any

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
        return Moments(*(jnp.zeros((), jnp.float32) for _ in range(3)))


def add(moments: Moments, values: jax.Array, memory: jax.Array | float = 1.0) -> Moments:
    """Take in more numbers, of any shape (Chan et al. 1983); earlier ones keep the weight ``memory``."""
    count = memory * moments.count + values.size
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
    #: f32[env, agent]: R so far, in episodes that go on; where steps differ in duration, R discounted to the
    #: next step
    running: jax.Array

    @staticmethod
    def zero(num_envs: int, agents: int) -> RewardScale:
        return RewardScale(Moments.zero(), jnp.zeros((num_envs, agents), jnp.float32))


def scale_rewards(
    scale: RewardScale,
    reward: jax.Array,
    done: jax.Array,
    gamma: jax.Array | float,
    elapsed: jax.Array | None = None,
    memory: jax.Array | float = 1.0,
) -> tuple[RewardScale, jax.Array]:
    """Update the scale with a rollout, and return its rewards scaled.

    Args:
        reward: f32[step, env, agent].
        done: bool[step, env].
        gamma: discount per unit of time.
        elapsed: f32[step, env], duration of each step: ``gamma ** elapsed`` discounts what follows it. None:
            each takes 1.
        memory: weight that earlier rollouts keep.
    """

    def forward(running: jax.Array, step: tuple[Any, ...]) -> tuple[jax.Array, jax.Array]:
        reward_t, done_t, elapsed_t = step
        if elapsed_t is None:
            total = after = gamma * running + reward_t
        else:
            total = running + reward_t
            after = gamma ** elapsed_t[:, None] * total
        return jnp.where(done_t[:, None], 0.0, after), total

    running, totals = jax.lax.scan(forward, scale.running, (reward, done, elapsed))
    moments = add(scale.moments, totals, memory)
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
        return ValueScale(*(jnp.zeros((), jnp.float32) for _ in range(3)))

    @property
    def shift(self) -> jax.Array:
        return self.mean / jnp.maximum(self.weight, 1e-8)

    @property
    def deviation(self) -> jax.Array:
        """Standard deviation; 1 as long as nothing was taken in."""
        variance = self.square / jnp.maximum(self.weight, 1e-8) - self.shift**2
        return jnp.where(self.weight > 0, jnp.sqrt(jnp.maximum(variance, 1e-4)), 1.0)

    def denormalize(self, value: jax.Array) -> jax.Array:
        """Values in units of the reward, from values as the network gives them."""
        return self.shift + self.deviation * value

    def normalize(self, value: jax.Array) -> jax.Array:
        """The inverse of :meth:`denormalize`."""
        return (value - self.shift) / self.deviation


VALUE_DECAY = 0.9  # weight of the previous averages


def update_popart(scale: ValueScale, targets: jax.Array, weight: jax.Array) -> ValueScale:
    """The scale after one more rollout: its value targets and their weights, both of one shape."""
    new = (mean(targets, weight), mean(targets**2, weight), 1.0)
    old = (scale.mean, scale.square, scale.weight)
    return ValueScale(*(VALUE_DECAY * o + (1 - VALUE_DECAY) * n for o, n in zip(old, new, strict=True)))


def rescale_head(
    weight: jax.Array, bias: jax.Array, old: ValueScale, new: ValueScale
) -> tuple[jax.Array, jax.Array]:
    """Rescale the last layer so that its outputs, in units of the reward, stay the same.

    Van Hasselt et al. 2016, "Learning values across many orders of magnitude", equation 3 (Pop-Art).
    """
    ratio = old.deviation / new.deviation
    return weight * ratio, bias * ratio + (old.shift - new.shift) / new.deviation
