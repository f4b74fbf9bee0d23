"""CybORG state in the form of recordings (:mod:`garrison.parity.recording.trace`): plain, JSON-ready.

Everything here reads an episode and changes nothing. ``controller`` is CybORG's ``environment_controller``.
"""

from __future__ import annotations

from typing import Any

from garrison.worlds.cc4 import tables as T


def snapshot(controller: Any) -> dict[str, Any]:
    """The whole state after a step or a reset."""
    state = controller.state
    subnet_names = {cidr: subnet.value for subnet, cidr in state.subnet_name_to_cidr.items()}
    return {
        "step": controller.step_count,
        "phase": int(state.mission_phase),
        "blocks": {str(to): [str(source) for source in sources] for to, sources in state.blocks.items()},
        "hosts": {name: _host(host) for name, host in state.hosts.items()},
        "sessions": {
            agent: [_session(session) for session in table.values()]
            for agent, table in state.sessions.items()
        },
        "session_counts": {agent: int(count) for agent, count in state.sessions_count.items()},
        "red": {
            agent: _knowledge(controller.agent_interfaces[agent], subnet_names) for agent in T.RED_AGENTS
        },
        "busy": {
            agent: [str(entry["action"]), entry["remaining_ticks"]]
            for agent, entry in controller.actions_in_progress.items()
            if entry is not None
        },
    }


def _host(host: Any) -> dict[str, Any]:
    events = host.events
    return {
        "services": {
            getattr(key, "name", str(key)): [
                int(service.process),
                bool(service.active),
                int(service.get_service_reliability()),
            ]
            for key, service in host.services.items()
        },
        "processes": [_process(process) for process in host.processes],
        "sessions": {
            str(agent): [int(number) for number in numbers]
            for agent, numbers in host.sessions.items()
            if len(numbers)
        },
        "events": {
            "network": len(events.network_connections),
            "old_network": len(events.old_network_connections),
            "process": [_pid(event) for event in events.process_creation],
            "old_process": [_pid(event) for event in events.old_process_creation],
        },
        "files": [file.name for file in host.files],
    }


def _pid(event: dict) -> int | None:
    return int(event["pid"]) if event.get("pid") is not None else None


def _process(process: Any) -> list:
    listening = [int(c.local_port) for c in process.connections if c.local_port and not c.remote_port]
    kind = None if process.process_type is None else process.process_type.name
    return [int(process.pid), process.user, kind, process.decoy_type.name == "EXPLOIT", listening]


def _session(session: Any) -> list:
    ports, suspicious = getattr(session, "ports", {}), getattr(session, "sus_pids", {})
    return [
        int(session.ident),
        session.hostname,
        session.username,
        int(session.pid),
        session.session_type.name,
        type(session).__name__ == "RedAbstractSession",
        {str(address): [int(port) for port in open_ports] for address, open_ports in ports.items()},
        {host: [int(pid) for pid in pids] for host, pids in suspicious.items()},
    ]


def _knowledge(interface: Any, subnet_names: dict) -> dict[str, Any]:
    """What a red agent knows; ``host_states`` are those of its last decision (§5.3)."""
    space, agent = interface.action_space, interface.agent
    return {
        "active": bool(interface.active),
        "fsm_calls": int(getattr(agent, "step", 0)),
        "host_states": [
            [str(address), entry["state"], entry["hostname"]]
            for address, entry in getattr(agent, "host_states", {}).items()
        ],
        "known_sessions": [int(number) for number, known in space.server_session.items() if known],
        "known_subnets": [subnet_names[cidr] for cidr, known in space.subnet.items() if known],
        "known_ips": sorted(str(address) for address, known in space.ip_address.items() if known),
        "known_hostnames": sorted(str(name) for name, known in space.hostname.items() if known),
    }


def executed(controller: Any) -> dict[str, list]:
    """What each agent executed in the last step: ``[class, parameters, success, ran, exploit]``.

    An action without its session is dropped (``ran`` is false); its ``success`` is then that of the agent's
    first observation.
    """
    return {
        agent: _executed(actions[0], controller.observation[agent].observations)
        for agent, actions in controller.action.items()
    }


def _executed(action: Any, observations: list) -> list:
    first = observations[0].data if observations else {}
    success = first["success"].name if observations else None
    ran = success == "IN_PROGRESS" or first.get("action") is action
    exploit = getattr(action, "sub_action", None)
    name = None if exploit is None else exploit.name
    return [type(action).__name__, parameters(action), success, ran, name]


_TARGETS = ("session", "subnet", "hostname", "ip_address", "dest_ip", "from_subnet", "to_subnet")


def parameters(action: Any) -> dict[str, str]:
    """What an action names, in words."""
    given = action.get_params()
    return {name: str(given[name]) for name in _TARGETS if given.get(name) is not None}


def delta(before: dict, after: dict) -> dict:
    """What :func:`garrison.parity.recording.trace.accumulate` needs to go from one snapshot to the next."""
    changed: dict[str, Any] = dict.fromkeys(before.keys() - after.keys())
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            if below := delta(old, value):
                changed[key] = below
        elif value != old or key not in before:
            changed[key] = value
    return changed
