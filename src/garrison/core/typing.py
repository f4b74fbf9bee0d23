"""Types of arrays, for annotations: ``Float32[Array, "env agent feature"]`` tells dtype and axes.

The notation is jaxtyping's. Within one call equal names are equal sizes; ``""`` is a scalar, ``*env`` any
number of axes, none in a single environment, and ``#`` before an axis lets it broadcast. jaxtyping is not
needed to run Garrison: without it the names stand for arrays of any dtype and shape. Type checkers take them
for jaxtyping's, and the tests check calls against them (``tests/array_types.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax

__all__ = [
    "Array",
    "Bool",
    "Float",
    "Float32",
    "Int",
    "Int16",
    "Int32",
    "Integer",
    "Key",
    "Num",
    "PRNGKeyArray",
    "Shaped",
    "UInt8",
    "UInt16",
    "UInt32",
]

if TYPE_CHECKING:
    from jaxtyping import (
        Array,
        Bool,
        Float,
        Float32,
        Int,
        Int16,
        Int32,
        Integer,
        Key,
        Num,
        PRNGKeyArray,
        Shaped,
        UInt8,
        UInt16,
        UInt32,
    )
else:
    Array = PRNGKeyArray = jax.Array

    class _Dtype:
        def __class_getitem__(cls, array_and_axes: tuple[Any, str]) -> Any:
            return array_and_axes[0]

    Bool = Float = Float32 = Int = Int16 = Int32 = Integer = Key = Num = Shaped = _Dtype
    UInt8 = UInt16 = UInt32 = _Dtype
