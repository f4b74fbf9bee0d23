"""The categorical distribution over legal actions.

A distribution is its array of log-probabilities. Illegal actions have probability
exactly 0 and are never sampled. Where nothing is legal, the distribution is uniform over all actions.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.core.typing import Array, Bool, Float, Float32, Int32, PRNGKeyArray

# Far below any logit, so that exp() gives exactly 0, yet finite, so that 0 * log-probability is 0, not NaN.
ILLEGAL = -1e9


def masked_categorical(
    logits: Float32[Array, "*batch action"], mask: Bool[Array, "*batch action"]
) -> Float32[Array, "*batch action"]:
    """Log-probabilities from logits and ``mask`` (True where legal)."""
    return jax.nn.log_softmax(jnp.where(mask, logits, ILLEGAL))


def sample(key: PRNGKeyArray, log_probs: Float32[Array, "*batch action"]) -> Int32[Array, "*batch"]:
    """One action per distribution.

    Inverts the cumulative distribution: one random number per distribution where the Gumbel trick needs one
    per action, which is 5 times faster on a CPU.
    """
    last = log_probs.ndim - 1
    index = jax.lax.broadcasted_iota(jnp.int32, log_probs.shape, last)
    probs = jnp.exp(log_probs)
    cumulative = jnp.cumsum(probs, axis=-1)
    uniform = jax.random.uniform(key, log_probs.shape[:-1] + (1,), jnp.float32)
    # Rounding differs along a parallel cumulative sum: only actions that have a probability may be picked.
    possible = probs > 0
    total = jnp.max(jnp.where(possible, cumulative, 0.0), axis=-1, keepdims=True)
    reached = possible & (cumulative > uniform * total)
    return jnp.min(jnp.where(reached, index, log_probs.shape[last] - 1), axis=last)


def straight_through(
    key: PRNGKeyArray, log_probs: Float32[Array, "*batch action"], temperature: Float[Array, ""] | float
) -> Float32[Array, "*batch action"]:
    """One action per distribution as a one-hot vector, with the gradient of a soft one.

    The straight-through Gumbel-Softmax estimator (Jang et al. 2017): forward the sample
    ``argmax(log_probs + g)`` with Gumbel noise ``g``, backward ``softmax((log_probs + g) / temperature)``.
    Illegal actions are exactly 0, and so are their gradients.
    """
    possible = log_probs > ILLEGAL / 2
    noisy = log_probs + jax.random.gumbel(key, log_probs.shape, jnp.float32)
    soft = jax.nn.softmax(jnp.where(possible, noisy / temperature, ILLEGAL))
    hard = jax.nn.one_hot(jnp.argmax(noisy, axis=-1), log_probs.shape[-1], dtype=jnp.float32)
    return hard + (soft - jax.lax.stop_gradient(soft))  # in this order, as hard + 0 is exact


def mode(log_probs: Float32[Array, "*batch action"]) -> Int32[Array, "*batch"]:
    """The most probable action of each distribution; the first of equals."""
    return jnp.argmax(log_probs, axis=-1).astype(jnp.int32)


def log_prob(
    log_probs: Float32[Array, "*batch action"], action: Int32[Array, "*batch"]
) -> Float32[Array, "*batch"]:
    """Log-probability of ``action``."""
    return jnp.take_along_axis(log_probs, action[..., None], axis=-1)[..., 0]


def entropy(log_probs: Float32[Array, "*batch action"]) -> Float32[Array, "*batch"]:
    """Entropy in nats."""
    return -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)
