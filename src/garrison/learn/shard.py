"""Several devices: environments are spread over them, parameters are on each of them.

    with shard.devices(num_envs):
        state, metrics = step(config, world, state)

JAX partitions the program and sums gradients over the devices by itself; what is computed is the same as on
one device, up to the order of sums. A program whose environments do not depend on each other, such as a
rollout with fixed policies, can run on each device alone, and its results are the same bit by bit:

    shard.cores_as_devices(2)  # on a CPU, before anything else: each core is a device
    with shard.devices(num_envs):
        returns = jax.jit(shard.map_envs(play))(keys)  # keys, returns: [env, ...]
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import jax
from jax.sharding import AxisType, PartitionSpec

Tree = TypeVar("Tree")

_AXIS = "envs"


def cores_as_devices(count: int) -> None:
    """Let JAX take the CPU for ``count`` devices; changes nothing where there is an accelerator.

    XLA makes little use of a second core in programs of many small operations, such as simulators; a device
    per core does. Raises ``RuntimeError`` if JAX has computed something already.
    """
    jax.config.update("jax_num_cpu_devices", count)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def devices(num_envs: int, most: int | None = None) -> AbstractContextManager[object]:
    """Within the block, programs that are compiled use all devices that can share ``num_envs`` evenly.

    ``most`` limits their number.
    """
    count = usable(num_envs, most)
    if count == 1:
        return nullcontext()
    chosen = jax.devices()[:count]
    return jax.set_mesh(jax.make_mesh((count,), (_AXIS,), axis_types=(AxisType.Auto,), devices=chosen))


def usable(num_envs: int, most: int | None = None) -> int:
    """The largest number of devices, of all hosts and up to ``most``, that divides ``num_envs``."""
    there = jax.device_count() if most is None else min(most, jax.device_count())
    return max(count for count in range(1, there + 1) if num_envs % count == 0)


def map_envs(function: Callable[..., Tree]) -> Callable[..., Tree]:
    """``function`` on each device of the block, with the device's share of the environments.

    For ``jax.jit`` within the block; outside of one the function is called as it is. Arguments and results
    are trees of arrays [env, ...], and no environment may depend on another.
    """

    def mapped(*envs: Any) -> Tree:
        if _AXIS not in jax.sharding.get_abstract_mesh().axis_names:
            return function(*envs)
        share = PartitionSpec(_AXIS)
        # Nothing is the same on all devices, so there is nothing for the check of replication to find.
        return jax.shard_map(function, in_specs=share, out_specs=share, check_vma=False)(*envs)

    return mapped


def over_envs(tree: Tree, axis: int = 0) -> Tree:
    """Spread each leaf's ``axis`` over the devices of the block; does nothing outside of one."""
    return _placed(tree, PartitionSpec(*(None,) * axis, _AXIS))


def everywhere(tree: Tree) -> Tree:
    """Keep a copy of each leaf on all devices of the block; does nothing outside of one."""
    return _placed(tree, PartitionSpec())


def _placed(tree: Tree, spec: PartitionSpec) -> Tree:
    if _AXIS not in jax.sharding.get_abstract_mesh().axis_names:
        return tree
    return jax.tree.map(lambda leaf: jax.lax.with_sharding_constraint(leaf, spec), tree)
