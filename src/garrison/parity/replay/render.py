"""State and events of Garrison in the compared form (see :mod:`garrison.parity.replay.compare`).

Arrays become plain nested dicts and lists, so that one ``==`` compares a step and a difference has a path.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import jax
import numpy as np

from garrison.parity.recording.network import Names
from garrison.parity.replay.render_hosts import PORTS_BY_BITS, HostRenderer
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import fsm
from garrison.worlds.cc4.agents.fsm import FsmMemory
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.state import NO_RANK, State
from garrison.worlds.cc4.topology import Topology

_NAMING_HOSTS = (T.RedTarget.NAME, T.RedTarget.ADDRESS_AND_NAME)


class Renderer:
    """Renders the states of one episode, in order: what is a difference between steps is tracked here.

    Tracked are the pids that blue has seen so far, and the order of blue's session map, in which Restore
    puts the sessions of its host last (Q20).
    """

    def __init__(self, topology: Topology, names: Names):
        self.names, self._topology = names, topology
        self._blue_map = [self._first_blue_map(b) for b in range(T.NUM_BLUE)]
        self._blue_id = {host: i for order in self._blue_map for i, host in order}
        self._host_renderer = HostRenderer(topology, names, self._blue_id)
        self._suspicious_seen = [0] * T.NUM_BLUE
        self._no_memory = jax.device_get(fsm.initial_memory())

    def _first_blue_map(self, blue: int) -> list[tuple[int, int]]:
        """Session ids and hosts of a blue agent at reset: the parent is number 0 (§1.7)."""
        parent = int(self._topology.blue_parent[blue])
        others = [h for h in self.names.hosts if T.HOST_BLUE[h] == blue and h != parent]
        return list(enumerate([parent, *others]))

    def render(
        self, state: State, events: Events | None = None, memory: FsmMemory | None = None
    ) -> dict[str, Any]:
        """The state after a step, as compared. NumPy leaves, no environment axis.

        Args:
            events: of the step; None after reset.
            memory: of the finite-state red after its decision in the step; None where none plays.
        """
        known = self._no_memory if memory is None else memory
        if events is not None:
            self._follow_restores(events)
        suspicious, fresh = self._suspicious(state)
        return {
            "step": int(state.step),
            "phase": int(state.phase),
            "overflow": int(state.overflow),
            "blocks": self._blocks(state),
            "busy": self._busy(state),
            "hosts": self._host_renderer.render(state, fresh),
            "sessions": self._all_sessions(state, suspicious),
            "session_counts": self._session_counts(state),
            "red": {agent: self._knowledge(state, known, r) for r, agent in enumerate(T.RED_AGENTS)},
        }

    def _follow_restores(self, events: Events) -> None:
        for blue in np.flatnonzero(events.blue_kind == T.Blue.RESTORE):
            host = int(events.blue_host[blue])
            entry = (self._blue_id[host], host)
            if entry in self._blue_map[blue]:
                self._blue_map[blue].remove(entry)
                self._blue_map[blue].append(entry)

    def _suspicious(self, state: State) -> tuple[list[dict], dict[int, list[int]]]:
        """Per blue agent its suspicious pids by host name; and those new in this step by host."""
        lists, fresh = [], defaultdict(list)
        for blue in range(T.NUM_BLUE):
            hosts, pids = state.suspicious_host[blue].tolist(), state.suspicious_pid[blue].tolist()
            by_host: dict[str, list[int]] = {}
            used = [(h, pid) for h, pid in zip(hosts, pids, strict=True) if h != T.NO_HOST]
            for host, pid in used:
                by_host.setdefault(T.HOST_NAMES[host], []).append(pid)
            for host, pid in used[self._suspicious_seen[blue] :]:
                fresh[host].append(pid)
            self._suspicious_seen[blue] = len(used)
            lists.append(by_host)
        return lists, fresh

    def _blocks(self, state: State) -> dict[str, list[str]]:
        return {
            T.SUBNETS[to]: sorted(T.SUBNETS[s] for s in np.flatnonzero(state.blocked[to]))
            for to in np.flatnonzero(state.blocked.any(axis=1))
        }

    def _busy(self, state: State) -> dict[str, list]:
        busy = {}
        for b in np.flatnonzero(state.blue_ticks):
            kind, host, _, _ = T.BLUE_ACTIONS[b, state.blue_action[b]]
            busy[T.BLUE_AGENTS[b]] = [f"{T.BLUE_NAMES[kind]} {T.HOST_NAMES[host]}", int(state.blue_ticks[b])]
        for r in np.flatnonzero(state.red_ticks):
            kind, host = int(state.red_kind[r]), int(state.red_host[r])
            target = T.HOST_NAMES[host] if T.RED_TARGET[kind] in _NAMING_HOSTS else self.names.ip[host]
            if kind == T.Red.DECEPTION:
                target = None  # its text in CybORG does not name the target
            busy[T.RED_AGENTS[r]] = [f"{T.RED_NAMES[kind]} {target}", int(state.red_ticks[r])]
        return busy

    def _all_sessions(self, state: State, suspicious: list[dict]) -> dict[str, list]:
        sessions = {}
        for b, agent in enumerate(T.BLUE_AGENTS):
            sessions[agent] = [self._blue_session(i, host, suspicious[b]) for i, host in self._blue_map[b]]
        for host, agent in self.names.green_agent.items():
            pid = int(self._topology.green_pid[host])
            sessions[agent] = [[0, T.HOST_NAMES[host], "ubuntu", pid, "GREY_SESSION", False, {}, {}]]
        for r, agent in enumerate(T.RED_AGENTS):
            used = np.flatnonzero(state.session_kind[r]).tolist()
            slots = sorted(used, key=lambda s, r=r: state.session_order[r, s])
            sessions[agent] = [self._red_session(state, r, s) for s in slots]
        return sessions

    def _blue_session(self, session: int, host: int, suspicious: dict) -> list:
        kind = "UNKNOWN" if session else "VELOCIRAPTOR_SERVER"
        pid = int(self._topology.blue_pid[host])
        return [session, T.HOST_NAMES[host], "ubuntu", pid, kind, False, {}, {} if session else suspicious]

    def _red_session(self, state: State, red: int, slot: int) -> list:
        kind, host = int(state.session_kind[red, slot]), int(state.session_host[red, slot])
        scans = np.flatnonzero(state.scan_session[red] == slot)
        ports = {
            self.names.ip[state.scan_host[red, e]]: PORTS_BY_BITS[state.scan_ports[red, e]] for e in scans
        }
        return [
            int(state.session_id[red, slot]),
            T.HOST_NAMES[host],
            T.USER_NAMES[state.session_user[red, slot]],
            int(state.session_pid[red, slot]),
            T.SESSION_NAMES[kind],
            kind == T.Session.ABSTRACT,
            ports,
            {},
        ]

    def _session_counts(self, state: State) -> dict[str, int]:
        counts = {agent: len(self._blue_map[b]) for b, agent in enumerate(T.BLUE_AGENTS)}
        counts |= dict.fromkeys(self.names.green_slot, 1)
        return counts | dict(zip(T.RED_AGENTS, state.red_session_count.tolist(), strict=True))

    def _knowledge(self, state: State, memory: FsmMemory, red: int) -> dict[str, Any]:
        host_state, ranks = memory.host_state[red], state.red_known_session[red]
        hosts = sorted(np.flatnonzero(host_state), key=lambda h: memory.order[red, h])
        known = sorted(np.flatnonzero(ranks != NO_RANK).tolist(), key=lambda i: ranks[i])
        return {
            "active": bool(state.red_active[red]),
            "fsm_calls": int(memory.calls[red]),
            "host_states": [
                [
                    self.names.ip[h],
                    T.Fsm(host_state[h]).name,
                    T.HOST_NAMES[h] if memory.hostname[red, h] else None,
                ]
                for h in hosts
            ],
            "known_sessions": known,
            "known_subnets": sorted(T.SUBNETS[s] for s in np.flatnonzero(state.red_known_subnet[red])),
            "known_ips": sorted(self.names.ip[h] for h in np.flatnonzero(state.red_known_ip[red])),
            "known_hostnames": sorted(T.HOST_NAMES[h] for h in np.flatnonzero(state.red_known_hostname[red])),
        }
