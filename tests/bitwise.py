"""Whether two trees are equal to the bit."""

import jax
import numpy as np


def raw(leaf):
    """Random keys as the numbers that they are."""
    return jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def assert_equal(a, b):
    """The same structure, and the same bits in all leaves."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for (path, left), right in zip(jax.tree.leaves_with_path(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(raw(left), raw(right), err_msg=jax.tree_util.keystr(path))
