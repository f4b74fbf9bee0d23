"""The fast ways to choose agree with the plain ones, on all short masks and on random long ones."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from garrison.worlds.cc4 import choose

RANDOM = np.random.default_rng(0)


def plainly_nth(mask, u):
    places = np.flatnonzero(mask)
    return places[min(int(np.float32(u) * len(places)), len(places) - 1)] if len(places) else 0


@pytest.mark.parametrize("size", [1, 4, 9, 10])
def test_nth_is_the_true_of_that_rank(size):
    masks = np.array(list(itertools.product([False, True], repeat=size)))
    for u in (0.0, 0.3, 0.5, 0.999999):
        chosen = choose.nth(jnp.asarray(masks), jnp.full(len(masks), u, jnp.float32))
        np.testing.assert_array_equal(chosen, [plainly_nth(mask, u) for mask in masks])


def test_nth_refuses_axes_that_it_has_no_table_for():
    with pytest.raises(ValueError, match="at most 10 entries, not 11"):
        choose.nth(jnp.zeros((1, 11), bool), jnp.zeros(1))


@pytest.mark.parametrize("size", [48, 96, 137, 255])
def test_first_is_what_argmax_says(size):
    masks = np.concatenate(
        [RANDOM.random((50, size)) < 0.05, np.zeros((1, size), bool), np.eye(size, dtype=bool)]
    )
    np.testing.assert_array_equal(choose.first(jnp.asarray(masks)), masks.argmax(axis=1))


def test_rank_counts_the_lower_entries():
    values = RANDOM.integers(0, 30, (5, 48)).astype(np.int16)  # with equal ones
    expected = (values[:, None, :] < values[:, :, None]).sum(axis=2)
    np.testing.assert_array_equal(choose.rank(jnp.asarray(values)), expected)


def test_packed_puts_the_first_entry_lowest():
    masks = RANDOM.random((20, 16)) < 0.5
    np.testing.assert_array_equal(choose.packed(jnp.asarray(masks)), masks @ (1 << np.arange(16)))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32"])
def test_bounded_indices_do_not_wrap_around(dtype):
    info = np.iinfo(dtype)
    values = np.array([0, 5, 9, 10, info.max, info.min], dtype)
    expected = [0, 5, 9, 10, 10, 0 if info.min == 0 else 10]
    got = choose.bounded(jnp.asarray(values), 10)
    assert got.dtype == jnp.int32
    assert got.tolist() == expected
    assert choose.bounded(jnp.asarray(values), 242).tolist()[:4] == [0, 5, 9, 10]


def test_bit_at_looks_up_a_mask():
    mask = np.random.default_rng(0).random((3, 96)) < 0.5
    index = np.random.default_rng(1).integers(0, 120, (3, 200))
    expected = np.pad(mask, ((0, 0), (0, 24)))[np.arange(3)[:, None], index]
    np.testing.assert_array_equal(choose.bit_at(jnp.asarray(mask), jnp.asarray(index)), expected)
