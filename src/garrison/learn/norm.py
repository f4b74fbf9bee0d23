"""Running statistics, and rewards scaled by them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float, Float32


def mean(values: Float32[Array, "*shape"], weight: Float32[Array, "*shape"]) -> Float32[Array, ""]:
    """Mean of ``values`` by ``weight``; 0 if nothing has a weight."""
    return jnp.sum(weight * values) / jnp.maximum(jnp.sum(weight), 1e-8)


def variance(values: Float32[Array, "*shape"], weight: Float32[Array, "*shape"]) -> Float32[Array, ""]:
    """Variance likewise, of the population."""
    return mean((values - mean(values, weight)) ** 2, weight)


class Moments(Struct):
    """Mean and variance of all numbers seen so far."""

    mean: Float32[Array, ""]
    variance: Float32[Array, ""]  # population variance
    count: Float32[Array, ""]  # numbers seen

    @staticmethod
    def zero() -> Moments:
        return Moments(*(jnp.zeros((), jnp.float32) for _ in range(3)))


def add(moments: Moments, values: Float32[Array, "..."], memory: Float[Array, ""] | float = 1.0) -> Moments:
    """Take in more numbers, of any shape (Chan et al. 1983); earlier ones keep the weight ``memory``."""
    count = memory * moments.count + values.size
    delta = jnp.mean(values) - moments.mean
    share = values.size / count
    spread = moments.variance * (1 - share) + jnp.var(values) * share + delta**2 * share * (1 - share)
    return Moments(moments.mean + delta * share, spread, count)


class RewardScale(Struct):
    """Divides rewards by the standard deviation of the running discounted return.

    That return is ``R_t = gamma * R_(t-1) + r_t`` within an episode (Engstrom et al. 2020, "reward scaling").
    Rewards are scaled and not shifted, so that what is optimal stays so.
    """

    moments: Moments  # of R
    #: R so far, in episodes that go on; where steps differ in duration, R discounted to the
    #: next step
    running: Float32[Array, "env agent"]

    @staticmethod
    def zero(num_envs: int, agents: int) -> RewardScale:
        return RewardScale(Moments.zero(), jnp.zeros((num_envs, agents), jnp.float32))

    @property
    def deviation(self) -> Float32[Array, ""]:
        """What rewards are divided by; 1 while nothing varies."""
        variance = self.moments.variance
        return jnp.where(variance > 1e-8, jnp.sqrt(variance), 1.0)


def scale_rewards(
    scale: RewardScale,
    reward: Float32[Array, "step env agent"],
    done: Bool[Array, "step env"],
    gamma: Float[Array, ""] | float,
    elapsed: Float32[Array, "step env"] | None = None,
    memory: Float[Array, ""] | float = 1.0,
) -> tuple[RewardScale, Float32[Array, "step env agent"]]:
    """Update the scale with a rollout, and return its rewards scaled.

    Args:
        gamma: discount per unit of time.
        elapsed: duration of each step: ``gamma ** elapsed`` discounts what follows it. None:
            each takes 1.
        memory: weight that earlier rollouts keep.
    """

    def forward(running: Array, step: tuple[Any, ...]) -> tuple[Array, Array]:
        reward_t, done_t, elapsed_t = step
        if elapsed_t is None:
            total = after = gamma * running + reward_t
        else:
            total = running + reward_t
            after = gamma ** elapsed_t[:, None] * total
        return jnp.where(done_t[:, None], 0.0, after), total

    running, totals = jax.lax.scan(forward, scale.running, (reward, done, elapsed))
    scale = RewardScale(add(scale.moments, totals, memory), running)
    return scale, reward / scale.deviation


class ValueScale(Struct):
    """Running mean and deviation of value targets, older ones forgotten."""

    mean: Float32[Array, ""]
    square: Float32[Array, ""]  # mean of squares
    weight: Float32[Array, ""]  # how much of the averages is not yet the zeros that they began with

    @staticmethod
    def zero() -> ValueScale:
        return ValueScale(*(jnp.zeros((), jnp.float32) for _ in range(3)))

    @property
    def shift(self) -> Float32[Array, ""]:
        return self.mean / jnp.maximum(self.weight, 1e-8)

    @property
    def deviation(self) -> Float32[Array, ""]:
        """Standard deviation; 1 as long as nothing was taken in."""
        variance = self.square / jnp.maximum(self.weight, 1e-8) - self.shift**2
        return jnp.where(self.weight > 0, jnp.sqrt(jnp.maximum(variance, 1e-4)), 1.0)

    def denormalize(self, value: Float32[Array, "*shape"]) -> Float32[Array, "*shape"]:
        """Values in units of the reward, from values as the network gives them."""
        return self.shift + self.deviation * value

    def normalize(self, value: Float32[Array, "*shape"]) -> Float32[Array, "*shape"]:
        """The inverse of :meth:`denormalize`."""
        return (value - self.shift) / self.deviation


_VALUE_DECAY = 0.9  # weight of the previous averages


def update_popart(
    scale: ValueScale, targets: Float32[Array, "*shape"], weight: Float32[Array, "*shape"]
) -> ValueScale:
    """The scale after one more rollout: its value targets and their weights."""
    new = (mean(targets, weight), mean(targets**2, weight), 1.0)
    old = (scale.mean, scale.square, scale.weight)
    return ValueScale(*(_VALUE_DECAY * o + (1 - _VALUE_DECAY) * n for o, n in zip(old, new, strict=True)))


def rescale_head(
    weight: Float32[Array, "*group input output"],
    bias: Float32[Array, "*group output"],
    old: ValueScale,
    new: ValueScale,
) -> tuple[Float32[Array, "*group input output"], Float32[Array, "*group output"]]:
    """Rescale the last layer so that its outputs, in units of the reward, stay the same.

    Van Hasselt et al. 2016, "Learning values across many orders of magnitude", equation 3 (Pop-Art).
    """
    ratio = old.deviation / new.deviation
    return weight * ratio, bias * ratio + (old.shift - new.shift) / new.deviation
