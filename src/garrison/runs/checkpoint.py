"""Trees of arrays on disk: safetensors for the arrays, JSON beside them, nothing that runs code.

A checkpoint is a directory with ``checkpoint.json`` and the arrays file that it names. Writing is atomic: the
arrays come first under a new name, and replacing ``checkpoint.json`` is what makes them the checkpoint.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
import safetensors.numpy

from garrison.core.files import write

Tree = TypeVar("Tree")

FORMAT = 1
INDEX = "checkpoint.json"


def save(directory: Path, tree: Any, step: int, about: dict[str, Any]) -> None:
    """Save all leaves of ``tree``, with the JSON-ready ``about``; ``step`` numbers the checkpoint.

    A checkpoint that was in the directory before is replaced.
    """
    directory.mkdir(parents=True, exist_ok=True)
    name = f"arrays-{step:08d}.safetensors"
    arrays = {path: np.asarray(_raw(leaf), order="C") for path, leaf in _leaves(tree).items()}
    write(directory / name, safetensors.numpy.save(arrays))
    index = {"format": FORMAT, "arrays": name, "step": step, "about": about}
    write(directory / INDEX, json.dumps(index, indent=2) + "\n")
    for old in directory.glob("arrays-*.safetensors"):
        if old.name != name:
            old.unlink()


def about(directory: Path) -> dict[str, Any]:
    """What ``save`` was given as ``about``. Raises ``FileNotFoundError`` if there is no checkpoint."""
    return _index(directory)["about"]


def load(directory: Path, like: Tree) -> Tree:
    """Load a tree of the structure, shapes and dtypes of ``like`` (arrays, or the result of ``eval_shape``).

    Raises ``FileNotFoundError`` if there is no checkpoint, and ``ValueError`` naming each leaf that is
    missing, that is too many, or whose shape or dtype is another.
    """
    saved = _arrays(directory / _index(directory)["arrays"])
    wanted = _leaves(like)
    wrong = [f"missing: {name}" for name in wanted if name not in saved]
    wrong += [f"unexpected: {name}" for name in saved if name not in wanted]
    for name in wanted.keys() & saved.keys():
        have, want = saved[name], _raw_shape(wanted[name])
        if (have.shape, have.dtype) != (want.shape, want.dtype):
            wrong.append(f"{name} is {have.dtype}{list(have.shape)}, expected {want.dtype}{list(want.shape)}")
    if wrong:
        raise ValueError(f"the checkpoint in {directory} does not fit: " + "; ".join(sorted(wrong)))
    leaves = [_restore(saved[name], leaf) for name, leaf in wanted.items()]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise FileNotFoundError(f"the checkpoint in {path.parent} lacks its file {path.name}")
    try:
        return safetensors.numpy.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}); use another checkpoint of the run") from error


def _index(directory: Path) -> dict[str, Any]:
    path = directory / INDEX
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint in {directory}: it has no {INDEX}")
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); use another checkpoint of the run") from error
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        index = index if isinstance(index, dict) else {}
        raise ValueError(f"{path} has format {index.get('format')!r}; this version reads format {FORMAT}")
    return index


def _leaves(tree: Any) -> dict[str, Any]:
    """The leaves by path, such as ``net/trunk/0/weight``, in the order of the tree."""
    paths = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in paths}


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _raw(leaf: jax.Array) -> np.ndarray:
    """A leaf as plain numbers; a random key as the integers it is made of."""
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _raw_shape(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.eval_shape(jax.random.key_data, leaf) if _is_key(leaf) else leaf


def _restore(data: np.ndarray, like: Any) -> jax.Array:
    return jax.random.wrap_key_data(data) if _is_key(like) else jax.numpy.asarray(data)
