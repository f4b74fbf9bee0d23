"""Recurrent cells: one step for one vector.

``carry, output = cell(carry, x)`` with f32[width] vectors; ``cell.initial_carry()`` is all zeros.
"""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

Carry = jax.Array | tuple[jax.Array, jax.Array]


def _gates(key: jax.Array, inputs: int, width: int, count: int) -> jax.Array:
    """Orthogonal matrices side by side, ``f32[inputs, count * width]``."""
    one = jax.nn.initializers.orthogonal(1.0)
    matrices = [one(k, (inputs, width), jnp.float32) for k in jax.random.split(key, count)]
    return jnp.concatenate(matrices, axis=1)


class GRU(eqx.Module):
    """Gated recurrent unit (Cho et al. 2014), with the reset gate after the recurrent product (cuDNN)."""

    inputs: jax.Array  # f32[in, 3 * width]: reset, update, candidate
    recurrent: jax.Array  # f32[width, 3 * width]
    bias: jax.Array  # f32[3 * width]
    recurrent_bias: jax.Array  # f32[width]: of the candidate, inside the reset gate

    gates: ClassVar[int] = 3

    def __init__(self, key: jax.Array, inputs: int, width: int):
        input_key, recurrent_key = jax.random.split(key)
        self.inputs = _gates(input_key, inputs, width, self.gates)
        self.recurrent = _gates(recurrent_key, width, width, self.gates)
        self.bias = jnp.zeros(self.gates * width, jnp.float32)
        self.recurrent_bias = jnp.zeros(width, jnp.float32)

    def initial_carry(self) -> jax.Array:
        return jnp.zeros(self.recurrent.shape[-2], jnp.float32)

    def __call__(self, carry: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        reset_x, update_x, new_x = jnp.split(x @ self.inputs + self.bias, self.gates)
        reset_h, update_h, new_h = jnp.split(carry @ self.recurrent, self.gates)
        reset, update = jax.nn.sigmoid(reset_x + reset_h), jax.nn.sigmoid(update_x + update_h)
        new = jnp.tanh(new_x + reset * (new_h + self.recurrent_bias))
        carry = (1 - update) * new + update * carry
        return carry, carry


class LSTM(eqx.Module):
    """Long short-term memory (Hochreiter and Schmidhuber 1997); the forget gate's bias starts at 1."""

    inputs: jax.Array  # f32[in, 4 * width]: input, forget, candidate, output
    recurrent: jax.Array  # f32[width, 4 * width]
    bias: jax.Array  # f32[4 * width]

    gates: ClassVar[int] = 4

    def __init__(self, key: jax.Array, inputs: int, width: int):
        input_key, recurrent_key = jax.random.split(key)
        self.inputs = _gates(input_key, inputs, width, self.gates)
        self.recurrent = _gates(recurrent_key, width, width, self.gates)
        self.bias = jnp.zeros(self.gates * width, jnp.float32).at[width : 2 * width].set(1.0)

    def initial_carry(self) -> tuple[jax.Array, jax.Array]:
        zeros = jnp.zeros(self.recurrent.shape[-2], jnp.float32)
        return zeros, zeros

    def __call__(
        self, carry: tuple[jax.Array, jax.Array], x: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        cell, hidden = carry
        write, forget, new, read = jnp.split(x @ self.inputs + hidden @ self.recurrent + self.bias, 4)
        cell = jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(write) * jnp.tanh(new)
        hidden = jax.nn.sigmoid(read) * jnp.tanh(cell)
        return (cell, hidden), hidden


CELLS = {"gru": GRU, "lstm": LSTM}
