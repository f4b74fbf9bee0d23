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


def standardized(
    values: Float32[Array, "*rows agent"], weight: Float32[Array, "*rows agent"]
) -> Float32[Array, "*rows agent"]:
    """Each agent's values less their mean, in their own standard deviations, by ``weight``."""

    def one(own: Array, weight: Array) -> Array:
        return (own - mean(own, weight)) / (jnp.sqrt(variance(own, weight)) + 1e-8)

    return jax.vmap(one, in_axes=-1, out_axes=-1)(values, weight)


class Moments(Struct):
    """Mean and variance of all numbers seen so far, of all agents together or of each."""

    mean: Float32[Array, "*agent"]
    variance: Float32[Array, "*agent"]  # population variance
    count: Float32[Array, ""]  # numbers seen, of each agent where they are apart

    @staticmethod
    def zero(*agents: int) -> Moments:
        return Moments(
            jnp.zeros(agents, jnp.float32), jnp.zeros(agents, jnp.float32), jnp.zeros((), jnp.float32)
        )


def add(moments: Moments, values: Float32[Array, "..."], memory: Float[Array, ""] | float = 1.0) -> Moments:
    """Take in more numbers, of any shape (Chan et al. 1983); earlier ones keep the weight ``memory``.

    The last axis of ``values`` is that of agents where ``moments`` has it.
    """
    rows, size = tuple(range(values.ndim - moments.mean.ndim)), values.size // moments.mean.size
    count = memory * moments.count + size
    delta = jnp.mean(values, axis=rows) - moments.mean
    share = size / count
    spread = (
        moments.variance * (1 - share) + jnp.var(values, axis=rows) * share + delta**2 * share * (1 - share)
    )
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
    def zero(num_envs: int, agents: int, per_agent: bool = False) -> RewardScale:
        moments = Moments.zero(agents) if per_agent else Moments.zero()
        return RewardScale(moments, jnp.zeros((num_envs, agents), jnp.float32))

    @property
    def deviation(self) -> Float32[Array, "*agent"]:
        """What rewards are divided by, of all agents or of each; 1 while nothing varies."""
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
    return scale, reward / jnp.broadcast_to(scale.deviation, reward.shape)


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
