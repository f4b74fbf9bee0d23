"""DeployDecoy (§4.2): never fails, because Vsftpd tests port 21 and opens 80 (Q16)."""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core.typing import Array, Bool, Int16, Int32, Integer
from garrison.worlds.cc4 import processes, sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.blue import BlueContext, BlueEffect
from garrison.worlds.cc4.choose import first, is_index, nth
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology

# the port that each of tables.Decoy[1:] needs free to be a candidate; nothing ever opens Vsftpd's 21
_NEEDS_FREE = (T.PORT_WEB, T.PORT_TLS, T.PORT_MAIL, 0)


def deploy(context: BlueContext, state: State) -> tuple[State, BlueEffect]:
    """Start one compatible decoy, chosen at random, on the host of each deploying agent."""
    draws, topology = context.draws, context.topology
    acting = context.action.kind == T.Blue.DECOY
    row = jnp.minimum(context.action.host, T.NUM_HOSTS - 1)
    ports = processes.real_ports(topology, row, state.host_ot_stopped[row])
    ports = ports | processes.decoy_ports(state, row)
    fits = (ports[:, None] & jnp.array([_NEEDS_FREE], jnp.uint8)) == 0
    kind = 1 + nth(fits, draws.blue_decoy)

    pid = (_max_pid(topology, state, row) + draws.blue_pid).astype(jnp.int16)
    kinds, pids = state.host_decoy[row], state.host_decoy_pid[row]
    again = kinds == kind[:, None]  # the service entry exists and gets the new process
    slot = jnp.where(jnp.any(again, axis=1), jnp.argmax(again, axis=1), jnp.argmax(kinds == 0, axis=1))
    state = _orphan(
        state, acting & jnp.any(again, axis=1), row, processes.or_reduce(jnp.where(again, pids, 0))
    )

    rows = jnp.where(acting, row, T.NUM_HOSTS)
    state = state.replace(
        host_decoy=state.host_decoy.at[rows, slot].set(kind.astype(jnp.uint8), mode="drop"),
        host_decoy_pid=state.host_decoy_pid.at[rows, slot].set(pid, mode="drop"),
        host_reliability=state.host_reliability.at[rows, T.NUM_REAL + slot].set(jnp.uint8(100), mode="drop"),
    )
    return state, BlueEffect()


def _max_pid(topology: Topology, state: State, host: Integer[Array, "blue"]) -> Int32[Array, "blue"]:
    here = sessions.live(state)[1:] & (state.session_host[1:] == host[:, None])
    session = jnp.max(jnp.where(here, state.session_pid[1:], 0), axis=1).astype(jnp.int32)
    return jnp.maximum(processes.static_max_pid(topology, state, host), session)


def _orphan(
    state: State, enable: Bool[Array, "blue"], host: Integer[Array, "blue"], pid: Int16[Array, "blue"]
) -> State:
    """Record the process ``pid`` on ``host`` to which no service entry points any more."""
    listed = (state.suspicious_host == host[:, None]) & (state.suspicious_pid == pid[:, None])
    suspicious = jnp.any(listed, axis=1)
    entry = (enable & suspicious)[:, None] & is_index(first(listed), T.MAX_SUSPICIOUS)
    full = enable & ~suspicious & (state.host_orphans[host] == T.MAX_ORPHANS)
    quiet = jnp.where(enable & ~suspicious & ~full, host, T.NUM_HOSTS)
    return state.replace(
        suspicious_orphan=state.suspicious_orphan | entry,
        host_orphans=state.host_orphans.at[quiet].add(jnp.uint8(1), mode="drop"),
        host_orphan_pid=state.host_orphan_pid.at[quiet].set(pid, mode="drop"),  # the youngest so far
        overflow=state.overflow | (jnp.any(full) * T.Overflow.ORPHANS).astype(jnp.uint8),
    )
