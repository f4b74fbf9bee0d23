"""Short names of CC4's zones, hosts and agents, and how names that a model writes are read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from garrison.worlds.cc4 import tables as T

#: Short names of zones, by generation index.
ZONES = ("RZA", "OZA", "RZB", "OZB", "CON", "PAZ", "ADM", "OFF", "INT")
AGENTS = tuple(f"B{i}" for i in range(T.NUM_BLUE)) + tuple(f"R{i}" for i in range(T.NUM_RED))
PHASES = ("A", "B", "C")


def _hosts() -> tuple[str, ...]:
    parts = ["r"] + [f"u{i}" for i in range(T.MAX_USERS)] + [f"s{i}" for i in range(T.MAX_SERVERS)]
    return (*(f"{zone}-{part}" for zone in ZONES[: T.NUM_ZONES] for part in parts), "INT-r")


#: Short names of host slots.
HOSTS = _hosts()

_BY_NAME = {
    "zone": {n.lower(): i for names in (ZONES, T.SUBNETS) for i, n in enumerate(names)},
    "host": {n.lower(): i for names in (HOSTS, T.HOST_NAMES) for i, n in enumerate(names)},
    "agent": {n.lower(): i for names in (AGENTS, T.BLUE_AGENTS + T.RED_AGENTS) for i, n in enumerate(names)},
}
_SHORT = {"zone": ZONES, "host": HOSTS, "agent": AGENTS}


def index_of(kind: str, name: str) -> int | None:
    """The index of a short or long name in any case; None for an unknown one.

    Args:
        kind: ``"zone"``, ``"host"`` (a slot) or ``"agent"`` (a position on the world's agent axis).
    """
    return _BY_NAME[kind].get(name.strip().lower())


def closest(kind: str, name: str, among: Iterable[int]) -> list[str]:
    """The up to three short names, of the indices ``among``, that are most like ``name``."""
    short = [_SHORT[kind][i] for i in among]
    number = index_of(kind, name)  # a long name is compared by its short one
    asked = (_SHORT[kind][number] if number is not None else name).upper()
    by_upper = {one.upper(): one for one in short}
    return [by_upper[one] for one in difflib.get_close_matches(asked, list(by_upper), n=3, cutoff=0.0)]
