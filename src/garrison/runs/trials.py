"""The trials of a sweep: a training with some fields changed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST_NAME = 150  # characters; file systems allow 255


@dataclass(frozen=True)
class Trial:
    """A training with some fields changed; values as they stand on the command line."""

    name: str
    overrides: dict[str, str]


def plan(grid: Iterable[str], listed: Iterable[Mapping[str, Any]]) -> list[Trial]:
    """All trials: each combination of the grid's values with each of the listed overrides.

    Args:
        grid: fields with their values, as in ``"learning_rate=1e-3,3e-4"``; values of several words are
            separated by spaces, as in ``"hidden_sizes=64 64,256 256"``.
        listed: fields with JSON values.

    Raises ``ValueError`` for other text, for a field that is given twice, and for equal trials.
    """
    axes: dict[str, list[str]] = {}
    for text in grid:
        field, values = _axis(text)
        if field in axes:
            raise ValueError(f"{field} is in the grid twice")
        axes[field] = values
    listed = [{_field(name): _words(value) for name, value in overrides.items()} for overrides in listed]
    combinations = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    every = []
    for first, second in itertools.product(combinations, listed or [{}]):
        if twice := sorted(first.keys() & second.keys()):
            raise ValueError(f"{', '.join(twice)} is both in the grid and in the list")
        every.append(first | second)
    fields = varied(every)
    names = [_name_of({field: x[field] for field in fields if field in x}) for x in every]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two trials are the same: {name}")
    return [Trial(name, overrides) for name, overrides in zip(names, every, strict=True)]


def varied(every: Sequence[Mapping[str, str]]) -> list[str]:
    """Fields that differ between overrides, in the order in which they first occur."""
    fields = dict.fromkeys(field for overrides in every for field in overrides)
    return [field for field in fields if len({overrides.get(field) for overrides in every}) > 1]


def _name_of(overrides: Mapping[str, str]) -> str:
    """A name for people and file systems, as in ``"learning_rate=1e-3,hidden_sizes=64x64"``."""
    parts = (f"{field}={value.replace('/', '-').replace(' ', 'x')}" for field, value in overrides.items())
    name = ",".join(parts) or "preset"
    if len(name) > LONGEST_NAME:
        raise ValueError(f"a trial's name is too long ({len(name)} characters, of {LONGEST_NAME}): {name}")
    return name


def _axis(text: str) -> tuple[str, list[str]]:
    field, equals, values = text.partition("=")
    if not (field and equals and values):
        raise ValueError(f"{text!r} in the grid is not written as in learning_rate=1e-3,3e-4")
    return _field(field), [_words(value.strip()) for value in values.split(",")]


def _field(name: str) -> str:
    return name.strip().replace("-", "_")


def _words(value: Any) -> str:
    """A JSON value as on the command line."""
    if isinstance(value, list):
        return " ".join(_words(x) for x in value)
    if isinstance(value, dict):
        raise ValueError(f"{json.dumps(value)} is not a value of a field; write its fields one by one")
    return value if isinstance(value, str) else str(value)


def flags(overrides: Mapping[str, str]) -> list[str]:
    """Overrides as arguments of a command, as in ``["--hidden-sizes", "64", "64", "--no-anneal-lr"]``."""
    found = []
    for field, value in overrides.items():
        flag = field.replace("_", "-")
        if value.lower() in ("true", "false"):
            found.append(f"--{flag}" if value.lower() == "true" else f"--no-{flag}")
        else:
            found += [f"--{flag}", *value.split()]
    return found
