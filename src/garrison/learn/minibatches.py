"""How a rollout is divided into minibatches.

Rows of networks without memory are shuffled over steps; those of recurrent ones stay in sequences, which are
shuffled as wholes. Rows are structs of arrays [step, env, ...] with the fields ``first``, ``memory`` and
``weight``, see :class:`garrison.learn.ppo.Sample`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from garrison.learn import rollout

#: index of a minibatch -> its rows
Pick = Callable[[jax.Array], Any]


def order_of_steps(
    key: jax.Array, steps: int, num_envs: int, epochs: int, minibatches: int
) -> tuple[jax.Array, jax.Array]:
    """The next key, and the steps ``int32[update, step, env]`` of each minibatch: each epoch shuffles again.

    A minibatch holds as many steps of one environment as of another, so that no row has to move between
    devices. Each epoch leaves out what does not divide.
    """
    size = steps // minibatches
    key, order_key = jax.random.split(key)
    numbers = jax.random.uniform(order_key, (epochs, steps, num_envs), jnp.float32)
    order = jnp.argsort(numbers, axis=1)[:, : size * minibatches]
    return key, order.reshape(-1, size, num_envs)


def order_of_sequences(
    key: jax.Array, sequences: int, epochs: int, minibatches: int
) -> tuple[jax.Array, jax.Array]:
    """The next key, and the sequences ``int32[update, sequence]`` of each minibatch, likewise."""
    size = sequences // minibatches
    key, order_key = jax.random.split(key)
    numbers = jax.random.uniform(order_key, (epochs, sequences), jnp.float32)
    order = jnp.argsort(numbers, axis=1)[:, : size * minibatches]
    return key, order.reshape(-1, size)


def num_sequences(steps: int, num_envs: int, chunk: int | None) -> int:
    """Sequences in a rollout: one per environment, or per chunk of ``chunk`` steps."""
    return num_envs * (1 if chunk is None else -(-steps // chunk))


def sequences(rows: Any, chunk: int | None) -> Any:
    """Rows [step, env, ...] as sequences: [step of a chunk, chunk * env, ...], memory [chunk * env, ...].

    The last chunk is filled up with rows without weight.
    """
    if chunk is None:
        return rows.replace(memory=jax.tree.map(lambda x: x[0], rows.memory))
    steps, num_envs = rows.weight.shape[:2]
    chunks = -(-steps // chunk)

    def cut(x: jax.Array) -> jax.Array:
        filled = jnp.pad(x, [(0, chunks * chunk - steps), *[(0, 0)] * (x.ndim - 1)])
        apart = filled.reshape(chunks, chunk, *x.shape[1:])
        return jnp.swapaxes(apart, 0, 1).reshape(chunk, chunks * num_envs, *x.shape[2:])

    memory = jax.tree.map(lambda x: x.reshape(chunks * num_envs, *x.shape[2:]), rows.memory)
    return jax.tree.map(cut, rows.replace(memory=None)).replace(memory=memory)


def split(
    key: jax.Array, rows: Any, epochs: int, minibatches: int, chunk: int | None
) -> tuple[jax.Array, jax.Array, Pick]:
    """The next key, an index per minibatch [update, ...], and a function from an index to its rows."""
    if rows.memory is None:
        key, order = order_of_steps(key, *rows.weight.shape[:2], epochs, minibatches)
        return key, order, lambda index: jax.tree.map(lambda x: rollout.pick(x, index), rows)
    whole = sequences(rows, chunk)
    key, order = order_of_sequences(key, whole.weight.shape[1], epochs, minibatches)

    def pick(index: jax.Array) -> Any:
        memory = jax.tree.map(lambda x: x[index], whole.memory)
        return jax.tree.map(lambda x: x[:, index], whole.replace(memory=None)).replace(memory=memory)

    return key, order, pick
