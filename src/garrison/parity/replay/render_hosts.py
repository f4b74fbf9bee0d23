"""Our hosts in the compared form: services, processes, session ids, events, files."""

from __future__ import annotations

from collections import defaultdict
from operator import itemgetter
from typing import Any

import numpy as np

from garrison.parity.recording.network import Names
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology

_PROCESS_TYPES = ("", "SSH", "UNKNOWN", "WEBSERVER", "MYSQL", "SMTP")  # by tables.Service
_DECOY_TYPES = ("", "WEBSERVER", "WEBSERVER", "SMTP", "WEBSERVER")  # by tables.Decoy
_ORPHAN = ("ubuntu", "WEBSERVER", True)  # user, type and decoy of a replaced Vsftpd
PORTS_BY_BITS = [
    sorted(p for i, p in enumerate(T.PORTS) if bits >> i & 1) for bits in range(1 << len(T.PORTS))
]


def _listener(pid: int, user: str, kind: str, decoy: bool, port_bits: int) -> list:
    return [pid, user, kind, decoy, PORTS_BY_BITS[port_bits]]


def _shell(pid: int, user: str) -> list:
    """The process of a session. CybORG notes a type for some of them, which nothing reads."""
    return [pid, user, None, False, []]


class HostRenderer:
    """Renders the hosts of one network.

    Args:
        blue_ids: id of blue's session by host slot.
    """

    def __init__(self, topology: Topology, names: Names, blue_ids: dict[int, int]):
        self._topology, self._names, self._blue_ids = topology, names, blue_ids
        self._services = [self._real_services(h) for h in range(T.NUM_HOSTS)]
        self._shells = [self._first_shells(h) for h in range(T.NUM_HOSTS)]

    def _real_services(self, host: int) -> list[tuple[T.Service, str, list]]:
        """Kind, name and process per service slot."""
        kinds, pids = self._topology.service_kind[host], self._topology.service_pid[host]
        return [
            (
                T.Service(kind),
                T.SERVICE_NAMES[kind],
                _listener(int(pid), "user", _PROCESS_TYPES[kind], False, int(T.SERVICE_PORT[kind])),
            )
            for kind, pid in zip(kinds, pids, strict=True)
            if kind
        ]

    def _first_shells(self, host: int) -> list[list]:
        pids = (self._topology.blue_pid[host], self._topology.green_pid[host])
        return [_shell(int(pid), "ubuntu") for pid in pids if pid]

    def render(self, state: State, fresh: dict[int, list[int]]) -> dict[str, dict]:
        """The hosts of a state. ``fresh``: pids of this step's process events by host, in order."""
        dynamic = self._dynamic_processes(state)
        red_ids = self._red_ids_by_host(state)
        reliability, stopped = state.host_reliability.tolist(), state.host_ot_stopped.tolist()
        decoys, decoy_pids = state.host_decoy.tolist(), state.host_decoy_pid.tolist()
        network, process = state.host_network_events.tolist(), state.host_process_events.tolist()
        cmd, escalate = state.host_cmd_files.tolist(), state.host_escalate_files.tolist()
        hosts = {}
        for h in self._names.hosts:
            real = self._services[h]
            running = [not (stopped[h] and kind == T.Service.OTSERVICE) for kind, _, _ in real]
            services = [
                [name, shell[0], on, reliability[h][slot]]
                for slot, ((_, name, shell), on) in enumerate(zip(real, running, strict=True))
            ]
            services += [
                [T.DECOY_NAMES[decoy], decoy_pids[h][slot], True, reliability[h][T.NUM_REAL + slot]]
                for slot, decoy in enumerate(decoys[h])
                if decoy
            ]
            processes = [shell for (_, _, shell), on in zip(real, running, strict=True) if on]
            hosts[T.HOST_NAMES[h]] = {
                "services": services,
                "processes": processes + self._shells[h] + dynamic.get(h, []),
                "orphans": [int(state.host_orphans[h]), int(state.host_orphan_pid[h])],
                "sessions": self._fixed_ids(h) | red_ids.get(h, {}),
                "events": self._events(h, network[h], process[h], fresh.get(h, [])),
                "files": {"cmd.sh": cmd[h], "escalate.sh": escalate[h]},
            }
        return hosts

    def _dynamic_processes(self, state: State) -> dict[int, list[list]]:
        """Red's sessions, decoys and suspicious orphans by host.

        A new pid is the largest, so pids give the order.
        """
        found = defaultdict(list)
        for r, s in np.argwhere(state.session_kind).tolist():
            user = T.USER_NAMES[state.session_user[r, s]]
            found[int(state.session_host[r, s])].append(_shell(int(state.session_pid[r, s]), user))
        for host, slot in np.argwhere(state.host_decoy).tolist():
            kind, pid = state.host_decoy[host, slot], int(state.host_decoy_pid[host, slot])
            found[host].append(_listener(pid, "ubuntu", _DECOY_TYPES[kind], True, T.DECOY_PORT[kind]))
        for b, entry in np.argwhere(state.suspicious_orphan).tolist():
            orphan = _listener(int(state.suspicious_pid[b, entry]), *_ORPHAN, T.PORT_WEB)
            found[int(state.suspicious_host[b, entry])].append(orphan)
        return {host: sorted(processes, key=itemgetter(0)) for host, processes in found.items()}

    def _fixed_ids(self, host: int) -> dict[str, list[int]]:
        ids = {T.BLUE_AGENTS[T.HOST_BLUE[host]]: [self._blue_ids[host]]} if host in self._blue_ids else {}
        if host in self._names.green_agent:
            ids[self._names.green_agent[host]] = [0]
        return ids

    def _red_ids_by_host(self, state: State) -> dict[int, dict[str, list[int]]]:
        """Red's session ids per host in CybORG's order: of creation, but 0 first.

        An agent gets id 0 only when it has no other session, or by promotion, which puts 0 in front (§3.4).
        """
        found: dict[int, dict] = defaultdict(dict)
        for r, agent in enumerate(T.RED_AGENTS):
            slots = np.flatnonzero(state.session_kind[r])
            slots = sorted(slots, key=lambda s: (state.session_id[r, s] != 0, state.session_order[r, s]))
            for s in slots:
                ids = found[int(state.session_host[r, s])].setdefault(agent, [])
                ids.append(int(state.session_id[r, s]))
        return found

    def _events(self, host: int, network: int, process: int, pids: list[int]) -> dict[str, Any]:
        """[current, old]: Monitor moved what blue sees to old. Green's events, without pid, come first."""
        if T.HOST_BLUE[host] == T.NO_AGENT:
            return {"network": [network, 0], "process": [process, 0]}
        return {"network": [0, network], "process": [[], [None] * (process - len(pids)) + pids]}
