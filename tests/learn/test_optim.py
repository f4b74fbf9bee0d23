"""Gradient steps against optax's own composition of them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from garrison.learn import optim


@pytest.mark.parametrize("size", [0.01, 100.0], ids=["unclipped", "clipped"])
def test_is_adam_on_clipped_gradients(size):
    ours = theirs = {"w": jnp.ones((3, 2)), "b": jnp.zeros(2)}
    reference = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(1e-2, eps=1e-5))
    state, reference_state = optim.init(ours), reference.init(theirs)
    for i in range(5):
        key = jax.random.key(i)
        grads = jax.tree.map(lambda x, key=key: size * jax.random.normal(key, x.shape), ours)
        (ours, state), norm = optim.apply(grads, state, ours, 1e-2, 0.5)
        updates, reference_state = reference.update(grads, reference_state)
        theirs = optax.apply_updates(theirs, updates)
        np.testing.assert_allclose(norm, optax.tree.norm(grads), rtol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), ours, theirs)


def test_linear_schedule():
    assert [optim.linear(2.0, 0.0, progress) for progress in (0.0, 0.25, 1.0)] == [2.0, 1.5, 0.0]
    assert [optim.linear(1.0, 3.0, progress) for progress in (0.0, 0.5, 1.0)] == [1.0, 2.0, 3.0]
