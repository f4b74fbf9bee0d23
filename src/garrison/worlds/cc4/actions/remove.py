"""Remove (§4.2): stops the processes whose pids blue has seen in events, unless root runs them (Q6–Q8)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.core.typing import Array, Bool
from garrison.worlds.cc4 import sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.blue import BlueContext, BlueEffect
from garrison.worlds.cc4.choose import first
from garrison.worlds.cc4.draws import MAX_REPIDS
from garrison.worlds.cc4.state import State


def remove(context: BlueContext, state: State) -> tuple[State, BlueEffect]:
    """Stop suspicious processes on the hosts of removing agents.

    User-level red sessions and orphaned decoys end. A decoy that a service points to restarts under a new
    pid: that one case depends on the order of the list, see :func:`_restart_decoys`.
    """
    host, acting = context.action.host, context.action.kind == T.Blue.REMOVE
    listed = (state.suspicious_host == host[:, None]) & acting[:, None]
    on_host = sessions.live(state)[1:] & (state.session_host[1:] == host[:, None]) & acting[:, None]
    to_stop = on_host & state.session_suspicious[1:] & (state.session_user[1:] != T.User.ROOT)

    state = _restart_decoys(context, state, listed, on_host, to_stop)
    state = sessions.remove(state, jnp.pad(to_stop, ((1, 0), (0, 0))))
    return state.replace(suspicious_orphan=state.suspicious_orphan & ~listed), BlueEffect()


def _restart_decoys(
    context: BlueContext,
    state: State,
    listed: Bool[Array, "blue entry"],
    on_host: Bool[Array, "blue session"],
    to_stop: Bool[Array, "blue session"],
) -> State:
    """Go down the list of suspicious pids; each decoy found gets the largest remaining pid plus a draw (Q7).

    At an entry of the list, all processes of the host remain except those to stop whose first entry came
    earlier. Hits are rare, so the loop usually ends before its first iteration.

    Args:
        listed: entries of the list that name the removing agent's host.
        on_host: sessions there of the red agent that owns the same subnets.
        to_stop: those of them that Remove ends.
    """
    draws, topology = context.draws, context.topology
    host = jnp.minimum(context.action.host, T.NUM_HOSTS - 1)
    entry_pid = state.suspicious_pid
    fixed = jnp.maximum(topology.base_pid[host], state.host_orphan_pid[host]).astype(jnp.int32)
    orphan_pid = jnp.where(state.suspicious_orphan & listed, entry_pid, 0)
    agents, entry = jnp.arange(T.NUM_BLUE), jnp.arange(T.MAX_SUSPICIOUS)

    def find(pids: Array, start: Array) -> Array:
        """``[blue, entry, decoy]``: entries from ``start`` on that name a decoy's pid."""
        match = (entry_pid[:, :, None] == pids[:, None, :]) & (pids[:, None, :] > 0)
        return match & (listed & (entry[None] >= start[:, None]))[:, :, None]

    def hit(carry: tuple) -> tuple:
        pids, start, hits, match = carry
        agent = first(jnp.any(match, axis=(1, 2)))
        k = first(jnp.any(match[agent], axis=1))
        this = match[agent, k]
        passed = jnp.where(listed[agent] & (entry < k), entry_pid[agent], -1)

        pid = state.session_pid[1:][agent]
        gone = to_stop[agent] & jnp.any(passed[None] == pid[:, None], axis=1)
        largest = jnp.maximum(fixed[agent], jnp.max(jnp.where(this, 0, pids[agent])))
        largest = jnp.maximum(largest, jnp.max(jnp.where(on_host[agent] & ~gone, pid, 0)))
        largest = jnp.maximum(largest, jnp.max(jnp.where(entry >= k, orphan_pid[agent], 0)))
        new = largest + draws.blue_repid[agent, jnp.minimum(hits[agent], MAX_REPIDS - 1)]
        here = agents == agent
        pids = jnp.where(here[:, None] & this[None], new, pids).astype(jnp.int16)
        start, hits = jnp.where(here, k + 1, start), hits + here
        return pids, start, hits, find(pids, start)

    pids = state.host_decoy_pid[host]
    zero = jnp.zeros(T.NUM_BLUE, jnp.int32)
    pids, _, hits, _ = jax.lax.while_loop(
        lambda carry: jnp.any(carry[3]), hit, (pids, zero, zero, find(pids, zero))
    )
    rows = jnp.where(hits > 0, host, T.NUM_HOSTS)
    return state.replace(host_decoy_pid=state.host_decoy_pid.at[rows].set(pids, mode="drop"))
