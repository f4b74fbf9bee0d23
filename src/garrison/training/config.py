"""What a training is: a world, an algorithm with its hyperparameters, and seeds."""

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
    """Seed of everything random; of the first team, where there are several."""
    seeds: int = 1
    """Teams to train side by side, with the seeds from `seed` on."""
    at_once: int | None = None
    """Teams to train at a time; None stands for as many as fit into memory. Their number decides rounding."""
    keep_every: int | None = None
    """Keep a checkpoint for good after every so many iterations."""
    sinks: tuple[str, ...] = ()
    """Where metrics go as well: tensorboard, wandb."""
    ippo: IPPO = IPPO()
    """Hyperparameters."""

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Training:
        """Read what :meth:`to_json` gave. Raises ``ValueError`` naming fields that are missing or unknown."""
        ippo = _fields(IPPO, data.get("ippo", {}), "ippo.")
        return Training(**{**_fields(Training, data, ""), "ippo": IPPO(**ippo)})

    def check(self) -> None:
        """Raise ``ValueError`` for what does not make sense in any world."""
        if self.seeds < 1:
            raise ValueError(f"seeds is {self.seeds}; it must be at least 1")
        if self.at_once is not None and not 1 <= self.at_once <= self.seeds:
            raise ValueError(f"at_once is {self.at_once}; it must be from 1 to seeds, {self.seeds}, or None")
        if self.keep_every is not None and self.keep_every < 1:
            raise ValueError(f"keep_every is {self.keep_every}; it must be at least 1, or None")


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
