"""What a suite is: data that do not change under a version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

import garrison
from garrison.core.world import World

#: Options of a world that belong to the policies that play, not to the game.
CONTRACT = ("busy", "traffic", "idle", "messages")


@dataclass(frozen=True)
class Entry:
    """A game of a suite.

    Attributes:
        family: entries of a family count together as much as another family does in the mean over the suite.
            None: in no mean, as the returns are those of another mission.
        options: of the world, JSON-ready; ``red`` is one of them.
    """

    name: str
    family: str | None
    options: Mapping[str, Any] = field(default_factory=dict)
    world: str = "cc4"

    @property
    def red(self) -> str | None:
        """The red that the entry names; None for the world's own."""
        return self.options.get("red")

    def make(self, contract: Mapping[str, Any] | None = None) -> World:
        """The world; ``contract`` has options of :data:`CONTRACT`."""
        return garrison.make(self.world, **self.options, **(contract or {}))

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "family": self.family, "world": self.world, "options": dict(self.options)}


@dataclass(frozen=True)
class Suite:
    """Games, and the seeds of the episodes that are played of each.

    Attributes:
        version: another one whenever anything below changes.
        seed: of the first episode of every entry; the others have the seeds that follow.
        episodes: of every entry.
        published: figures of others beside which those of the suite are shown; not a part of its hash.
    """

    name: str
    version: int
    purpose: str
    seed: int
    episodes: int
    entries: tuple[Entry, ...]
    published: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not any(entry.family for entry in self.entries):
            raise ValueError(f"suite {self.name}: no entry has a family, so that there is nothing to average")

    @property
    def seeds(self) -> range:
        return range(self.seed, self.seed + self.episodes)

    @cached_property
    def weights(self) -> dict[str, float]:
        """Weight of each entry in the mean over the suite; 0 without a family."""
        families = [entry.family for entry in self.entries]
        number = len(set(families) - {None})
        return {
            entry.name: 0.0 if entry.family is None else 1 / (number * families.count(entry.family))
            for entry in self.entries
        }

    @cached_property
    def hash(self) -> str:
        """The first 16 digits of the SHA-256 of all that decides what is played.

        That is the suite as JSON and, for each world with :class:`~garrison.worlds.cc4.options.Options`, its
        numbers, into which the definitions of reds go.
        """
        total = hashlib.sha256()
        about = {name: getattr(self, name) for name in ("name", "version", "seed", "episodes")}
        about["entries"] = [entry.to_json() for entry in self.entries]
        total.update(json.dumps(about, sort_keys=True).encode())
        for entry in self.entries:
            total.update(numbers(entry.make()))
        return total.hexdigest()[:16]


def numbers(world: World) -> bytes:
    """The options of a world as bytes, the same on every machine; empty where it has none."""
    found = b""
    for name, value in sorted(vars(getattr(world, "options", None) or object).items()):
        if isinstance(value, (np.ndarray, np.generic)):
            array = np.asarray(value, np.asarray(value).dtype.newbyteorder("<"))
            found += f"{name} {array.dtype.str} {array.shape} ".encode() + array.tobytes()
    return found
