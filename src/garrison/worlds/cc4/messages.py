"""What blue agents send to each other: the world option ``messages`` (§7.5).

Each agent sends 8 bits with its action, made from what it observed and did itself. The others read them in
the observation that follows.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Int32, UInt8
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.observe import zone_hosts
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology

#: ``"action8"``: the action that occupies the agent; ``"state2"``: whether any of its hosts has a process
#: event, and a network event; ``"state8"``: how many have
MESSAGES = ("none", "action8", "state2", "state8")

_OWN = T.SUBNET_BLUE[: T.NUM_ZONES] == np.arange(T.NUM_BLUE)[:, None]  # [blue, zone]
_PLACES = np.arange(T.MESSAGE_BITS - 1, -1, -1)  # the most significant bit first


def sent(kind: str, topology: Topology, before: State, after: State) -> UInt8[Array, "blue 8"]:
    """The bits that the agents send in a step, the most significant first.

    Args:
        kind: of :data:`MESSAGES`, except ``"none"``.
        before: the state whose flags the agents saw when they chose.
        after: the state after the step, which has the actions that they are occupied with.
    """
    if kind == "action8":
        number = after.blue_action.astype(jnp.int32) + 1
    else:
        process = _flagged(topology, before.host_process_events > 0)
        network = _flagged(topology, before.host_network_events > 0)
        if kind == "state2":
            number = 128 * (process > 0) + 64 * (network > 0)
        else:
            number = 16 * jnp.minimum(process, 15) + jnp.minimum(network, 15)
    return ((number[:, None] >> _PLACES[None]) & 1).astype(jnp.uint8)


def _flagged(topology: Topology, flags: Bool[Array, "host"]) -> Int32[Array, "blue"]:
    """How many of its hosts each agent sees with a flag."""
    by_zone = jnp.sum(zone_hosts(flags & topology.host_exists), axis=1, dtype=jnp.int32)
    return jnp.sum(jnp.where(_OWN, by_zone[None], 0), axis=1, dtype=jnp.int32)
