"""What action values are fitted to, and copies of networks that give it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.typing import Array, Bool, Float, Float32, Int32
from garrison.learn import explore, gae

Number = Float[Array, ""] | float


def chosen(q: Float32[Array, "*batch action"], action: Int32[Array, "*batch"]) -> Float32[Array, "*batch"]:
    """The values of ``action``."""
    return jnp.take_along_axis(q, action[..., None], axis=-1)[..., 0]


def double_q(
    online: Float32[Array, "*batch action"],
    target: Float32[Array, "*batch action"],
    mask: Bool[Array, "*batch action"],
) -> Float32[Array, "*batch"]:
    """The target network's value of the legal action that the online network takes for the best.

    Van Hasselt et al. 2016, "Deep reinforcement learning with double Q-learning", equation 4. ``mask`` is
    that of the state which ``online`` and ``target`` value.
    """
    return chosen(target, explore.greedy(online, mask))


def lambda_returns(
    reward: Float32[Array, "step *batch"],
    next_value: Float32[Array, "step *batch"],
    terminated: Bool[Array, "step *#batch"],
    done: Bool[Array, "step *#batch"],
    gamma: Number,
    td_lambda: Number,
    elapsed: Float32[Array, "step *#batch"] | None = None,
) -> Float32[Array, "step *batch"]:
    """Peng's Q(λ): ``G_t = r_t + γ ((1 - λ) v_t + λ G_(t+1))`` (Peng and Williams 1996).

    ``next_value`` v_t is the best value of what was observed after the step and before any reset. It counts
    unless the episode terminated; nothing flows back over ``done``, nor from behind the last step.
    ``elapsed`` is the duration of each step, 1 by default: ``gamma ** elapsed`` discounts what follows it.

    Traces are not cut where an action was explored; Kozuno et al. 2021 (arXiv 2103.00107) on why that works.
    """
    # The λ-return is the advantage plus the value that it is measured from, which may be any number.
    value = jnp.concatenate([jnp.zeros_like(next_value[:1]), next_value[:-1]])
    advantage = gae.advantages(reward, value, next_value, terminated, done, gamma, td_lambda, elapsed=elapsed)
    return advantage + value


def follow(target: Any, net: Any, updates: Int32[Array, ""], every: int, tau: Number | None) -> Any:
    """The target network after gradient step number ``updates``.

    A copy of ``net`` after each ``every`` gradient steps (Mnih et al. 2015); with ``tau`` the :func:`average`
    after each.
    """
    if tau is not None:
        return average(target, net, tau)
    return jax.tree.map(lambda old, new: jnp.where(updates % every == 0, new, old), target, net)


def average(target: Any, net: Any, tau: Number) -> Any:
    """``(1 - tau) * target + tau * net``: a target network that follows slowly (Lillicrap et al. 2016)."""
    return jax.tree.map(lambda old, new: (1 - tau) * old + tau * new, target, net)
