"""What blue agents can remember of their own acts: the observation contract ``recall`` (§7.6).

It is ``rich`` followed by each host's last Restore and Remove, and what red did since. An agent of the
challenge can keep that by itself. A red agent that lost its last session to a Restore believes that it holds
the host until it acts from another one (Q1), so what is worth doing about a new session there depends on it.
"""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, UInt8
from garrison.worlds.cc4 import rich
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.topology import Topology

CONTRACTS = ("recall", "true")  #: those whose observations have it
OF_HOST = (
    "restored",
    "had root when it was restored",
    "age of the last Restore",
    "age of the last Remove",
    "red acted elsewhere since it was restored",
)
START = rich.SIZE  # index of the first host's first feature
OBSERVATION_SIZES = tuple(START + len(OF_HOST) * 16 * len(s) for s in T.BLUE_SUBNETS)
SIZE = max(OBSERVATION_SIZES)
AGES = (2, 3)  #: indices of ages in :data:`OF_HOST`
_SAME_OWNER = T.HOST_BLUE[:, None] == T.HOST_BLUE[None]


class Recall(Struct):
    """What the blue agents remember of their acts, one entry per host: each has at most one owner."""

    restored: Bool[Array, "*env host"]
    had_root: Bool[Array, "*env host"]  # an Analyse had found root when it was restored last
    restored_age: UInt8[Array, "*env host"]  # steps since, 0..OLDEST
    removed_age: UInt8[Array, "*env host"]  # steps since the last Remove, 0..OLDEST
    elsewhere: Bool[Array, "*env host"]  # since the last Restore, red acted from another host of its owner


def initial() -> Recall:
    """Before any act."""
    never, old = jnp.zeros(T.NUM_HOSTS, bool), jnp.full(T.NUM_HOSTS, rich.OLDEST, jnp.uint8)
    return Recall(restored=never, had_root=never, restored_age=old, removed_age=old, elsewhere=never)


def remember(recall: Recall, before: rich.BlueMemory, events: Events) -> Recall:
    """After a step; ``before`` is what the agents knew before it.

    Blue acts first, so what red does in the step of a Restore is after it.
    """
    restored = rich.carried_out(events, T.Blue.RESTORE)
    ever = recall.restored | restored
    acted = (rich.reported(events) & rich.SOURCE) > 0
    elsewhere = jnp.sum(_SAME_OWNER & acted[None], axis=1) > acted
    return Recall(
        restored=ever,
        had_root=jnp.where(restored, (before.analysis & rich.ROOT) > 0, recall.had_root),
        restored_age=rich.aged(recall.restored_age, restored),
        removed_age=rich.aged(recall.removed_age, rich.carried_out(events, T.Blue.REMOVE)),
        elsewhere=ever & ((recall.elsewhere & ~restored) | elsewhere),
    )


def recall_vectors(
    vectors: Float32[Array, "blue 892"], topology: Topology, recall: Recall
) -> Float32[Array, "blue 1132"]:
    """Observations under ``recall``, from the rich ones."""
    ages = (recall.restored_age, recall.removed_age)
    columns = [
        recall.restored,
        recall.had_root,
        *(age.astype(jnp.float32) / rich.OLDEST for age in ages),
        recall.elsewhere,
    ]
    hosts = rich.by_agent(topology, columns).reshape(T.NUM_BLUE, -1)
    return jnp.concatenate([vectors, hosts], axis=1)


def labels(agent: int) -> list[str]:
    """Names of the elements from :data:`START` on, in index order."""
    return rich.host_labels(agent, OF_HOST)
