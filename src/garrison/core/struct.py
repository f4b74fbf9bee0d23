"""Immutable records that JAX can map over.

>>> @struct
... class Point:
...     x: jax.Array
...     name: str = static(default="p")
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar, dataclass_transform

import jax

T = TypeVar("T")


def static(**kwargs: Any) -> Any:
    """A field that is part of the pytree's structure (hashable, never traced)."""
    return dataclasses.field(metadata={"static": True}, **kwargs)


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, static))
def struct(cls: type[T]) -> type[T]:
    """Turn a class with annotations into a frozen dataclass that is a pytree.

    Adds ``replace(**changes)``. Fields made with :func:`static` become metadata of the tree.

    The class is registered as a custom node and not by ``jax.tree_util.register_dataclass``: tree structures
    of jax 0.10 to 0.12 do not tell apart two dataclasses with equal fields, so ``jit`` may call the program
    that it compiled for the other class.
    """
    cls = dataclasses.dataclass(frozen=True)(cls)
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    meta = [f.name for f in fields if f.metadata.get("static")]
    data = [f.name for f in fields if not f.metadata.get("static")]
    keys = [jax.tree_util.GetAttrKey(name) for name in data]

    def flatten(node: T) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return tuple(getattr(node, name) for name in data), tuple(getattr(node, name) for name in meta)

    def flatten_with_keys(node: T) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        children, static_values = flatten(node)
        return tuple(zip(keys, children, strict=True)), static_values

    def unflatten(static_values: tuple[Any, ...], children: tuple[Any, ...]) -> T:
        return cls(**dict(zip(meta, static_values, strict=True)), **dict(zip(data, children, strict=True)))

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    cls.replace = dataclasses.replace  # type: ignore[attr-defined]
    return cls
