"""Figures of episodes on both engines, a line each.

A file has the episodes of one blue policy against one red. So a study can be stopped, extended, and split
over several machines. A line names its policy, world and versions; lines that do not belong together are
refused."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from garrison.core.files import write
from garrison.judge.behavior import by_kind
from garrison.judge.evaluate import Episodes

ENGINES = ("garrison", "cyborg")
#: fields that all lines of a file have in common, and fields that all lines of one engine have
_SHARED = ("policy", "player", "red", "world", "cc4")
_OF_ENGINE = ("version",)
_FIGURES = ("seed", "score", "length", "parts", "decisions")

#: a line: _SHARED, ``engine``, _OF_ENGINE and _FIGURES
Row = dict[str, Any]


def fingerprint(policy: Any) -> str:
    """16 digits of the SHA-256 of a policy's parameters, or of its source if it has none.

    Comments and layout of the source do not matter.
    """
    total = hashlib.sha256()
    arrays = [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(policy, eqx.is_array))]
    for array in arrays:
        total.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    if not arrays:
        module: Any = inspect.getmodule(type(policy))
        total.update(ast.unparse(ast.parse(inspect.getsource(module))).encode())
    rest = eqx.filter(policy, eqx.is_array, inverse=True)
    total.update(re.sub(r" at 0x[0-9a-f]+", "", repr(rest)).encode())  # addresses of functions
    return total.hexdigest()[:16]


def figures(episodes: Episodes, episode: int) -> dict[str, Any]:
    """FIGURES of an episode of the only policy, without the seed.

    ``parts`` are lists ``[phase]``, ``decisions`` is the list of counts by kind of action.
    """
    return {
        "score": float(episodes.scores[0, episode]),
        "length": int(episodes.lengths[0, episode]),
        "parts": {name: part[0, episode].tolist() for name, part in episodes.parts.items()},
        "decisions": by_kind(episodes.decisions)[0, episode].tolist(),
    }


def file_of(folder: Path, policy: str, red: str) -> Path:
    return folder / f"{re.sub(r'[^A-Za-z0-9_-]+', '_', policy).strip('_')}-{red}.jsonl"


def append(path: Path, rows: Iterable[Row]) -> None:
    """Append lines. An incomplete last line is dropped first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write("".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode())


def read(path: Path) -> list[Row]:
    """The lines of a file, one per engine and seed; empty if there is no such file.

    Raises:
        ValueError: for a damaged line, and for lines that do not belong together; names the file.
    """
    if not path.exists():
        return []
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    rows = [_parsed(path, number, line) for number, line in enumerate(whole.splitlines(), start=1)]
    check(path, rows)
    first: dict[tuple[str, int], Row] = {}
    for row in rows:
        first.setdefault((row["engine"], row["seed"]), row)
    return list(first.values())


def _parsed(path: Path, number: int, line: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(
            f"{path}, line {number} is damaged: {error}; delete the line, and the same "
            "command plays its episode again"
        ) from error
    wanted = ("engine", *_SHARED, *_OF_ENGINE, *_FIGURES)
    missing = [name for name in wanted if name not in row] if isinstance(row, dict) else wanted
    if missing:
        raise ValueError(
            f"{path}, line {number} is not an episode: {', '.join(missing)} missing; delete the line"
        )
    return row


def check(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Raise ``ValueError`` unless all lines are of one policy, world and version of each engine."""
    first: dict[tuple[str, ...], Any] = {}
    for row in rows:
        for key in [(name,) for name in _SHARED] + [(name, row["engine"]) for name in _OF_ENGINE]:
            value = row[key[0]]
            if first.setdefault(key, value) != value:
                raise ValueError(
                    f"{path} would mix episodes of different {' of '.join(key)}: {first[key]} and {value}; "
                    "use another --out, or delete the file"
                )


def read_folder(folder: Path) -> dict[tuple[str, str], list[Row]]:
    """All files of a folder, by policy and red.

    Raises ``ValueError`` as :func:`read`, and if files are of different versions.
    """
    found = {path: rows for path in sorted(folder.glob("*.jsonl")) if (rows := read(path))}
    versions: dict[str, tuple[Path, str]] = {}
    for path, rows in found.items():
        for what, version in {
            pair for r in rows for pair in ((r["engine"], r["version"]), ("cc4", r["cc4"]))
        }:
            other, first = versions.setdefault(what, (path, version))
            if version != first:
                raise ValueError(
                    f"{path} has episodes of {what} {version}, and {other} of {first}; use another --out"
                )
    return {(rows[0]["policy"], rows[0]["red"]): rows for rows in found.values()}


def merge(folder: Path, other: Path) -> int:
    """Add the episodes of another folder; returns the number of new ones.

    Raises ``ValueError`` if it has none, or episodes that do not belong to this folder.
    """
    paths = sorted(other.glob("*.jsonl"))
    if not paths:
        raise ValueError(f"{other} has no episodes (*.jsonl)")
    new = 0
    for path in paths:
        target, rows = folder / path.name, read(path)
        there = read(target)
        check(path, [*there, *rows])
        known = {(row["engine"], row["seed"]) for row in there}
        fresh = [row for row in rows if (row["engine"], row["seed"]) not in known]
        folder.mkdir(parents=True, exist_ok=True)
        write(target, "".join(json.dumps(row) + "\n" for row in [*there, *fresh]))
        new += len(fresh)
    return new
