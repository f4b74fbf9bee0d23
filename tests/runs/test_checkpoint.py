"""Checkpoints: what goes in comes out, what does not fit is named, a broken write leaves the old one."""

import contextlib
import json
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

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


def test_keys_keep_their_generator(tmp_path):
    for generator in ("threefry2x32", "rbg"):
        keys = {"key": jax.random.split(jax.random.key(3, impl=generator), 2)}
        checkpoint.save(tmp_path, keys, 0, {})
        loaded = checkpoint.load(tmp_path, {"key": jax.random.split(jax.random.key(0), 2)})["key"]
        assert loaded.dtype == keys["key"].dtype
        np.testing.assert_array_equal(jax.random.bits(loaded[1]), jax.random.bits(keys["key"][1]))


def as_format_1(directory):
    """Rewrite a checkpoint as the first format had it."""
    index = json.loads((directory / checkpoint.INDEX).read_text())
    old = {name: index[name] for name in ("arrays", "step", "about")} | {"format": 1}
    (directory / checkpoint.INDEX).write_text(json.dumps(old))


@pytest.mark.parametrize("generator", ["threefry2x32", "rbg"])
def test_the_first_format_is_read(tmp_path, generator):
    keys = {"key": jax.random.key(3, impl=generator)}
    checkpoint.save(tmp_path, keys, 0, {"iteration": 3})
    as_format_1(tmp_path)
    assert checkpoint.about(tmp_path) == {"iteration": 3}
    assert checkpoint.load(tmp_path, {"key": jax.random.key(0)})["key"] == keys["key"]


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    changed[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def junk(data: bytes, rng: np.random.Generator) -> bytes:
    start, length = int(rng.integers(len(data))), min(64, len(data))
    return data[:start] + rng.bytes(length) + data[start + length :]


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data)))]


def same(left, right) -> bool:
    pairs = zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)
    raw = ((checkpoint._raw(a), checkpoint._raw(b)) for a, b in pairs)
    return all(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in raw)


def test_no_damage_is_loaded_silently(tmp_path):
    """Flipped bits, junk, files cut short and files of another checkpoint, 240 times."""
    rng, like = np.random.default_rng(0), tree()
    checkpoint.save(tmp_path / "a", tree(), 1, {"iteration": 1, "settings": {"gamma": 0.99}})
    checkpoint.save(tmp_path / "b", tree(2.0), 2, {"iteration": 2, "settings": {"gamma": 0.99}})
    index, arrays = tmp_path / "a" / checkpoint.INDEX, tmp_path / "a" / "arrays-00000001.safetensors"
    sound = {path: path.read_bytes() for path in (index, arrays)}
    other = {index: tmp_path / "b" / checkpoint.INDEX, arrays: tmp_path / "b" / "arrays-00000002.safetensors"}
    harms = [flip, junk, cut, lambda data, rng: other[path].read_bytes()]
    refused = 0
    for number in range(240):
        path = (index, arrays)[number % 2]
        path.write_bytes(harms[number // 2 % len(harms)](sound[path], rng))
        loaded, about = None, None
        with contextlib.suppress(ValueError, FileNotFoundError):
            loaded, about = checkpoint.load(tmp_path / "a", like), checkpoint.about(tmp_path / "a")
        if loaded is None:
            refused += 1
        else:
            assert same(loaded, tree())
            assert about == {"iteration": 1, "settings": {"gamma": 0.99}}
        path.write_bytes(sound[path])
    assert refused > 200
    assert same(checkpoint.load(tmp_path / "a", like), tree())


def test_the_damaged_array_is_named(tmp_path):
    checkpoint.save(tmp_path, tree(), 1, {})
    path = tmp_path / "arrays-00000001.safetensors"
    arrays = safetensors.numpy.load_file(path)
    safetensors.numpy.save_file(arrays | {"small": arrays["small"] + 1}, path)
    with pytest.raises(checkpoint.Damaged, match=r"arrays-00000001.* is damaged: small differs from what"):
        checkpoint.load(tmp_path, tree())
    assert not checkpoint.is_sound(tmp_path)


@pytest.mark.parametrize("name", ["arrays", "step", "about", "keys", "digests", "digest"])
def test_a_field_that_is_missing_is_named(tmp_path, name):
    checkpoint.save(tmp_path, tree(), 1, {})
    index = json.loads((tmp_path / checkpoint.INDEX).read_text())
    del index[name]
    (tmp_path / checkpoint.INDEX).write_text(json.dumps(index))
    with pytest.raises(checkpoint.Damaged, match=rf"checkpoint\.json is damaged \({name} is missing\)"):
        checkpoint.load(tmp_path, tree())
