"""Roles of hosts, for measures and attackers that tell a few assets from all other hosts.

Three distinct server hosts of the operational zones are the authentication server, the database and the web
front end. CC4 knows no such thing: the roles are labels, as in ITM-Kitware/jaxborg's ``topology_roles.py``.
Where the two zones have two servers in all, one of their users' hosts has a role too.

The draw is a hash, in integers of 32 bits: the same in NumPy and JAX, in every version of them.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Float32, Shaped, UInt8, UInt32
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.topology import Topology

ROLES = tuple(role.name for role in tuple(T.Role)[1:])
#: Hosts that can have a role: those with an operational technology service.
CANDIDATES = np.flatnonzero(T.HAS_OT)
_ZONES = [slice(T.user_host(zone, 0), T.server_host(zone, T.MAX_SERVERS)) for zone in (T.OZA, T.OZB)]
_SERVER = T.IS_SERVER[CANDIDATES]
_GOLDEN = 0x9E3779B1
_NUMBER = np.arange(1, len(CANDIDATES) + 1, dtype=np.uint32) * np.uint32(_GOLDEN)
# odd weights, one per number that describes a network
_WEIGHTS = np.cumprod(np.full(2 * T.NUM_HOSTS + T.NUM_SUBNETS, _GOLDEN, np.uint32), dtype=np.uint32)


def of_network(
    exists: Bool[Array, "host"], host_address: UInt8[Array, "host"], subnet_address: UInt8[Array, "subnet"]
) -> UInt8[Array, "role"]:
    """The hosts of the roles in a network, fixed by its hosts and their addresses.

    Networks are drawn per episode, and with them the roles. Arguments are fields of
    :class:`~garrison.worlds.cc4.topology.Topology`.
    """
    parts = (exists, jnp.where(exists, host_address, 0), subnet_address)
    facts = jnp.concatenate([jnp.asarray(part).astype(jnp.uint32) for part in parts])
    return drawn(jnp.sum(facts * jnp.asarray(_WEIGHTS), dtype=jnp.uint32), exists)


def by_host(network: Topology) -> UInt8[Array, "host"]:
    """The role of each host, of ``tables.Role``."""
    hosts = of_network(network.host_exists, network.host_address, network.subnet_address)
    return jnp.zeros(T.NUM_HOSTS, jnp.uint8).at[hosts].set(jnp.arange(1, 1 + len(ROLES), dtype=jnp.uint8))


def of_candidates(values: Shaped[Array, "host *rest"]) -> Shaped[Array, "candidate *rest"]:
    """The rows of ``CANDIDATES``, by slices, as XLA makes lookups slower."""
    return jnp.concatenate([values[zone] for zone in _ZONES])


def drawn(seed: UInt32[Array, ""], exists: Bool[Array, "host"]) -> UInt8[Array, "role"]:
    """The hosts of the roles: three of the operational zones' hosts, servers first, in random order."""
    there = of_candidates(exists)
    seed = _mixed(jnp.asarray(seed))
    rank = _mixed(seed ^ jnp.asarray(_NUMBER)) >> jnp.uint32(2)
    rank = rank | jnp.where(_SERVER, jnp.uint32(0), jnp.uint32(1 << 30))
    rank = jnp.where(there, rank, jnp.uint32(0xFFFFFFFF))
    chosen = jnp.argsort(rank)[: len(ROLES)]
    order = jnp.argsort(_mixed(~seed ^ jnp.asarray(_NUMBER[: len(ROLES)])))
    return jnp.asarray(CANDIDATES.astype(np.uint8))[chosen[order]]


def chances(exists: Bool[Array, "host"]) -> Float32[Array, "candidate"]:
    """With what chance a given role falls on each of ``CANDIDATES``, over all draws; the sum is 1."""
    there = of_candidates(exists)
    servers, users = there & _SERVER, there & ~_SERVER
    count = jnp.sum(servers, dtype=jnp.int32)
    roles = jnp.float32(len(ROLES))
    spare = jnp.maximum(roles - count, 0) / roles  # roles that are left to users
    per_user = spare / jnp.maximum(jnp.sum(users, dtype=jnp.int32), 1)
    per_server = (1 - spare) / jnp.maximum(count, 1)
    return jnp.where(servers, per_server, jnp.where(users, per_user, 0)).astype(jnp.float32)


def _mixed(x: UInt32[Array, "*shape"]) -> UInt32[Array, "*shape"]:
    """The finalizer of MurmurHash3, in which every bit of the input changes half of the output's."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = (x ^ (x >> jnp.uint32(shift))) * jnp.uint32(factor)
    return x ^ (x >> jnp.uint32(16))
