import dataclasses

import jax
import jax.numpy as jnp
import pytest

from garrison.core.struct import Struct, static, struct


@struct
class Point:
    x: jax.Array
    name: str = static(default="p")


def test_arrays_are_leaves_and_static_fields_are_structure():
    point = Point(jnp.ones(2), name="q")
    assert len(jax.tree.leaves(point)) == 1
    doubled = jax.jit(lambda p: jax.tree.map(lambda leaf: 2 * leaf, p))(point)
    assert doubled.x.tolist() == [2, 2]
    assert doubled.name == "q"
    assert jax.tree.structure(point) != jax.tree.structure(Point(jnp.ones(2)))


def test_records_are_frozen_and_replaced():
    point = Point(jnp.ones(2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = jnp.zeros(2)
    assert point.replace(x=jnp.zeros(2)).x.tolist() == [0, 0]
    assert point.x.tolist() == [1, 1]


def test_records_of_two_classes_have_two_structures():
    @struct
    class Left:
        x: float = 1.0

    @struct
    class Right:
        x: float = 1.0

    assert jax.tree.structure(Left()) != jax.tree.structure(Right())
    name = jax.jit(lambda record: jnp.array(type(record).__name__ == "Left"))
    assert [bool(name(record)) for record in (Left(), Right())] == [True, False]
    paths = jax.tree_util.tree_leaves_with_path(Left())
    assert [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in paths] == ["x"]


def test_subclasses_of_struct_are_records_and_may_add_fields():
    class Base(Struct):
        x: jax.Array

    class Derived(Base):
        name: str = static(default="p")

    assert struct(Derived) is Derived
    derived = Derived(jnp.ones(2), name="q")
    doubled = jax.jit(lambda d: jax.tree.map(lambda leaf: 2 * leaf, d))(derived)
    assert (type(doubled), doubled.x.tolist(), doubled.name) == (Derived, [2, 2], "q")
    assert derived.replace(name="r").name == "r"
    with pytest.raises(dataclasses.FrozenInstanceError):
        derived.x = jnp.zeros(2)
    assert jax.tree.structure(Base(jnp.ones(2))) != jax.tree.structure(Derived(jnp.ones(2)))
