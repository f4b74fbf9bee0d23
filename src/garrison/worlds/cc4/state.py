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

import jax.numpy as jnp

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Int16, UInt8
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import is_index
from garrison.worlds.cc4.topology import Topology

NO_RANK = 255


class State(Struct):
    """The state of one CC4 episode between two steps."""

    step: Int16[Array, "*env"]  # steps done
    phase: UInt8[Array, "*env"]  # mission phase of the last step (§6.1)
    blocked: Bool[Array, "*env to_subnet from_subnet"]  # (§2.3)
    overflow: UInt8[Array, "*env"]  # bits of tables.Overflow; never set in ordinary play

    # hosts (§2.1)
    host_reliability: UInt8[Array, "*env host 9"]  # per cent; real services, then decoys, as slots stand
    host_ot_stopped: Bool[Array, "*env host"]  # Impact stopped the OT service
    host_decoy: UInt8[Array, "*env host 4"]  # tables.Decoy in order of deployment, 0 = free
    host_decoy_pid: Int16[Array, "*env host 4"]  # process behind the decoy's service entry
    host_network_events: Int16[Array, "*env host"]  # in the last step; since the start where no blue looks
    host_process_events: Int16[Array, "*env host"]  # likewise
    host_cmd_files: UInt8[Array, "*env host"]  # copies of cmd.sh, one per successful exploit
    host_escalate_files: UInt8[Array, "*env host"]  # copies of escalate.sh, one per escalation

    # Vsftpd processes replaced by a newer one, still listening (Q16), that are not on blue's list: only
    # Restore ends them, so their number and largest pid suffice
    host_orphans: UInt8[Array, "*env host"]
    host_orphan_pid: Int16[Array, "*env host"]

    # pids of process events that blue has seen, in order, never forgotten (Q6)
    suspicious_host: UInt8[Array, "*env blue entry"]  # NO_HOST = free
    suspicious_pid: Int16[Array, "*env blue entry"]
    suspicious_orphan: Bool[Array, "*env blue entry"]  # the first entry of a replaced Vsftpd that still runs

    # red sessions (§2.2)
    session_kind: UInt8[Array, "*env red session"]  # tables.Session, 0 = free slot
    session_id: UInt8[Array, "*env red session"]
    session_host: UInt8[Array, "*env red session"]
    session_pid: Int16[Array, "*env red session"]
    session_user: UInt8[Array, "*env red session"]  # tables.User
    session_order: Int16[Array, "*env red session"]  # ticket of insertion into CybORG's map
    session_parent: Bool[Array, "*env red session"]  # has a parent session
    session_suspicious: Bool[Array, "*env red session"]  # blue's list holds its pid, Remove would find it

    # ports that a session remembers from its last scan of a target (Q18)
    scan_session: UInt8[Array, "*env red scan"]  # session slot, NO_HOST = free
    scan_host: UInt8[Array, "*env red scan"]
    scan_ports: UInt8[Array, "*env red scan"]  # bits of tables.PORTS

    # red agents
    red_active: Bool[Array, "*env red"]  # has a session since the end of the last step (§3.3)
    red_session_count: Int16[Array, "*env red"]  # CybORG's counter, which Restore does not lower (§2.2)
    red_next_order: Int16[Array, "*env red"]  # next ticket for session_order
    red_known_session: UInt8[Array, "*env red id"]  # rank of first sight, NO_RANK = never seen (Q10)
    red_known_subnet: Bool[Array, "*env red subnet"]  # (§2.4)
    red_known_ip: Bool[Array, "*env red host"]
    red_known_hostname: Bool[Array, "*env red host"]

    # actions in progress (§3.2): ticks 0 = none
    blue_action: Int16[Array, "*env blue"]  # index into the agent's action list
    blue_ticks: UInt8[Array, "*env blue"]
    red_kind: UInt8[Array, "*env red"]  # tables.Red
    red_host: UInt8[Array, "*env red"]  # target, NO_HOST = none
    red_subnet: UInt8[Array, "*env red"]  # target of DiscoverRemoteSystems
    red_session: UInt8[Array, "*env red"]  # source session id
    red_hostname: UInt8[Array, "*env red"]  # host named by a Withdraw, else the target
    red_ticks: UInt8[Array, "*env red"]

    # report to each red agent at the end of the last step (§4.5)
    seen_kind: UInt8[Array, "*env red"]  # the action whose result it got, SLEEP = none
    seen_outcome: UInt8[Array, "*env red"]  # tables.Outcome of that action
    seen_host: UInt8[Array, "*env red"]  # its target
    seen_subnet: UInt8[Array, "*env red"]
    seen_order: UInt8[Array, "*env red host"]  # tables.ReportPlace of the host's entry, 0 = not reported
    seen_hostname: Bool[Array, "*env red host"]  # the entry names the host
    seen_session: Bool[Array, "*env red host"]  # the entry lists a session


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


def _zeros(dtype: Any, *shape: int) -> Array:
    return jnp.zeros(shape, dtype)


def _untouched_hosts() -> dict[str, Array]:
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


def _first_session(topology: Topology, first: Bool[Array, "red"]) -> dict[str, Array]:
    """The fields ``session_*`` at reset: one session of the ``first`` red agent."""
    slot = first[:, None] & (jnp.arange(T.MAX_SESSIONS) == 0)[None]

    def table(dtype: Any, value: Any = 0) -> Array:
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


def _no_actions() -> dict[str, Array]:
    """The fields of actions in progress at reset."""
    names = ("red_kind", "red_host", "red_subnet", "red_session", "red_hostname", "red_ticks")
    return {
        "blue_action": _zeros(jnp.int16, T.NUM_BLUE),
        "blue_ticks": _zeros(jnp.uint8, T.NUM_BLUE),
        **{name: _zeros(jnp.uint8, T.NUM_RED) for name in names},
    }
