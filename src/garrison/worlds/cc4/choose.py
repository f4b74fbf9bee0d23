"""Array helpers: choices by a uniform number, ranks, one-hot masks.

Sums up to an entry are written as products with a triangle: on short axes that is one fused loop, where a
cumulative sum would be a chain of them.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Float32, Int32, Integer, Num, Shaped, UInt8, UInt16
from garrison.worlds.cc4 import tables as T


def is_index(index: Integer[Array, "*batch"], size: int) -> Bool[Array, "*batch {size}"]:
    """True where the new last axis equals ``index``. Beyond the end: nowhere."""
    return index[..., None] == jnp.arange(size).reshape((1,) * index.ndim + (size,))


def pick(u: Float32[Array, "*shape"], count: Integer[Array, "*#shape"]) -> Int32[Array, "*shape"]:
    """Rank in 0..count-1 that the uniform ``u`` chooses (0 where there is nothing to choose)."""
    count = jnp.asarray(count, jnp.int32)
    rank = jnp.floor(u * count).astype(jnp.int32)
    return jnp.clip(rank, 0, jnp.maximum(count - 1, 0))


def running_sum(values: Shaped[Array, "*batch entry"]) -> Num[Array, "*batch entry"]:
    """Inclusive cumulative sum on the last axis (a short one), as ``float32`` or ``int32``."""
    size = values.shape[-1]
    upto = np.tril(np.ones((size, size), bool)).reshape((1,) * (values.ndim - 1) + (size, size))
    kind = jnp.float32 if jnp.issubdtype(values.dtype, jnp.floating) else jnp.int32
    return jnp.sum(jnp.where(upto, values[..., None, :], 0), axis=-1, dtype=kind)


def rank(values: Num[Array, "*batch entry"]) -> UInt8[Array, "*batch entry"]:
    """Number of lower entries on the last axis (a short one) for each entry.

    Unrolled by entry: one fused loop, where comparing all pairs at once would go through memory.
    """
    lower = jnp.zeros(values.shape, jnp.uint8)
    for i in range(values.shape[-1]):
        lower = lower + (values[..., i : i + 1] < values)
    return lower


def first(mask: Bool[Array, "*batch entry"]) -> Int32[Array, "*batch"]:
    """Index of the first True on the last axis; 0 where there is none.

    Equal to ``argmax``, but a minimum over bytes, which CPUs vectorize.
    """
    size = mask.shape[-1]
    index = jnp.arange(size, dtype=jnp.uint8).reshape((1,) * (mask.ndim - 1) + (size,))
    least = jnp.min(jnp.where(mask, index, jnp.uint8(255)), axis=-1)
    return jnp.where(least == 255, 0, least).astype(jnp.int32)


def nth_by_order(
    mask: Bool[Array, "*batch entry"], order: Integer[Array, "*batch entry"], u: Float32[Array, "*batch"]
) -> Bool[Array, "*batch entry"]:
    """One of the True entries of ``mask``, as a mask: the one that ``u`` picks in ascending ``order``.

    The last axis is the axis of entries; ``u`` lacks it.
    """
    place = rank(jnp.where(mask, order, jnp.iinfo(order.dtype).max))
    chosen = first(mask & (place == pick(u, jnp.sum(mask, axis=-1, dtype=jnp.int32))[..., None]))
    return mask & is_index(chosen, mask.shape[-1])  # by its index: the ranks are needed once, not per use


def value_at(
    mask: Bool[Array, "*batch entry"], values: Integer[Array, "*#batch entry"]
) -> Int32[Array, "*batch"]:
    """The value under a one-hot mask on the last axis; 0 where nothing is marked."""
    return jnp.sum(jnp.where(mask, values, 0), axis=-1, dtype=jnp.int32)


def bit_at(mask: Bool[Array, "row place"], index: Integer[Array, "row entry"]) -> Bool[Array, "row entry"]:
    """``mask[r, index[r, k]]``, by packed words instead of a gather; False for indices past the end."""
    pad = -mask.shape[1] % 32
    words = jnp.pad(mask, ((0, 0), (0, pad))).reshape(mask.shape[0], -1, 32).astype(jnp.uint32)
    words = jnp.sum(words << jnp.arange(32, dtype=jnp.uint32)[None, None], axis=2, dtype=jnp.uint32)
    index = index.astype(jnp.uint32)
    word = jnp.zeros(index.shape, jnp.uint32)
    for i in range(words.shape[1]):
        word = jnp.where(index >> 5 == i, words[:, i : i + 1], word)
    return (word >> (index & 31)) & 1 > 0


def bounded(index: Integer[Array, "*shape"], size: int) -> Int32[Array, "*shape"]:
    """Indices of any integer dtype, with those outside 0..size-1 as ``size``.

    A narrower dtype would wrap a large index around to a valid one.
    """
    index = jnp.asarray(index)
    if jnp.iinfo(index.dtype).bits < 32:
        index = index.astype(jnp.int32)
    inside = (index >= 0) & (index < size)
    return jnp.where(inside, index, size).astype(jnp.int32)


def has(kinds: Integer[Array, "*shape"], flags: np.ndarray) -> Bool[Array, "*shape"]:
    """Look up the flag of each kind.

    A comparison per kind with the flag, as XLA makes loops over hosts slower by a lookup in a table.
    """
    found = jnp.zeros(kinds.shape, bool)
    for kind in np.flatnonzero(flags):
        found = found | (kinds == kind)
    return found


_SHORT = 10  # longest axis for which _PLACE lists all masks
# [bits of the mask, rank]: place of the bit of that rank, 0 where there is none
_PLACE = np.zeros((1 << _SHORT, _SHORT), np.uint8)
for _bits in range(1 << _SHORT):
    _places = [i for i in range(_SHORT) if _bits >> i & 1]
    _PLACE[_bits, : len(_places)] = _places


def packed(mask: Bool[Array, "*batch entry"]) -> UInt16[Array, "*batch"]:
    """The last axis (at most 16 entries) as bits, the first entry as the lowest bit."""
    place = jnp.arange(mask.shape[-1], dtype=jnp.uint16).reshape((1,) * (mask.ndim - 1) + (-1,))
    return jnp.sum(mask.astype(jnp.uint16) << place, axis=-1, dtype=jnp.uint16)


def nth(mask: Bool[Array, "*batch entry"], u: Float32[Array, "*batch"]) -> Int32[Array, "*batch"]:
    """Index on the last axis (at most 10 entries) of the True that ``u`` picks; 0 where there is none."""
    if mask.shape[-1] > _SHORT:
        raise ValueError(f"nth picks among at most {_SHORT} entries, not {mask.shape[-1]}; see nth_host")
    bits = packed(mask)
    count = jax.lax.population_count(bits).astype(jnp.int32)
    return jnp.asarray(_PLACE)[bits, pick(u, count)].astype(jnp.int32)


def weighted(weight: Num[Array, "*batch entry"], u: Float32[Array, "*batch"]) -> Int32[Array, "*batch"]:
    """Index on the last axis that ``u`` picks with probabilities proportional to ``weight``."""
    until = running_sum(weight)
    return jnp.argmax(until > u[..., None] * until[..., -1:], axis=-1).astype(jnp.int32)


def nth_host(mask: Bool[Array, "*batch host"], u: Float32[Array, "*batch"]) -> Int32[Array, "*batch"]:
    """:func:`nth` for a last axis of hosts without the internet root: first the zone, then the slot."""
    zones = mask[..., : T.ROOT_HOST].reshape(*mask.shape[:-1], T.NUM_ZONES, T.ZONE_SLOTS)
    until = running_sum(jnp.sum(zones, axis=-1, dtype=jnp.int32))
    rank = pick(u, until[..., -1])[..., None]
    passed = until <= rank
    zone = jnp.minimum(jnp.sum(passed, axis=-1, dtype=jnp.int32), T.NUM_ZONES - 1)
    rank = rank - jnp.max(jnp.where(passed, until, 0), axis=-1, keepdims=True)
    here = is_index(zone, T.NUM_ZONES)[..., None]
    slots = running_sum(jnp.any(zones & here, axis=-2))
    return zone * T.ZONE_SLOTS + jnp.argmax(slots > rank, axis=-1).astype(jnp.int32)


def weighted_host(
    weight: Float32[Array, "*batch host"], u: Float32[Array, "*batch"]
) -> Int32[Array, "*batch"]:
    """:func:`nth_host` with weights: the same host where all are 1, and never one of weight 0."""
    zones = weight[..., : T.ROOT_HOST].reshape(*weight.shape[:-1], T.NUM_ZONES, T.ZONE_SLOTS)
    until = running_sum(jnp.sum(zones, axis=-1))
    rest = u * until[..., -1]
    passed = until <= rest[..., None]
    zone = jnp.minimum(jnp.sum(passed, axis=-1, dtype=jnp.int32), T.NUM_ZONES - 1)
    rest = rest - jnp.max(jnp.where(passed, until, 0), axis=-1)
    here = is_index(zone, T.NUM_ZONES)[..., None]
    slots = running_sum(jnp.sum(jnp.where(here, zones, 0), axis=-2))
    rest = jnp.minimum(rest, slots[..., -1] * _BELOW_ONE)  # sums of two orders may differ in the last bit
    return zone * T.ZONE_SLOTS + jnp.argmax(slots > rest[..., None], axis=-1).astype(jnp.int32)


_BELOW_ONE = np.nextafter(np.float32(1), np.float32(0))
