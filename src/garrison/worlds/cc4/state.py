"""The state that changes in a step: one flat struct of small integers, about 16 KB per environment.

Axes: ``host`` 137 fixed slots (:mod:`tables`), ``blue`` 5, ``red`` 6, ``session`` a table of slots per red
agent, ``subnet`` 9 in generation order. Blue and green sessions never change (Restore puts the same objects
back, Q20), so they live in :class:`~garrison.worlds.cc4.topology.Topology`.

Order matters in CybORG wherever a choice is drawn over a dictionary. It is kept as tickets, not as positions:
``session_order`` rises with insertion. The memory of scripted reds is not part of the engine's state:
:class:`~garrison.worlds.cc4.agents.fsm.FsmMemory`.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.struct import struct
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import is_index
from garrison.worlds.cc4.topology import Topology

NO_RANK = 255


@struct
class State:
    """The state of one CC4 episode between two steps."""

    step: jax.Array  # int16[]: steps done
    phase: jax.Array  # uint8[]: mission phase of the last step (§6.1)
    blocked: jax.Array  # bool[subnet to, subnet from] (§2.3)
    overflow: jax.Array  # uint8[]: bits of tables.Overflow; never set in ordinary play

    # hosts (§2.1)
    host_reliability: jax.Array  # uint8[host, 9]: per cent; real services, then decoys, as slots stand
    host_ot_stopped: jax.Array  # bool[host]: Impact stopped the OT service
    host_decoy: jax.Array  # uint8[host, 4]: tables.Decoy in order of deployment, 0 = free
    host_decoy_pid: jax.Array  # int16[host, 4]: process behind the decoy's service entry
    host_network_events: jax.Array  # int16[host]: in the last step; since the start where no blue looks
    host_process_events: jax.Array  # int16[host]: likewise
    host_cmd_files: jax.Array  # uint8[host]: copies of cmd.sh, one per successful exploit
    host_escalate_files: jax.Array  # uint8[host]: copies of escalate.sh, one per escalation

    # Vsftpd processes replaced by a newer one, still listening (Q16), that are not on blue's list: only
    # Restore ends them, so their number and largest pid suffice
    host_orphans: jax.Array  # uint8[host]
    host_orphan_pid: jax.Array  # int16[host]

    # pids of process events that blue has seen, in order, never forgotten (Q6)
    suspicious_host: jax.Array  # uint8[blue, entry]: NO_HOST = free
    suspicious_pid: jax.Array  # int16[blue, entry]
    suspicious_orphan: jax.Array  # bool[blue, entry]: the first entry of a replaced Vsftpd that still runs

    # red sessions (§2.2)
    session_kind: jax.Array  # uint8[red, session]: tables.Session, 0 = free slot
    session_id: jax.Array  # uint8[red, session]
    session_host: jax.Array  # uint8[red, session]
    session_pid: jax.Array  # int16[red, session]
    session_user: jax.Array  # uint8[red, session]: tables.User
    session_order: jax.Array  # int16[red, session]: ticket of insertion into CybORG's map
    session_parent: jax.Array  # bool[red, session]: has a parent session
    session_suspicious: jax.Array  # bool[red, session]: blue's list holds its pid, Remove would find it

    # ports that a session remembers from its last scan of a target (Q18)
    scan_session: jax.Array  # uint8[red, scan]: session slot, NO_HOST = free
    scan_host: jax.Array  # uint8[red, scan]
    scan_ports: jax.Array  # uint8[red, scan]: bits of tables.PORTS

    # red agents
    red_active: jax.Array  # bool[red]: has a session since the end of the last step (§3.3)
    red_session_count: jax.Array  # int16[red]: CybORG's counter, which Restore does not lower (§2.2)
    red_next_order: jax.Array  # int16[red]: next ticket for session_order
    red_known_session: jax.Array  # uint8[red, id]: rank of first sight, NO_RANK = never seen (Q10)
    red_known_subnet: jax.Array  # bool[red, subnet] (§2.4)
    red_known_ip: jax.Array  # bool[red, host]
    red_known_hostname: jax.Array  # bool[red, host]

    # actions in progress (§3.2): ticks 0 = none
    blue_action: jax.Array  # int16[blue]: index into the agent's action list
    blue_ticks: jax.Array  # uint8[blue]
    red_kind: jax.Array  # uint8[red]: tables.Red
    red_host: jax.Array  # uint8[red]: target, NO_HOST = none
    red_subnet: jax.Array  # uint8[red]: target of DiscoverRemoteSystems
    red_session: jax.Array  # uint8[red]: source session id
    red_hostname: jax.Array  # uint8[red]: host named by a Withdraw, else the target
    red_ticks: jax.Array  # uint8[red]

    # report to each red agent at the end of the last step (§4.5)
    seen_kind: jax.Array  # uint8[red]: the action whose result it got, SLEEP = none
    seen_outcome: jax.Array  # uint8[red]: tables.Outcome of that action
    seen_host: jax.Array  # uint8[red]: its target
    seen_subnet: jax.Array  # uint8[red]
    seen_order: jax.Array  # uint8[red, host]: tables.ReportPlace of the host's entry, 0 = not reported
    seen_hostname: jax.Array  # bool[red, host]: the entry names the host
    seen_session: jax.Array  # bool[red, host]: the entry lists a session


def initial_state(topology: Topology) -> State:
    """The state at reset (§1.7, §3.1): red_agent_0 on its starting host, everything else untouched."""
    red, hosts = T.NUM_RED, T.NUM_HOSTS
    first = jnp.arange(red) == 0
    known = is_index(jnp.asarray(topology.red_start), hosts)
    start = first[:, None] & known
    home = jnp.asarray(T.HOST_SUBNET)[topology.red_start]
    rank = jnp.where(first[:, None] & (jnp.arange(T.MAX_SESSION_ID) == 0)[None], 0, NO_RANK)
    return State(
        step=_zeros(jnp.int16),
        phase=_zeros(jnp.uint8),
        blocked=_zeros(bool, T.NUM_SUBNETS, T.NUM_SUBNETS),
        overflow=_zeros(jnp.uint8),
        **_untouched_hosts(),
        **_first_session(topology, first),
        scan_session=jnp.full((red, T.MAX_SCANS), T.NO_HOST, jnp.uint8),
        scan_host=_zeros(jnp.uint8, red, T.MAX_SCANS),
        scan_ports=_zeros(jnp.uint8, red, T.MAX_SCANS),
        red_active=first,
        red_session_count=first.astype(jnp.int16),
        red_next_order=first.astype(jnp.int16),
        red_known_session=rank.astype(jnp.uint8),
        red_known_subnet=is_index(home, T.NUM_SUBNETS),
        red_known_ip=known,
        red_known_hostname=known,
        **_no_actions(),
        seen_kind=_zeros(jnp.uint8, red),
        seen_outcome=_zeros(jnp.uint8, red),
        seen_host=_zeros(jnp.uint8, red),
        seen_subnet=_zeros(jnp.uint8, red),
        seen_order=jnp.where(start, T.ReportPlace.OWN, T.ReportPlace.NONE).astype(jnp.uint8),
        seen_hostname=start,
        seen_session=start,
    )


def _zeros(dtype: Any, *shape: int) -> jax.Array:
    return jnp.zeros(shape, dtype)


def _untouched_hosts() -> dict[str, jax.Array]:
    """The fields ``host_*`` and ``suspicious_*`` at reset."""
    hosts, listed = T.NUM_HOSTS, (T.NUM_BLUE, T.MAX_SUSPICIOUS)
    return {
        "host_reliability": jnp.full((hosts, T.NUM_REAL + T.NUM_DECOYS), 100, jnp.uint8),
        "host_ot_stopped": _zeros(bool, hosts),
        "host_decoy": _zeros(jnp.uint8, hosts, T.NUM_DECOYS),
        "host_decoy_pid": _zeros(jnp.int16, hosts, T.NUM_DECOYS),
        "host_network_events": _zeros(jnp.int16, hosts),
        "host_process_events": _zeros(jnp.int16, hosts),
        "host_cmd_files": _zeros(jnp.uint8, hosts),
        "host_escalate_files": _zeros(jnp.uint8, hosts),
        "host_orphans": _zeros(jnp.uint8, hosts),
        "host_orphan_pid": _zeros(jnp.int16, hosts),
        "suspicious_host": jnp.full(listed, T.NO_HOST, jnp.uint8),
        "suspicious_pid": _zeros(jnp.int16, *listed),
        "suspicious_orphan": _zeros(bool, *listed),
    }


def _first_session(topology: Topology, first: jax.Array) -> dict[str, jax.Array]:
    """The fields ``session_*`` at reset: one session of the ``first`` red agent ``bool[red]``."""
    slot = first[:, None] & (jnp.arange(T.MAX_SESSIONS) == 0)[None]

    def table(dtype: Any, value: Any = 0) -> jax.Array:
        return jnp.where(slot, jnp.asarray(value).astype(dtype), jnp.zeros((), dtype))

    return {
        "session_kind": table(jnp.uint8, T.Session.ABSTRACT),
        "session_id": table(jnp.uint8),
        "session_host": table(jnp.uint8, topology.red_start[0]),
        "session_pid": table(jnp.int16, topology.red_start_pid),
        "session_user": table(jnp.uint8, T.User.UBUNTU),
        "session_order": table(jnp.int16),
        "session_parent": table(bool),
        "session_suspicious": table(bool),
    }


def _no_actions() -> dict[str, jax.Array]:
    """The fields of actions in progress at reset."""
    names = ("red_kind", "red_host", "red_subnet", "red_session", "red_hostname", "red_ticks")
    return {
        "blue_action": _zeros(jnp.int16, T.NUM_BLUE),
        "blue_ticks": _zeros(jnp.uint8, T.NUM_BLUE),
        **{name: _zeros(jnp.uint8, T.NUM_RED) for name in names},
    }
