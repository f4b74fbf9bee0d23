"""Processes, pids and listening ports, as far as anything depends on them (§1.4, §4.1, §12).

The process list is not stored. It consists of the services of the topology, the blue and green sessions, red
sessions, decoys and orphaned decoys. A new pid is always the largest on the host plus 1..9, so the order
of all that came after reset is the order of pids.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.core.typing import Array, Bool, Int32, Integer, UInt8
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology


def real_ports(
    topology: Topology, host: Integer[Array, "*where"], ot_stopped: Bool[Array, "*where"]
) -> UInt8[Array, "*where"]:
    """Open ports of the real services on hosts, one bit each (tables.PORTS).

    ``ot_stopped``: the host's OT service is stopped and its port closed.
    """
    kind = topology.service_kind[host]
    ports = jnp.asarray(T.SERVICE_PORT)[kind]
    ports = jnp.where((kind == T.Service.OTSERVICE) & ot_stopped[..., None], 0, ports)
    return or_reduce(ports)


def decoy_ports(state: State, host: Integer[Array, "*where"]) -> UInt8[Array, "*where"]:
    """Open ports of the decoys on hosts, one bit each (tables.PORTS).

    An orphaned Vsftpd has a successor on the same port.
    """
    return or_reduce(jnp.asarray(T.DECOY_PORT)[state.host_decoy[host]])


def or_reduce(bits: Integer[Array, "*where bits"]) -> Integer[Array, "*where"]:
    """Bitwise or over the last axis."""
    return jax.lax.reduce(bits, jnp.zeros((), bits.dtype), jax.lax.bitwise_or, (bits.ndim - 1,))


def count_bits(bits: Integer[Array, "*where"]) -> Int32[Array, "*where"]:
    """Number of set bits."""
    return jax.lax.population_count(bits).astype(jnp.int32)


def decoys_on(state: State, host: Integer[Array, "*where"]) -> Int32[Array, "*where"]:
    """Number of decoy processes on hosts: deployed ones and orphans."""
    return jnp.sum(state.host_decoy[host] > 0, axis=-1, dtype=jnp.int32) + orphans_on(state, host)


def orphans_on(state: State, host: Integer[Array, "*where"]) -> Int32[Array, "*where"]:
    """Number of orphaned decoys on hosts."""
    row = jnp.minimum(jnp.asarray(T.HOST_BLUE)[host], T.NUM_BLUE - 1)
    suspicious = state.suspicious_orphan[row] & (state.suspicious_host[row] == host[..., None])
    return state.host_orphans[host].astype(jnp.int32) + jnp.sum(suspicious, axis=-1, dtype=jnp.int32)


def is_suspicious(
    state: State, host: Integer[Array, "*where"], pid: Integer[Array, "*where"]
) -> Bool[Array, "*where"]:
    """Whether blue's list of suspicious pids contains ``pid`` on ``host``.

    Evaluated when a process starts. While it lives, every new pid on the host is larger, so the list can gain
    this pid by the process's own event only: the result holds for the life of the process.
    """
    blue = jnp.asarray(T.HOST_BLUE)[host]
    row = jnp.minimum(blue, T.NUM_BLUE - 1)
    same_host = state.suspicious_host[row] == host[..., None]
    same_pid = state.suspicious_pid[row] == pid[..., None].astype(jnp.int16)
    return jnp.any(same_host & same_pid, axis=-1) & (blue != T.NO_AGENT)


def static_max_pid(
    topology: Topology, state: State, host: Integer[Array, "*where"]
) -> Int32[Array, "*where"]:
    """Largest pid on hosts apart from those of red sessions.

    It is never an orphan's: the successor of an orphan is younger.
    """
    decoys = jnp.max(state.host_decoy_pid[host], axis=-1)
    return jnp.maximum(topology.base_pid[host], decoys).astype(jnp.int32)
