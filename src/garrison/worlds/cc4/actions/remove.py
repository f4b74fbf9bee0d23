"""Remove (§4.2): stops the processes whose pids blue has seen in events, unless root runs them (Q6–Q8)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.worlds.cc4 import sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.draws import MAX_REPIDS, Draws
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology


def remove(draws: Draws, topology: Topology, state: State, acting: jax.Array, host: jax.Array) -> State:
    """Stop suspicious processes on the hosts ``uint8[blue]`` of the ``acting`` agents.

    User-level red sessions and orphaned decoys go. A decoy that a service points to comes back under a new
    pid: that one case depends on the order of the list, see :func:`_restart_decoys`.
    """
    listed = (state.suspicious_host == host[:, None]) & acting[:, None]
    on_host = sessions.live(state)[1:] & (state.session_host[1:] == host[:, None]) & acting[:, None]
    doomed = on_host & state.session_suspicious[1:] & (state.session_user[1:] != T.User.ROOT)
    orphan = (state.orphan_host == host[:, None]) & acting[:, None]

    state = _restart_decoys(draws, topology, state, host, listed, on_host, doomed, orphan)
    state = sessions.remove(state, jnp.pad(doomed, ((1, 0), (0, 0))))
    stopped = orphan & state.orphan_suspicious
    return state.replace(orphan_host=jnp.where(stopped, T.NO_HOST, state.orphan_host).astype(jnp.uint8))


def _restart_decoys(
    draws: Draws,
    topology: Topology,
    state: State,
    host: jax.Array,
    listed: jax.Array,
    on_host: jax.Array,
    doomed: jax.Array,
    orphan: jax.Array,
) -> State:
    """Walk down the list of suspicious pids; each decoy found gets the largest pid left plus a draw (Q7).

    What is left on the host at an entry of the list: everything but the doomed whose first entry came
    before. Hits are rare, so the loop nearly always ends before its first turn.
    """
    host = jnp.minimum(host, T.NUM_HOSTS - 1)
    entry = jnp.arange(T.MAX_SUSPICIOUS)
    entry_pid = state.suspicious_pid
    base = topology.base_pid[host].astype(jnp.int32)
    agents = jnp.arange(T.NUM_BLUE)

    def find(pids: jax.Array, start: jax.Array) -> jax.Array:
        """``bool[blue, entry, decoy]``: entries from ``start`` on that name a decoy's pid."""
        match = (entry_pid[:, :, None] == pids[:, None, :]) & (pids[:, None, :] > 0)
        return match & (listed & (entry[None] >= start[:, None]))[:, :, None]

    def left_at(k: jax.Array, present: jax.Array, doomed: jax.Array, pid: jax.Array) -> jax.Array:
        """Largest pid of the ``present`` that no entry before ``k`` has removed."""
        passed = jnp.where(listed & (entry[None] < k[:, None]), entry_pid, -1)
        gone = doomed & jnp.any(passed[:, None, :] == pid[:, :, None], axis=2)
        return jnp.max(jnp.where(present & ~gone, pid, 0), axis=1).astype(jnp.int32)

    def hit(carry: tuple) -> tuple:
        pids, start, hits, match = carry
        found = jnp.any(match, axis=2)
        k = jnp.argmax(found, axis=1)
        any_hit = jnp.any(found, axis=1)
        this = match[agents, k] & any_hit[:, None]
        largest = jnp.maximum(base, jnp.max(jnp.where(this, 0, pids), axis=1))
        largest = jnp.maximum(largest, left_at(k, on_host, doomed, state.session_pid[1:]))
        largest = jnp.maximum(largest, left_at(k, orphan, state.orphan_suspicious, state.orphan_pid))
        delta = draws.blue_repid[agents, jnp.minimum(hits, MAX_REPIDS - 1)]
        pids = jnp.where(this, (largest + delta)[:, None], pids).astype(jnp.int16)
        start, hits = jnp.where(any_hit, k + 1, T.MAX_SUSPICIOUS), hits + any_hit
        return pids, start, hits, find(pids, start)

    pids = state.host_decoy_pid[host]
    zero = jnp.zeros(T.NUM_BLUE, jnp.int32)
    pids, _, hits, _ = jax.lax.while_loop(
        lambda carry: jnp.any(carry[3]), hit, (pids, zero, zero, find(pids, zero))
    )
    rows = jnp.where(hits > 0, host, T.NUM_HOSTS)
    return state.replace(host_decoy_pid=state.host_decoy_pid.at[rows].set(pids, mode="drop"))
