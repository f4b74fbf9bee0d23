"""Recurrent cells: one step for one vector.

``carry, output = cell(carry, x)`` with vectors; ``cell.initial_carry()`` is all zeros.
"""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from garrison.core.typing import Array, Float32, PRNGKeyArray

Carry = Float32[Array, "width"] | tuple[Float32[Array, "width"], Float32[Array, "width"]]


def _gates(key: PRNGKeyArray, inputs: int, width: int, count: int) -> Float32[Array, "input gate_width"]:
    """``count`` orthogonal matrices side by side."""
    one = jax.nn.initializers.orthogonal(1.0)
    matrices = [one(k, (inputs, width), jnp.float32) for k in jax.random.split(key, count)]
    return jnp.concatenate(matrices, axis=1)


class GRU(eqx.Module):
    """Gated recurrent unit (Cho et al. 2014), with the reset gate after the recurrent product (cuDNN)."""

    inputs: Float32[Array, "input gate_width"]  # reset, update, candidate
    recurrent: Float32[Array, "width gate_width"]
    bias: Float32[Array, "gate_width"]
    recurrent_bias: Float32[Array, "width"]  # of the candidate, inside the reset gate

    gates: ClassVar[int] = 3

    def __init__(self, key: PRNGKeyArray, inputs: int, width: int):
        input_key, recurrent_key = jax.random.split(key)
        self.inputs = _gates(input_key, inputs, width, self.gates)
        self.recurrent = _gates(recurrent_key, width, width, self.gates)
        self.bias = jnp.zeros(self.gates * width, jnp.float32)
        self.recurrent_bias = jnp.zeros(width, jnp.float32)

    def initial_carry(self) -> Float32[Array, "width"]:
        return jnp.zeros(self.recurrent.shape[-2], jnp.float32)

    def __call__(
        self, carry: Float32[Array, "width"], x: Float32[Array, "input"]
    ) -> tuple[Float32[Array, "width"], Float32[Array, "width"]]:
        reset_x, update_x, new_x = jnp.split(x @ self.inputs + self.bias, self.gates)
        reset_h, update_h, new_h = jnp.split(carry @ self.recurrent, self.gates)
        reset, update = jax.nn.sigmoid(reset_x + reset_h), jax.nn.sigmoid(update_x + update_h)
        new = jnp.tanh(new_x + reset * (new_h + self.recurrent_bias))
        carry = (1 - update) * new + update * carry
        return carry, carry


class LSTM(eqx.Module):
    """Long short-term memory (Hochreiter and Schmidhuber 1997); the forget gate's bias starts at 1."""

    inputs: Float32[Array, "input gate_width"]  # input, forget, candidate, output
    recurrent: Float32[Array, "width gate_width"]
    bias: Float32[Array, "gate_width"]

    gates: ClassVar[int] = 4

    def __init__(self, key: PRNGKeyArray, inputs: int, width: int):
        input_key, recurrent_key = jax.random.split(key)
        self.inputs = _gates(input_key, inputs, width, self.gates)
        self.recurrent = _gates(recurrent_key, width, width, self.gates)
        self.bias = jnp.zeros(self.gates * width, jnp.float32).at[width : 2 * width].set(1.0)

    def initial_carry(self) -> tuple[Float32[Array, "width"], Float32[Array, "width"]]:
        zeros = jnp.zeros(self.recurrent.shape[-2], jnp.float32)
        return zeros, zeros

    def __call__(
        self, carry: tuple[Float32[Array, "width"], Float32[Array, "width"]], x: Float32[Array, "input"]
    ) -> tuple[tuple[Float32[Array, "width"], Float32[Array, "width"]], Float32[Array, "width"]]:
        cell, hidden = carry
        write, forget, new, read = jnp.split(x @ self.inputs + hidden @ self.recurrent + self.bias, 4)
        cell = jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(write) * jnp.tanh(new)
        hidden = jax.nn.sigmoid(read) * jnp.tanh(cell)
        return (cell, hidden), hidden


CELLS = {"gru": GRU, "lstm": LSTM}
