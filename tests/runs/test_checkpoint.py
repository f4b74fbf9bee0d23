"""Checkpoints: what goes in comes out, what does not fit is named, a broken write leaves the old one."""

import json
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.runs import checkpoint


def tree(scale: float = 1.0) -> dict:
    return {
        "net": [jnp.arange(6.0).reshape(2, 3).T * scale, jnp.array(True)],
        "small": jnp.array([-3, 4], jnp.int8),
        "key": jax.random.key(7),
        "none": None,
    }


def test_round_trip(tmp_path):
    checkpoint.save(tmp_path, tree(), 3, {"iteration": 3})
    assert checkpoint.about(tmp_path) == {"iteration": 3}
    loaded = checkpoint.load(tmp_path, jax.eval_shape(tree))
    assert jax.tree.structure(loaded) == jax.tree.structure(tree())
    np.testing.assert_array_equal(loaded["net"][0], tree()["net"][0])
    assert loaded["net"][1].dtype == bool
    assert loaded["small"].dtype == jnp.int8
    np.testing.assert_array_equal(jax.random.uniform(loaded["key"], 3), jax.random.uniform(tree()["key"], 3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": jnp.zeros(2)}, "missing: extra"),
        ({"small": None}, "unexpected: small"),
        ({"small": jnp.zeros(3, jnp.int8)}, r"small is int8\[2\], expected int8\[3\]"),
        ({"small": jnp.zeros(2, jnp.int16)}, r"small is int8\[2\], expected int16\[2\]"),
        (
            {"net": [jnp.zeros((3, 3)), jnp.array(True)]},
            r"net/0 is float32\[3, 2\], expected float32\[3, 3\]",
        ),
        ({"key": jax.random.split(jax.random.key(0), 2)}, r"key is uint32\[2\], expected uint32\[2, 2\]"),
    ],
)
def test_a_leaf_that_does_not_fit_is_named(tmp_path, change, message):
    checkpoint.save(tmp_path, tree(), 0, {})
    with pytest.raises(ValueError, match=message):
        checkpoint.load(tmp_path, tree() | change)


def test_a_later_checkpoint_replaces_an_earlier_one(tmp_path):
    checkpoint.save(tmp_path, tree(), 1, {})
    checkpoint.save(tmp_path, tree(2.0), 2, {"which": "second"})
    assert checkpoint.about(tmp_path) == {"which": "second"}
    np.testing.assert_array_equal(checkpoint.load(tmp_path, tree())["net"][0], tree(2.0)["net"][0])
    assert len(list(tmp_path.iterdir())) == 2


def test_a_write_that_fails_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, tree(), 1, {"which": "first"})
    replace = os.replace

    def full_disk(source, target):
        if str(target).endswith(checkpoint.INDEX):
            raise OSError("no space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="no space"):
        checkpoint.save(tmp_path, tree(2.0), 2, {"which": "second"})
    assert checkpoint.about(tmp_path) == {"which": "first"}
    np.testing.assert_array_equal(checkpoint.load(tmp_path, tree())["net"][0], tree()["net"][0])


def test_no_checkpoint_and_another_format_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint in"):
        checkpoint.load(tmp_path, tree())
    checkpoint.save(tmp_path, tree(), 1, {})
    index = json.loads((tmp_path / checkpoint.INDEX).read_text())
    (tmp_path / checkpoint.INDEX).write_text(json.dumps(index | {"format": 99}))
    with pytest.raises(ValueError, match="format 99"):
        checkpoint.about(tmp_path)
