"""Restore (§4.2): the host returns to its backup at once (Q20); blue's list of pids stays (Q6)."""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core.typing import Array
from garrison.worlds.cc4 import sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.blue import BlueContext, BlueEffect
from garrison.worlds.cc4.choose import is_index
from garrison.worlds.cc4.state import State


def restore(context: BlueContext, state: State) -> tuple[State, BlueEffect]:
    """Put the hosts of restoring agents back as they were at reset."""
    acting = context.action.kind == T.Blue.RESTORE
    target = jnp.where(acting, context.action.host, T.NO_HOST)
    restored = jnp.any(is_index(target, T.NUM_HOSTS), axis=0)
    # on a blue agent's hosts only the red agent of the same subnets has sessions
    lost = state.session_host[1:] == target[:, None]
    state = sessions.drop(state, jnp.pad(lost, ((1, 0), (0, 0))) & sessions.live(state))

    def clear(array: Array, value: int = 0) -> Array:
        mask = restored.reshape(restored.shape + (1,) * (array.ndim - 1))
        return jnp.where(mask, jnp.asarray(value, array.dtype), array)

    state = state.replace(
        host_reliability=clear(state.host_reliability, 100),
        host_ot_stopped=clear(state.host_ot_stopped),
        host_decoy=clear(state.host_decoy),
        host_decoy_pid=clear(state.host_decoy_pid),
        host_network_events=clear(state.host_network_events),
        host_process_events=clear(state.host_process_events),
        host_cmd_files=clear(state.host_cmd_files),
        host_escalate_files=clear(state.host_escalate_files),
        host_orphans=clear(state.host_orphans),
        host_orphan_pid=clear(state.host_orphan_pid),
        suspicious_orphan=state.suspicious_orphan & (state.suspicious_host != target[:, None]),
    )
    return state, BlueEffect()
