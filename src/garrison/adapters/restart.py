"""Starting new episodes within compiled steps, at no cost in steps in which none ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from garrison.core.world import World


def restart(
    start: Callable[[World, jax.Array], Any], world: World, done: jax.Array, key: jax.Array, running: Any
) -> Any:
    """``start(world, key)`` where ``done``, else ``running``, which has the same structure.

    A branch on a value that ``jax.vmap`` batches computes both sides in every environment. Here ``start``
    runs if any environment of all mapped axes is done: where episodes end together, once per episode. For a
    world whose own arrays are mapped it always runs.

    Args:
        done: ``bool[]``.
    """

    def chosen(world: World, done: jax.Array, key: jax.Array, running: Any) -> Any:
        return jax.tree.map(lambda new, old: jnp.where(done, new, old), start(world, key), running)

    mapped = jax.vmap(chosen, (None, 0, 0, 0))

    @custom_vmap
    def of_many(world: World, done: jax.Array, key: jax.Array, running: Any) -> Any:
        return jax.lax.cond(
            done.any(), mapped, lambda world, done, key, running: running, world, done, key, running
        )

    @of_many.def_vmap
    def _(axis_size: int, in_batched: Any, world: World, *many: Any) -> tuple[Any, Any]:
        axes = jax.tree.map(lambda batched: 0 if batched else None, in_batched)
        if any(jax.tree.leaves(in_batched[0])):
            result = jax.vmap(mapped, axes, axis_size=axis_size)(world, *many)
        else:
            merged = jax.tree.map(_merge(axis_size), tuple(many), tuple(in_batched[1:]))
            result = of_many(world, *merged)
            result = jax.tree.map(lambda x: x.reshape(axis_size, -1, *x.shape[1:]), result)
        return result, jax.tree.map(lambda _: True, result)

    one = jax.tree.map(lambda x: x[None], (done, key, running))
    return jax.tree.map(lambda x: x[0], of_many(world, *one))


def _merge(axis_size: int) -> Callable[[jax.Array, bool], jax.Array]:
    """An axis that is mapped, and the axis below it, as one axis."""

    def merge(x: jax.Array, batched: bool) -> jax.Array:
        x = x if batched else jnp.broadcast_to(x, (axis_size, *x.shape))
        return x.reshape(-1, *x.shape[2:])

    return merge
