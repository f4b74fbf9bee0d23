"""Files written atomically, and JSON read strictly."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any


def write(path: Path, data: str | bytes) -> None:
    """Write a file so that it is either the old one or the new one, never half of it."""
    write_parts(path, [data])


def write_parts(path: Path, parts: Iterable[str | bytes]) -> None:
    """Write parts one after the other, as :func:`write` does; they need not fit into memory together."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            for data in parts:
                file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())  # so that a power cut cannot make the name outlive the contents
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def to_json(data: Any, indent: int | None = 2) -> str:
    """``data`` as JSON text. Numbers that are not finite become null, because JSON has no word for them."""
    return json.dumps(finite(data), indent=indent, allow_nan=False)


def write_json(path: Path, data: Any) -> None:
    """Write ``data`` as JSON with :func:`write`."""
    write(path, to_json(data) + "\n")


def finite(data: Any) -> Any:
    """JSON-ready data with None in place of numbers that are not finite."""
    if isinstance(data, dict):
        return {name: finite(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def read_object(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises ``ValueError`` with the file, what is wrong with it and ``remedy``, and ``FileNotFoundError`` with
    the file and ``remedy``.
    """
    try:
        return parse_object(path.read_bytes())
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path} is missing; {remedy}") from error
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); {remedy}") from error


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Parse a JSON object; ``ValueError`` for other values, repeated names, and what JSON does not allow."""
    try:
        data = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(data, dict):
        raise ValueError(f"it holds {_kind(data)}, expected an object")
    return data


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"repeated: {', '.join(repeated)}")
    return dict(pairs)


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _kind(data: Any) -> str:
    kinds = {list: "a list", str: "a text", bool: "a truth value", int: "a number", float: "a number"}
    return kinds.get(type(data), "null")
