"""Immutable records that JAX can map over.

>>> class Point(Struct):
...     x: Float32[Array, "env"]
...     name: str = static(default="p")
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self, TypeVar, dataclass_transform

import jax

T = TypeVar("T")


def static(**kwargs: Any) -> Any:
    """A field that is part of the pytree's structure (hashable, never traced)."""
    return dataclasses.field(metadata={"static": True}, **kwargs)


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, static))
def struct(cls: type[T]) -> type[T]:
    """Turn a class with annotations into a frozen dataclass that is a pytree.

    Adds ``replace(**changes)``. Fields made with :func:`static` become metadata of the tree.
    :class:`Struct` does the same for its subclasses, and type checkers know their ``replace``.

    The class is registered as a custom node and not by ``jax.tree_util.register_dataclass``: tree structures
    of jax 0.10 to 0.12 do not tell apart two dataclasses with equal fields, so ``jit`` may call the program
    that it compiled for the other class.
    """
    if issubclass(cls, Struct) and "__dataclass_fields__" in vars(cls):
        return cls  # a subclass of Struct is a record already
    made: Any = dataclasses.dataclass(frozen=True)(cls)
    fields = dataclasses.fields(made)
    meta = [f.name for f in fields if f.metadata.get("static")]
    data = [f.name for f in fields if not f.metadata.get("static")]
    keys = [jax.tree_util.GetAttrKey(name) for name in data]

    def flatten(node: T) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return tuple(getattr(node, name) for name in data), tuple(getattr(node, name) for name in meta)

    def flatten_with_keys(node: T) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        children, static_values = flatten(node)
        return tuple(zip(keys, children, strict=True)), static_values

    def unflatten(static_values: Any, children: Any) -> T:
        node = object.__new__(made)  # without __init__: JAX unflattens with placeholders and batches too
        vars(node).update(zip(meta, static_values, strict=True))
        vars(node).update(zip(data, children, strict=True))
        return node

    jax.tree_util.register_pytree_with_keys(made, flatten_with_keys, unflatten, flatten)
    made.replace = dataclasses.replace
    return made


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, static))
class Struct:
    """Base class of immutable records that are pytrees; see :func:`struct`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        struct(cls)

    if TYPE_CHECKING:

        def replace(self, **changes: Any) -> Self:
            """A copy with some fields changed."""
            ...


def nbytes(tree: Any) -> int:
    """Bytes of all arrays of a tree, or of their shapes."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
