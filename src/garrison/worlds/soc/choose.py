"""Choices by uniforms of 24 bits, in integers (``soc-rules.md §1``)."""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core.typing import Array, Bool, Float32, Int32, Integer


def permille(u: Float32[Array, "*shape"]) -> Int32[Array, "*shape"]:
    """``floor(1000 u)``: something of chance ``p`` thousandths happens where this is below ``p``."""
    return below(u, 1000)


def below(u: Float32[Array, "*shape"], count: Integer[Array, "*#shape"] | int) -> Int32[Array, "*shape"]:
    """``floor(u count)``: a number in 0 .. count - 1 (0 for a count of 0).

    Exact for counts below 2^18, by halves: ``u`` has 24 bits, so a product in float32 would round.
    """
    word = jnp.floor(u * jnp.float32(2**24)).astype(jnp.int32)
    count = jnp.asarray(count, jnp.int32)
    high, low = word >> 12, word & 0xFFF
    return (high * count + (low * count >> 12)) >> 12


def pick(u: Float32[Array, ""], mask: Bool[Array, "option"]) -> Int32[Array, ""]:
    """Index of the option of rank ``floor(u n)`` among the ``n`` that are True; 0 where there are none."""
    upto = jnp.cumsum(mask, dtype=jnp.int32)
    return jnp.argmax(upto > below(u, upto[-1])).astype(jnp.int32)


def first(mask: Bool[Array, "option"], default: int) -> Int32[Array, ""]:
    """Index of the first True; ``default`` where there is none."""
    return jnp.where(jnp.any(mask), jnp.argmax(mask), default).astype(jnp.int32)


def unpacked(bits: Integer[Array, "*shape"], count: int) -> Bool[Array, "{count} *shape"]:
    """The lowest ``count`` bits, the lowest first, on a new first axis."""
    number = jnp.arange(count, dtype=bits.dtype).reshape((count,) + (1,) * bits.ndim)
    return bits[None] >> number & 1 > 0


def packed(flags: Bool[Array, "bit *shape"]) -> Int32[Array, "*shape"]:
    """The inverse of :func:`unpacked`."""
    number = jnp.arange(flags.shape[0]).reshape((-1,) + (1,) * (flags.ndim - 1))
    return jnp.sum(flags.astype(jnp.int32) << number, axis=0, dtype=jnp.int32)
