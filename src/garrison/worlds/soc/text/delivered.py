"""Which tokens reached blue between two states."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables.tokens import FIELD_BITS


class Entry(NamedTuple):
    """One token: what a sensor recorded, where and when."""

    type: int  # of tables.tokens.Token, as the next two of Process and User
    process: int
    user: int
    port: int  # class, or NO_PORT
    host: int  # slot where it was recorded
    other: int  # slot of the other end; NO_HOST: the internet, or none
    recorded: int  # batch
    delivered: int  # batch


def entry(what: int, where: int, recorded: int, delivered: int) -> Entry:
    """The token of packed words, as the ring holds them."""
    fields = []
    for width in FIELD_BITS:
        fields.append(what & (1 << width) - 1)
        what >>= width
    type, process, user, port = fields
    return Entry(type, process, user, port, where & 255, where >> 8 & 255, recorded, delivered)


def batches(state: Any) -> int:
    """Number of the last batch that happened."""
    return int(state.batch_next) // L.BATCH_MS - 1


def delivered(static: Static, before: Any, after: Any, agent: int | None = None) -> list[Entry]:
    """Tokens that were delivered between two states in NumPy, of adjacent steps, in order.

    Args:
        agent: number of a blue agent, for those of its own hosts; None: all.

    An entry that came and was overwritten within the same step is missing, which needs more tokens in a step
    than the ring holds.
    """
    first, last = batches(before), batches(after)
    if first == last:
        return []
    owner = layout(static).owner
    found: set[tuple[int, ...]] = set()
    for ring in (before, after):
        due = (ring.ring_what & 31 > 0) & (ring.ring_deliver > first) & (ring.ring_deliver <= last)
        for slot in np.flatnonzero(due).tolist():
            host = int(ring.ring_where[slot]) & 255
            if agent is None or owner[host] == agent:
                words = (ring.ring_what, ring.ring_where, ring.ring_recorded, ring.ring_deliver)
                found.add((slot, *(int(word[slot]) for word in words)))
    entries = [entry(*words) for _, *words in sorted(found)]
    return sorted(entries, key=lambda one: (one.delivered, one.recorded, one))
