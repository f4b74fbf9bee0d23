"""Roles of three hosts in the operational zones, which some reds look for (§1.8)."""

from __future__ import annotations

from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, UInt8, UInt32
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import pick
from garrison.worlds.cc4.draws import to_uniform
from garrison.worlds.cc4.topology import Topology

_PLACES = np.flatnonzero(T.HAS_OT)  # hosts that can have one
_ROLES = tuple(T.Role)[1:]
_ORDERS = np.array(list(permutations(_ROLES)), np.uint8)


def of(network: Topology) -> UInt8[Array, "host"]:
    """The role of each host, of ``tables.Role``: three different servers of the operational zones at random.

    Where these have two servers only, a user host gets the third role. The network alone decides, so that
    a network that is played again has the same roles.
    """
    u = to_uniform(jax.random.bits(jax.random.key(_digest(network)), (_PLACES.size + 1,), jnp.uint32))
    exists = jnp.asarray(network.host_exists)[_PLACES]
    later = jnp.where(exists, 0.0, 2.0) + np.where(T.IS_SERVER[_PLACES], 0, 1).astype(np.float32)
    chosen = jnp.asarray(_PLACES)[jnp.argsort(u[1:] + later)[: len(_ROLES)]]
    order = jnp.asarray(_ORDERS)[pick(u[0], jnp.int32(len(_ORDERS)))]
    return jnp.zeros(T.NUM_HOSTS, jnp.uint8).at[chosen].set(order)


def _digest(network: Topology) -> UInt32[Array, ""]:
    """A number that differs between networks: of the processes and addresses of all hosts."""
    words = jnp.concatenate(
        [jnp.ravel(network.service_pid), jnp.ravel(network.host_address).astype(jnp.int16)]
    )
    factor = np.arange(words.size, dtype=np.uint32) * np.uint32(2654435761) | np.uint32(1)
    return jnp.sum(words * factor, dtype=jnp.uint32)
