"""Changes of a program for the time of a test: functions with pieces of their text replaced.

The pieces are taken literally. Whoever rewrites a function finds, by an error that quotes the piece, which
tests rely on it.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any


@dataclass(frozen=True)
class Change:
    """What is done to the engine: an attribute set, or an option of the world given; and how it reads."""

    text: str
    patch: Callable[[], tuple[Any, str, Any]] | None = None  # -> object, attribute, value
    options: Mapping[str, Any] | None = None


def edit(function: Callable, *pieces: tuple[str, str]) -> Change:
    """A function with pieces ``(old, new)`` of its text replaced; the first place where each stands."""
    name = f"{function.__module__.removeprefix('garrison.worlds.')}.{function.__qualname__}"
    text = "; ".join(f"{' '.join(old.split())} → {' '.join(new.split()) or 'nothing'}" for old, new in pieces)
    function = inspect.unwrap(function)  # tests wrap all functions, to check shapes
    return Change(f"{name}: {text}", lambda: (function, "__code__", _edited(function, pieces)))


def _edited(function: Callable, pieces: tuple[tuple[str, str], ...]) -> CodeType:
    """Code that the function can have in place of its own, so that all who hold the function see it."""
    source = textwrap.dedent(inspect.getsource(function))
    for old, new in pieces:
        if old not in source:
            raise ValueError(f"{function.__module__}.{function.__qualname__} has no {old!r} any more")
        source = source.replace(old, new, 1)
    made: dict[str, Any] = {}
    exec(compile(source, f"<wrong {function.__qualname__}>", "exec"), function.__globals__, made)
    return made[function.__name__].__code__
