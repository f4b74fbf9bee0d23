"""Exploration from action values: distributions over legal actions, as :mod:`garrison.learn.dists` has them.

Both keep to legal actions, in the maximum as in the random part. Where nothing is legal, all actions are.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from garrison.core.typing import Array, Bool, Float, Float32, Int32
from garrison.learn import dists, norm

Number = Float[Array, ""] | float


def greedy(q: Float32[Array, "*batch action"], mask: Bool[Array, "*batch action"]) -> Int32[Array, "*batch"]:
    """The legal action of the highest value; the first of equals."""
    return jnp.argmax(jnp.where(mask, q, dists.ILLEGAL), axis=-1).astype(jnp.int32)


def epsilon_greedy(
    q: Float32[Array, "*batch action"], mask: Bool[Array, "*batch action"], epsilon: Number
) -> Float32[Array, "*batch action"]:
    """Log-probabilities of the best legal action, but with ``epsilon`` of any legal action alike."""
    legal = _legal(mask).astype(jnp.float32)
    best = jax.nn.one_hot(greedy(q, mask), q.shape[-1])
    uniform = legal / jnp.sum(legal, axis=-1, keepdims=True)
    return _log((1.0 - epsilon) * best + epsilon * uniform)


def boltzmann(
    q: Float32[Array, "*batch action"], mask: Bool[Array, "*batch action"], temperature: Number
) -> Float32[Array, "*batch action"]:
    """Log-probabilities in proportion to ``exp(q / temperature)`` among legal actions.

    ``temperature`` is above 0, in units of ``q``. Sutton and Barto 1998, equation 2.2 (softmax selection).
    """
    best = jnp.max(jnp.where(mask, q, dists.ILLEGAL), axis=-1, keepdims=True)
    return dists.masked_categorical((q - best) / temperature, mask)  # no quotient overflows upward


#: Distributions by name: q, mask, and how much is left to chance.
EXPLORATIONS: dict[str, Callable[[Array, Array, Number], Array]] = {
    "epsilon_greedy": epsilon_greedy,
    "boltzmann": boltzmann,
}


def spread(q: Float32[Array, "*batch action"], mask: Bool[Array, "*batch action"]) -> Float32[Array, ""]:
    """Standard deviation of ``q`` over legal actions, mean over rows with more than one; 0 if there are none.

    A monotonic mixer may stretch the values of an agent at will: this is their unit.
    """
    count = jnp.sum(mask, axis=-1, dtype=jnp.float32)
    mean = jnp.sum(jnp.where(mask, q, 0.0), axis=-1) / jnp.maximum(count, 1.0)
    square = jnp.sum(jnp.where(mask, (q - mean[..., None]) ** 2, 0.0), axis=-1)
    return norm.mean(jnp.sqrt(square / jnp.maximum(count, 1.0)), (count > 1).astype(jnp.float32))


def _legal(mask: Array) -> Array:
    return mask | ~jnp.any(mask, axis=-1, keepdims=True)


def _log(probability: Array) -> Array:
    """Logarithms; of 0 :data:`dists.ILLEGAL`, which is finite."""
    possible = probability > 0
    return jnp.where(possible, jnp.log(jnp.where(possible, probability, 1.0)), dists.ILLEGAL)
