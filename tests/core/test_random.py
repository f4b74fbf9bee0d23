"""Our random words are JAX's, whatever the key, the number of words and the generator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.core import random


@pytest.mark.parametrize("size", [1, 2, 7, 770])
def test_words_are_those_of_jax(size):
    for seed in range(3):
        key = jax.random.key(seed)
        np.testing.assert_array_equal(random.bits(key, size), jax.random.bits(key, (size,), jnp.uint32))


def test_words_of_many_keys_are_those_of_each():
    keys = jax.random.split(jax.random.key(5), 3)
    ours = jax.jit(jax.vmap(lambda key: random.bits(key, 9)))(keys)
    np.testing.assert_array_equal(ours, [jax.random.bits(key, (9,), jnp.uint32) for key in keys])


@pytest.mark.parametrize("impl", ["rbg", "unsafe_rbg"])
def test_other_generators_keep_their_own_words(impl):
    key = jax.random.key(1, impl=impl)
    np.testing.assert_array_equal(random.bits(key, 5), jax.random.bits(key, (5,), jnp.uint32))


def test_the_older_order_of_words_is_kept_where_it_is_asked_for():
    with jax.threefry_partitionable(False):
        key = jax.random.key(1)
        np.testing.assert_array_equal(random.bits(key, 5), jax.random.bits(key, (5,), jnp.uint32))
