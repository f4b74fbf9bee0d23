"""Prioritized replay: sequences are drawn by how wrong their values were (Schaul et al. 2016).

The priority of a slot is p = |δ| + 1e-6, with δ the temporal-difference error when the slot was last learned
from. It is drawn with probability P(i) = p_i^α / Σ p^α, and its loss is multiplied by the importance weight
w_i = (N P(i))^-β, divided by the largest weight of the whole ring.

An array holds p^α, 0 where a slot is empty; None instead of it stands for uniform draws. Sums of blocks are
computed for each draw: in a tree that is kept up to date, rounding errors pile up until empty slots are
drawn. A gradient step on a :class:`garrison.learn.replay.Replay`, the ``ring``:

    slots = replay.sample(ring, key, count)
    weights = priority.weights(ring.priorities, slots, beta)  # of each sequence's loss; None: all 1
    rows = replay.take(ring, slots)
    ring = ring.replace(priorities=priority.update(ring.priorities, slots, error, alpha))
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.core.typing import Array, Float, Float32, Int32, PRNGKeyArray

_LEAST = 1e-6  # the paper's ε: no sequence is forgotten
# Share of the largest error in the priority of a sequence, the rest is the mean (Kapturowski et al. 2019, η).
_LARGEST = 0.9
_BLOCK = 32  # slots per sum: few levels on an accelerator, short sums on a CPU


def of_new(priorities: Float32[Array, "slot"]) -> Float32[Array, ""]:
    """What a new sequence gets: the largest p^α in the ring, 1 in an empty one."""
    largest = jnp.max(priorities)
    return jnp.where(largest > 0, largest, 1.0)


def draw(priorities: Float32[Array, "slot"], key: PRNGKeyArray, count: int) -> Int32[Array, "sequence"]:
    """``count`` slots, one from each of ``count`` equal parts of the sum of p^α.

    A slot is drawn ``count * P(i)`` times on average; an empty one never, if any is filled.
    """
    levels = [priorities]  # sums of blocks, of blocks of blocks, and so on
    while levels[-1].size > _BLOCK:
        levels.append(jnp.sum(_blocks(levels[-1]), axis=1))
    part = (jnp.arange(count, dtype=jnp.float32) + jax.random.uniform(key, (count,), jnp.float32)) / count
    picked, rest = jnp.zeros(count, jnp.int32), part * jnp.sum(levels[-1])
    for level in reversed(levels):
        place, rest = jax.vmap(_reached)(_blocks(level)[picked], rest)
        picked = picked * _BLOCK + place
    return picked


def _blocks(values: Float32[Array, "n"]) -> Float32[Array, "block place"]:
    return jnp.pad(values, (0, -values.size % _BLOCK)).reshape(-1, _BLOCK)


def _reached(
    masses: Float32[Array, "place"], wanted: Float32[Array, ""]
) -> tuple[Int32[Array, ""], Float32[Array, ""]]:
    """The first place where the cumulative sum of ``masses`` exceeds ``wanted``, and the rest within it."""
    index, cumulative = jnp.arange(masses.size, dtype=jnp.int32), jnp.cumsum(masses)
    # Rounding differs along a parallel cumulative sum: only what has a mass may be picked.
    possible = masses > 0
    last = jnp.max(jnp.where(possible, index, 0))
    place = jnp.min(jnp.where(possible & (cumulative > wanted), index, last))
    return place, wanted - (cumulative[place] - masses[place])


def weights(
    priorities: Float32[Array, "slot"] | None, slots: Int32[Array, "sequence"], beta: Float[Array, ""] | float
) -> Float32[Array, "sequence"] | None:
    """Importance weights of drawn slots: 1 for the least probable slot of the ring, less for all others."""
    if priorities is None:
        return None
    least = jnp.min(jnp.where(priorities > 0, priorities, jnp.inf))
    return (least / priorities[slots]) ** beta  # N and the sum cancel


def update(
    priorities: Float32[Array, "slot"] | None,
    slots: Int32[Array, "sequence"],
    error: Float32[Array, "step sequence"],
    exponent: float,
) -> Float32[Array, "slot"] | None:
    """The priorities after learning from ``slots``, whose temporal-difference errors were ``error``.

    That of a sequence is 0.9 of its largest and 0.1 of its mean absolute error. A slot that was drawn twice
    gets the larger of its priorities.
    """
    if priorities is None:
        return None
    size = jnp.abs(error)
    of_sequence = _LARGEST * jnp.max(size, axis=0) + (1 - _LARGEST) * jnp.mean(size, axis=0)
    return priorities.at[slots].set(0.0).at[slots].max((of_sequence + _LEAST) ** exponent)
