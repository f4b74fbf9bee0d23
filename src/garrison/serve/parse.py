"""JSON from clients: bounded in size, depth and number of values, and strict."""

from __future__ import annotations

import json
import math
from typing import Any

from garrison.serve.settings import Limits


class Refused(ValueError):
    """A frame that is not carried out; ``code`` is one of OpenEnv's."""

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.details = code, message, details

    def row(self) -> dict[str, Any]:
        """The error as JSON-ready data."""
        return {"message": self.message, "code": self.code, **self.details}


def parse(text: str | bytes, limits: Limits) -> dict[str, Any]:
    """The JSON object in a frame.

    Raises:
        Refused: ``INVALID_JSON`` for what is no JSON or has numbers that are not finite, ``VALIDATION_ERROR``
            for other values than objects, and for what exceeds a limit.
    """
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > limits.frame_bytes:
        raise Refused("VALIDATION_ERROR", f"{size} bytes; at most {limits.frame_bytes} are read")
    try:
        value = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise Refused("VALIDATION_ERROR", f"nested deeper than {limits.depth}") from None
    except ValueError as error:
        raise Refused("INVALID_JSON", f"invalid JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refused("VALIDATION_ERROR", "expected an object")
    _check(value, limits)
    return value


def _check(value: Any, limits: Limits) -> None:
    left, layer = limits.nodes, [value]
    for _ in range(limits.depth + 1):
        left -= len(layer)
        if left < 0:
            raise Refused("VALIDATION_ERROR", f"more than {limits.nodes} values")
        for one in layer:
            if isinstance(one, float) and not math.isfinite(one):  # such as 1e999
                raise Refused("INVALID_JSON", "invalid JSON: a number is not finite")
            if isinstance(one, str):
                _check_text(one)
            elif isinstance(one, dict):
                for name in one:
                    _check_text(name)
        layer = [
            child
            for one in layer
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
        ]
        if not layer:
            return
    raise Refused("VALIDATION_ERROR", f"nested deeper than {limits.depth}")


def _check_text(text: str) -> None:
    """Refuse halves of characters, which no UTF-8 text can hold, so that every answer can be sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("INVALID_JSON", "invalid JSON: half of a surrogate pair") from None


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def to_text(data: Any) -> str:
    """JSON as it is sent."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False)
