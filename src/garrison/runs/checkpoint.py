"""Trees of arrays on disk: safetensors for the arrays, JSON for the rest, nothing that runs code.

A checkpoint is a directory with ``checkpoint.json`` and the arrays file that it names. Writing is atomic: the
arrays come first under a new name, and replacing ``checkpoint.json`` is what makes them the checkpoint.

``checkpoint.json`` holds a SHA-256 digest of each array, the generator of each random key, and a digest of
itself. All are checked on load: a checkpoint that was altered raises :class:`Damaged`. Format 1, without
digests and generators, is still read.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy

from garrison.core.files import parse_object, to_json, write

Tree = TypeVar("Tree")

FORMAT = 2
INDEX = "checkpoint.json"

_FIELDS = {
    1: {"format", "arrays", "step", "about"},
    2: {"format", "arrays", "step", "about", "keys", "digests", "digest"},
}
_SHOWN = 3  # arrays named in a message
_WORDS = {2: "threefry2x32", 4: "rbg"}  # generator by words per key, for format 1


class Damaged(ValueError):
    """A file of a checkpoint does not hold what was saved."""


def save(directory: Path, tree: Any, step: int, about: dict[str, Any]) -> None:
    """Save all leaves of ``tree``, with the JSON-ready ``about``; ``step`` numbers the checkpoint.

    A checkpoint that was in the directory before is replaced.
    """
    directory.mkdir(parents=True, exist_ok=True)
    name = f"arrays-{step:08d}.safetensors"
    leaves = _leaves(tree)
    arrays = {path: np.asarray(_raw(leaf), order="C") for path, leaf in leaves.items()}
    write(directory / name, safetensors.numpy.save(arrays))
    index = {
        "format": FORMAT,
        "arrays": name,
        "step": step,
        "about": about,
        "keys": {path: str(jax.random.key_impl(leaf)) for path, leaf in leaves.items() if _is_key(leaf)},
        "digests": {path: digest(array) for path, array in arrays.items()},
    }
    index = json.loads(to_json(index))
    write(directory / INDEX, to_json(index | {"digest": _digest_of_index(index)}) + "\n")
    for old in directory.glob("arrays-*.safetensors"):
        if old.name != name:
            old.unlink()


def about(directory: Path) -> dict[str, Any]:
    """The ``about`` of :func:`save`. Raises ``FileNotFoundError`` for a missing checkpoint."""
    return _index(directory)["about"]


def load(directory: Path, like: Tree) -> Tree:
    """Load a tree of the structure, shapes and dtypes of ``like`` (arrays, or the result of ``eval_shape``).

    Random keys keep the generator that they were saved with, which may differ from that of ``like``.

    Raises ``FileNotFoundError`` for a missing checkpoint, :class:`Damaged` if a file was altered, and
    ``ValueError`` naming each leaf that is missing, unexpected, or of another shape or dtype.
    """
    index, saved = _read(directory)
    generators = index.get("keys", {})
    wanted = _leaves(like)
    wrong = [f"missing: {name}" for name in wanted if name not in saved]
    wrong += [f"unexpected: {name}" for name in saved if name not in wanted]
    loaded = {}
    for name in wanted.keys() & saved.keys():
        have, want = saved[name], wanted[name]
        if _is_key(want):
            loaded[name] = have = _wrapped(have, generators.get(name))
            fits = have is not None and have.shape == want.shape
        else:
            loaded[name] = jax.numpy.asarray(have)
            fits = (have.shape, have.dtype) == (want.shape, want.dtype)
        if not fits:
            wrong.append(f"{name} is {_shape(saved[name])}, expected {_shape(want)}")
    if wrong:
        raise ValueError(f"the checkpoint in {directory} does not fit: " + "; ".join(sorted(wrong)))
    return jax.tree.unflatten(jax.tree.structure(like), [loaded[name] for name in wanted])


def arrays(directory: Path) -> dict[str, np.ndarray]:
    """All arrays of a checkpoint by path, such as ``net/trunk/0/weight``, their digests checked.

    Raises as :func:`load` does.
    """
    return _read(directory)[1]


def _read(directory: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    index = _index(directory)
    if not (directory / index["arrays"]).exists():
        index = _index(directory)  # a process that trains the run has just replaced both files
    saved = _read_arrays(directory / index["arrays"])
    if index["format"] == 1:
        return index, saved
    digests = index["digests"]
    wrong = [name for name in sorted(digests.keys() | saved.keys()) if _altered(name, saved, digests)]
    if wrong:
        names = ", ".join(wrong[:_SHOWN]) + (" …" if len(wrong) > _SHOWN else "")
        differ = "differs" if len(wrong) == 1 else "differ"
        raise Damaged(f"{directory / index['arrays']} is damaged: {names} {differ} from what was saved")
    return index, saved


def is_sound(directory: Path) -> bool:
    """Whether the files of a checkpoint can be read and match their digests."""
    try:
        arrays(directory)
    except (ValueError, OSError):
        return False
    return True


def digest(array: np.ndarray) -> str:
    """SHA-256 of an array: dtype, shape and contents."""
    head = f"{array.dtype.str}{list(array.shape)}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()


def _altered(name: str, saved: dict[str, np.ndarray], digests: dict[str, str]) -> bool:
    return name not in saved or name not in digests or digest(saved[name]) != digests[name]


def _digest_of_index(index: dict[str, Any]) -> str:
    rest = {name: value for name, value in index.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise Damaged(f"the checkpoint in {path.parent} lacks its file {path.name}")
    try:
        return safetensors.numpy.load(path.read_bytes())
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{path} is damaged ({error})") from error


def _index(directory: Path) -> dict[str, Any]:
    path = directory / INDEX
    try:
        index = parse_object(path.read_bytes())
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no checkpoint in {directory}: it has no {INDEX}") from error
    except ValueError as error:
        raise Damaged(f"{path} is damaged ({error})") from error
    version = index.get("format")
    if version not in (1, FORMAT) or isinstance(version, bool):
        raise ValueError(f"{path} has format {version!r}; this version reads the formats 1 and {FORMAT}")
    wrong = [f"{name} is missing" for name in sorted(_FIELDS[version] - index.keys())]
    wrong += [f"{name} is unexpected" for name in sorted(index.keys() - _FIELDS[version])]
    if not wrong and version == FORMAT and index["digest"] != _digest_of_index(index):
        wrong.append("its contents do not match their digest")
    if not wrong:
        wrong = _wrong_types(index)
    if wrong:
        raise Damaged(f"{path} is damaged ({'; '.join(wrong)})")
    return index


def _wrong_types(index: dict[str, Any]) -> list[str]:
    kinds = {"arrays": str, "step": int, "about": dict, "keys": dict, "digests": dict}
    wrong = [name for name, kind in kinds.items() if name in index and not isinstance(index[name], kind)]
    if "arrays" not in wrong and Path(index["arrays"]).name != index["arrays"]:
        wrong.append("arrays")
    return [f"{name} is {index[name]!r}" for name in wrong]


def _leaves(tree: Any) -> dict[str, Any]:
    """The leaves by path, such as ``net/trunk/0/weight``, in the order of the tree."""
    paths = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in paths}


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _raw(leaf: jax.Array) -> np.ndarray:
    """A leaf as plain numbers; a random key as the integers it is made of."""
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _shape(leaf: Any) -> str:
    leaf = jax.eval_shape(jax.random.key_data, leaf) if _is_key(leaf) else leaf
    return f"{leaf.dtype}{list(leaf.shape)}"


def _wrapped(words: np.ndarray, generator: str | None) -> jax.Array | None:
    """Random keys from their words; None if that is not what the words are."""
    generator = generator or _WORDS.get(words.shape[-1] if words.ndim else 0)
    try:
        return jax.random.wrap_key_data(jax.numpy.asarray(words), impl=generator)
    except (TypeError, ValueError):
        return None
