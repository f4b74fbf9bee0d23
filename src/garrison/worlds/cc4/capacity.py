"""The engine's bounded lists: how large they are, and how full they are in a state."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Int16, Int32
from garrison.worlds.cc4 import draws as D
from garrison.worlds.cc4 import sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.state import State

#: size of each bounded list; the first five set a flag of tables.Overflow when they overflow
CAPACITY = {
    "sessions of a red agent": T.MAX_SESSIONS,
    "session ids of a red agent": T.MAX_SESSION_ID,
    "scans remembered by a red agent": T.MAX_SCANS,
    "suspicious pids of a blue agent": T.MAX_SUSPICIOUS,
    "orphaned decoys on a host, not suspicious": T.MAX_ORPHANS,
    "suspicious pids that name a decoy, of a blue agent": D.MAX_REPIDS,
    "new sessions in a step, those given away twice": T.MAX_REASSIGNED,
    "sessions of a red agent so far": np.iinfo(np.int16).max,
    "network events on a host": np.iinfo(np.int16).max,
    "copies of cmd.sh on a host": np.iinfo(np.uint8).max,
    "copies of escalate.sh on a host": np.iinfo(np.uint8).max,
}


def used(tickets: Int16[Array, "red"], state: State) -> Int32[Array, "list"]:
    """Entries in use of each bounded list, in the order of :data:`CAPACITY`.

    Args:
        tickets: ``red_next_order`` of the state one step earlier.
        state: of one environment.
    """
    live = sessions.live(state)
    listed = state.suspicious_host != T.NO_HOST
    decoy_pids = state.host_decoy_pid[jnp.minimum(state.suspicious_host, T.NUM_HOSTS - 1)]
    names_decoy = listed & jnp.any(decoy_pids == state.suspicious_pid[:, :, None], axis=2)
    entries = {
        "sessions of a red agent": jnp.sum(live, axis=1),
        "session ids of a red agent": jnp.where(live, state.session_id.astype(jnp.int32) + 1, 0),
        "scans remembered by a red agent": jnp.sum(state.scan_session != T.NO_HOST, axis=1),
        "suspicious pids of a blue agent": jnp.sum(listed, axis=1),
        "orphaned decoys on a host, not suspicious": state.host_orphans,
        "suspicious pids that name a decoy, of a blue agent": jnp.sum(names_decoy, axis=1),
        "new sessions in a step, those given away twice": jnp.sum(state.red_next_order - tickets),
        "sessions of a red agent so far": state.red_next_order,
        "network events on a host": state.host_network_events,
        "copies of cmd.sh on a host": state.host_cmd_files,
        "copies of escalate.sh on a host": state.host_escalate_files,
    }
    return jnp.stack([jnp.max(entries[name]).astype(jnp.int32) for name in CAPACITY])
