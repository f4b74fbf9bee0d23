"""What a training is: a world, an algorithm with its hyperparameters, and a seed."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import garrison
from garrison.algos.ippo import IPPO
from garrison.core.world import World


@dataclass(frozen=True)
class Training:
    """All that has to be known to repeat a training."""

    world: str = "cc4"
    """Name of the world; `garrison worlds` lists them."""
    options: tuple[str, ...] = ()
    """Options of the world, as in red=discovery."""
    seed: int = 0
    """Seed of everything random."""
    ippo: IPPO = IPPO()
    """Hyperparameters."""

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Training:
        """Read what :meth:`to_json` gave. Raises ``ValueError`` naming fields that are missing or unknown."""
        ippo = _fields(IPPO, data.get("ippo", {}), "ippo.")
        return Training(**{**_fields(Training, data, ""), "ippo": IPPO(**ippo)})


def _fields(cls: type, data: dict[str, Any], prefix: str) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(cls)}
    wrong = [f"missing: {prefix}{name}" for name in sorted(names - data.keys())]
    wrong += [f"unexpected: {prefix}{name}" for name in sorted(data.keys() - names)]
    if wrong:
        raise ValueError("the configuration does not fit: " + "; ".join(wrong))
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}


def make_world(name: str, options: tuple[str, ...]) -> World:
    """Make a world with options written ``name=value``; a value is read as JSON if it can be, else as text.

    Raises ``ValueError`` for an option not so written, and for what :func:`garrison.make` does not know.
    """
    parsed = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not (key and equals):
            raise ValueError(
                f"option {option!r} of world {name!r} is not written name=value, as in red=discovery"
            )
        parsed[key] = _value(value)
    return garrison.make(name, **parsed)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
