"""Blue actions: decoding of action indices, and what all of blue's actions read and return (§4.2, §7.1)."""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Int, UInt8
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import bounded
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.topology import Topology


class BlueAction(Struct):
    """Decoded blue actions."""

    kind: UInt8[Array, "blue"]  # tables.Blue
    host: UInt8[Array, "blue"]  # NO_HOST where the kind has none
    source: UInt8[Array, "blue"]  # subnet of traffic actions, NO_SUBNET for other kinds
    target: UInt8[Array, "blue"]  # likewise


class BlueContext(Struct):
    """What blue's actions of one step read besides the state."""

    draws: Draws
    topology: Topology
    action: BlueAction  # that executes in this step; Sleep for busy agents


class BlueEffect(Struct):
    """What a blue action did, besides the new state."""

    failed: Bool[Array, "blue"] | None = None  # None: the action never fails


def decode(topology: Topology, index: Int[Array, "blue"]) -> BlueAction:
    """Look up action indices. Outside the list, and on hosts that do not exist: Sleep."""
    index = bounded(index, T.MAX_BLUE_ACTIONS)
    rows = jnp.asarray(T.BLUE_ACTIONS)
    entry = rows[jnp.arange(T.NUM_BLUE), jnp.minimum(index, T.MAX_BLUE_ACTIONS - 1)]
    host = entry[:, 1]
    absent = (host != T.NO_HOST) & ~topology.host_exists[jnp.minimum(host, T.NUM_HOSTS - 1)]
    sleep = (index == T.MAX_BLUE_ACTIONS) | absent
    return BlueAction(
        kind=jnp.where(sleep, T.Blue.SLEEP, entry[:, 0]).astype(jnp.uint8),
        host=jnp.where(sleep, T.NO_HOST, host).astype(jnp.uint8),
        source=entry[:, 2],
        target=entry[:, 3],
    )
