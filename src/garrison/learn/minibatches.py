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

from garrison.core.typing import Array, Int, PRNGKeyArray
from garrison.learn import rollout

#: index of a minibatch -> its rows
Pick = Callable[[Array], Any]


def order_of_steps(
    key: PRNGKeyArray, steps: int, num_envs: int, epochs: int, minibatches: int
) -> tuple[PRNGKeyArray, Int[Array, "update step env"]]:
    """The next key, and the steps of each minibatch: each epoch shuffles again.

    A minibatch holds as many steps of one environment as of another, so that no row has to move between
    devices. Each epoch leaves out what does not divide.
    """
    size = steps // minibatches
    key, order_key = jax.random.split(key)
    numbers = jax.random.uniform(order_key, (epochs, steps, num_envs), jnp.float32)
    order = jnp.argsort(numbers, axis=1)[:, : size * minibatches]
    return key, order.reshape(-1, size, num_envs)


def _order_of_sequences(
    key: PRNGKeyArray, sequences: int, epochs: int, minibatches: int
) -> tuple[PRNGKeyArray, Int[Array, "update sequence"]]:
    """The next key, and the sequences of each minibatch, likewise."""
    size = sequences // minibatches
    key, order_key = jax.random.split(key)
    numbers = jax.random.uniform(order_key, (epochs, sequences), jnp.float32)
    order = jnp.argsort(numbers, axis=1)[:, : size * minibatches]
    return key, order.reshape(-1, size)


def check(config: Any, steps: int, remembers: bool) -> None:
    """Raise ``ValueError`` if a rollout has too little for the ``minibatches`` of ``config``.

    Args:
        config: settings with ``minibatches``, ``num_envs`` and ``chunk``.
        steps: steps of each environment in a rollout.
        remembers: whether the network has a memory.
    """
    there, what = steps, "steps of each environment"
    if remembers:
        there, what = num_sequences(steps, config.num_envs, config.chunk), "sequences"
    if there < config.minibatches:
        raise ValueError(f"minibatches is {config.minibatches}; a rollout has only {there} {what} to divide")


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

    def cut(x: Array) -> Array:
        filled = jnp.pad(x, [(0, chunks * chunk - steps), *[(0, 0)] * (x.ndim - 1)])
        apart = filled.reshape(chunks, chunk, *x.shape[1:])
        return jnp.swapaxes(apart, 0, 1).reshape(chunk, chunks * num_envs, *x.shape[2:])

    memory = jax.tree.map(lambda x: x.reshape(chunks * num_envs, *x.shape[2:]), rows.memory)
    return jax.tree.map(cut, rows.replace(memory=None)).replace(memory=memory)


def split(
    key: PRNGKeyArray, rows: Any, epochs: int, minibatches: int, chunk: int | None
) -> tuple[PRNGKeyArray, Int[Array, "update ..."], Pick]:
    """The next key, an index per minibatch, and a function from an index to its rows."""
    if rows.memory is None:
        steps, num_envs = rows.weight.shape[:2]
        key, order = order_of_steps(key, steps, num_envs, epochs, minibatches)
        return key, order, lambda index: jax.tree.map(lambda x: rollout.pick(x, index), rows)
    whole = sequences(rows, chunk)
    key, order = _order_of_sequences(key, whole.weight.shape[1], epochs, minibatches)

    def pick(index: Array) -> Any:
        memory = jax.tree.map(lambda x: x[index], whole.memory)
        return jax.tree.map(lambda x: x[:, index], whole.replace(memory=None)).replace(memory=memory)

    return key, order, pick
