"""Gradient steps whose numbers are arrays, so that many settings can be trained by one ``vmap``."""

from __future__ import annotations

from typing import Any

import jax
import optax

from garrison.core.typing import Array, Float32

Number = Array | float

# Adam as PPO implementations use it (Huang et al. 2022, "The 37 implementation details of PPO", detail 3).
_ADAM = optax.scale_by_adam(eps=1e-5)


def init(params: Any) -> Any:
    """The optimizer's state for ``params``."""
    return _ADAM.init(params)


def apply(
    grads: Any, state: Any, params: Any, learning_rate: Number, max_grad_norm: Number
) -> tuple[tuple[Any, Any], Float32[Array, ""]]:
    """One Adam step on gradients clipped by their global norm.

    Returns the new parameters and state, and the norm of the gradients before clipping.
    """
    norm = optax.tree.norm(grads)
    factor = max_grad_norm / jax.numpy.maximum(norm, max_grad_norm)
    grads = jax.tree.map(lambda grad: grad * factor, grads)
    with jax.numpy_dtype_promotion("standard"):  # optax mixes integers and floats
        updates, state = _ADAM.update(grads, state)
    return (jax.tree.map(lambda p, u: p - learning_rate * u, params, updates), state), norm


def apply_each(
    grads: dict[str, Any],
    states: dict[str, Any],
    params: dict[str, Any],
    learning_rates: dict[str, Number],
    max_grad_norm: Number,
) -> tuple[tuple[dict[str, Any], dict[str, Any]], Float32[Array, ""]]:
    """:func:`apply` for several networks, each with its own optimizer state, learning rate and clipping.

    Returns the same; the norm is that of all gradients together.
    """
    applied = {
        name: apply(grads[name], states[name], params[name], learning_rates[name], max_grad_norm)
        for name in params
    }
    new_params = {name: new for name, ((new, _), _) in applied.items()}
    new_states = {name: state for name, ((_, state), _) in applied.items()}
    return (new_params, new_states), optax.tree.norm([norm for _, norm in applied.values()])


def linear(start: Number, end: Number, progress: Number) -> Float32[Array, ""]:
    """A schedule from ``start`` to ``end`` as ``progress`` goes from 0 to 1."""
    return jax.numpy.asarray(start + (end - start) * progress, jax.numpy.float32)
