"""Picking by a uniform number: all conditional choices of the engine.

Sums up to an entry are written as products with a triangle: on short axes that is one fused loop, where a
cumulative sum would be a chain of them.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from garrison.worlds.cc4 import tables as T


def is_index(index: jax.Array, size: int) -> jax.Array:
    """``bool[..., size]``: True where the new last axis equals ``index``. Beyond the end: nowhere."""
    return index[..., None] == jnp.arange(size).reshape((1,) * index.ndim + (size,))


def pick(u: jax.Array, count: jax.Array) -> jax.Array:
    """Rank in 0..count-1 that the uniform ``u`` chooses (0 where there is nothing to choose)."""
    rank = jnp.floor(u * count).astype(jnp.int32)
    return jnp.clip(rank, 0, jnp.maximum(count - 1, 0))


def running_sum(values: jax.Array) -> jax.Array:
    """Sum of all entries up to and with each one, on the last axis (a short one)."""
    size = values.shape[-1]
    upto = np.tril(np.ones((size, size), bool)).reshape((1,) * (values.ndim - 1) + (size, size))
    kind = jnp.float32 if jnp.issubdtype(values.dtype, jnp.floating) else jnp.int32
    return jnp.sum(jnp.where(upto, values[..., None, :], 0), axis=-1, dtype=kind)


def rank(values: jax.Array) -> jax.Array:
    """For each entry the number of lower ones on the last axis (a short one), ``uint8``.

    Written out entry by entry: one fused loop, where comparing all pairs at once would go through memory.
    """
    lower = jnp.zeros(values.shape, jnp.uint8)
    for i in range(values.shape[-1]):
        lower = lower + (values[..., i : i + 1] < values)
    return lower


def first(mask: jax.Array) -> jax.Array:
    """Index of the first True on the last axis, ``int32``; 0 where there is none.

    What ``argmax`` says, by a minimum of bytes, which a CPU takes many at a time.
    """
    size = mask.shape[-1]
    index = jnp.arange(size, dtype=jnp.uint8).reshape((1,) * (mask.ndim - 1) + (size,))
    least = jnp.min(jnp.where(mask, index, jnp.uint8(255)), axis=-1)
    return jnp.where(least == 255, 0, least).astype(jnp.int32)


_SHORT = 10  # longest axis of which all masks are tabled
# [bits of the mask, rank]: place of the bit of that rank, 0 where there is none
_PLACE = np.zeros((1 << _SHORT, _SHORT), np.uint8)
for _bits in range(1 << _SHORT):
    _places = [i for i in range(_SHORT) if _bits >> i & 1]
    _PLACE[_bits, : len(_places)] = _places


def packed(mask: jax.Array) -> jax.Array:
    """The last axis (at most 16 entries) as bits of a ``uint16``, the first entry lowest."""
    place = jnp.arange(mask.shape[-1], dtype=jnp.uint16).reshape((1,) * (mask.ndim - 1) + (-1,))
    return jnp.sum(mask.astype(jnp.uint16) << place, axis=-1, dtype=jnp.uint16)


def nth(mask: jax.Array, u: jax.Array) -> jax.Array:
    """Index on the last axis (at most 10 entries) of the True that ``u`` picks; 0 where there is none."""
    if mask.shape[-1] > _SHORT:
        raise ValueError(f"nth picks among at most {_SHORT} entries, not {mask.shape[-1]}; see nth_host")
    bits = packed(mask)
    count = jax.lax.population_count(bits).astype(jnp.int32)
    return jnp.asarray(_PLACE)[bits, pick(u, count)].astype(jnp.int32)


def weighted(weight: jax.Array, u: jax.Array) -> jax.Array:
    """Index on the last axis that ``u`` picks with chances in proportion to ``weight``."""
    until = running_sum(weight)
    return jnp.argmax(until > u[..., None] * until[..., -1:], axis=-1)


def nth_host(mask: jax.Array, u: jax.Array) -> jax.Array:
    """:func:`nth` for a last axis of hosts, the internet root left out: first the zone, then the slot."""
    zones = mask[..., : T.ROOT_HOST].reshape(*mask.shape[:-1], T.NUM_ZONES, T.ZONE_SLOTS)
    until = running_sum(jnp.sum(zones, axis=-1, dtype=jnp.int32))
    rank = pick(u, until[..., -1])[..., None]
    passed = until <= rank
    zone = jnp.minimum(jnp.sum(passed, axis=-1, dtype=jnp.int32), T.NUM_ZONES - 1)
    rank = rank - jnp.max(jnp.where(passed, until, 0), axis=-1, keepdims=True)
    here = is_index(zone, T.NUM_ZONES)[..., None]
    slots = running_sum(jnp.any(zones & here, axis=-2))
    return zone * T.ZONE_SLOTS + jnp.argmax(slots > rank, axis=-1)
