"""Several devices: lanes are spread over them, parameters are on each of them.

    with shard.devices(lanes):
        state, metrics = step(config, world, state)

JAX partitions the program and sums gradients over the devices by itself; what is computed is the same as on
one device, up to the order of sums.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import jax
from jax.sharding import AxisType, PartitionSpec

Tree = TypeVar("Tree")

AXIS = "lanes"


def devices(lanes: int) -> AbstractContextManager[object]:
    """Within the block, programs that are compiled use all devices that can share ``lanes`` evenly."""
    count = usable(lanes)
    if count == 1:
        return nullcontext()
    chosen = jax.devices()[:count]
    return jax.set_mesh(jax.make_mesh((count,), (AXIS,), axis_types=(AxisType.Auto,), devices=chosen))


def usable(lanes: int) -> int:
    """The largest number of devices, of all hosts, that divides ``lanes``."""
    return max(count for count in range(1, jax.device_count() + 1) if lanes % count == 0)


def over_lanes(tree: Tree, axis: int = 0) -> Tree:
    """Spread each leaf's ``axis`` over the devices of the block; does nothing outside of one."""
    return _placed(tree, PartitionSpec(*(None,) * axis, AXIS))


def everywhere(tree: Tree) -> Tree:
    """Keep a copy of each leaf on all devices of the block; does nothing outside of one."""
    return _placed(tree, PartitionSpec())


def _placed(tree: Tree, spec: PartitionSpec) -> Tree:
    if AXIS not in jax.sharding.get_abstract_mesh().axis_names:
        return tree
    return jax.tree.map(lambda leaf: jax.lax.with_sharding_constraint(leaf, spec), tree)
