"""What a step brought in CybORG, as plain data.

Needs the standard library alone, so that it can also be imported by the interpreter of a submission
(:mod:`garrison.adapters.cyborg.submission_process`). What the data mean in Garrison is computed elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: red's hold on a host, as :mod:`garrison.worlds.cc4.behavior` counts it
USER_SHELL, ROOT = 1, 2

#: Actions that cost blue, and the parts of the reward that they belong to.
PART_OF = {"GreenLocalWork": "LWF", "GreenAccessService": "ASF", "Impact": "RIA"}

#: Red's actions that impact a host, and how the names of hosts with operational technology begin.
ATTACKS = ("Impact", "DegradeServices")
OPERATIONAL = "operational_zone"


def red_holds(controller: Any) -> dict[str, int]:
    """Red's hold on each host where it has one, ``USER_SHELL`` or ``ROOT``."""
    holds: dict[str, int] = {}
    for agent, sessions in controller.state.sessions.items():
        if agent.startswith("red"):
            for session in sessions.values():
                hold = ROOT if session.username == "root" else USER_SHELL
                holds[session.hostname] = max(hold, holds.get(session.hostname, hold))
    return holds


def costs(controller: Any) -> list[tuple[str, str]]:
    """What cost blue in the last step: part of the reward and name of the subnet, once per event."""
    found = []
    state = controller.state
    for agent, actions in controller.action.items():
        part = PART_OF.get(type(actions[0]).__name__) if actions else None
        if part is None or not any(session.active for session in state.sessions[agent].values()):
            continue
        action = actions[0]
        failed = controller.observation[agent].observations[0].data["success"].name == "FALSE"
        if part == "RIA":
            found.append((part, state.hostname_subnet_map[action.hostname].value))  # whatever its result (Q1)
        elif failed:
            hostname = state.ip_addresses[action.ip_address]
            found.append((part, state.hostname_subnet_map[hostname].value))
    return found


def network(controller: Any) -> dict[str, dict[str, str]]:
    """Addresses of ``hosts`` and of ``subnets`` by name."""
    state = controller.state
    return {
        "hosts": {name: str(address) for name, address in state.hostname_ip_map.items()},
        "subnets": {subnet.value: str(cidr) for subnet, cidr in state.subnet_name_to_cidr.items()},
    }


def harm(controller: Any) -> dict[str, list[Any]]:
    """What red has done to hosts of the operational zones.

    Returns:
        ``impacted``: hosts on which a service is stopped or less than fully reliable; ``held``: hosts on
        which red has root; ``attacks``: pairs of action and host that succeeded in the last step.
    """
    hosts = {name: host for name, host in controller.state.hosts.items() if name.startswith(OPERATIONAL)}
    impacted = [name for name, host in hosts.items() if any(map(_harmed, host.services.values()))]
    held = [name for name, hold in red_holds(controller).items() if hold == ROOT and name in hosts]
    return {"impacted": impacted, "held": held, "attacks": list(_attacks(controller, hosts))}


def _harmed(service: Any) -> bool:
    return not service.active or service.get_service_reliability() < 100


def _attacks(controller: Any, hosts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for agent, actions in controller.action.items():
        kind = type(actions[0]).__name__ if actions else None
        if kind in ATTACKS and actions[0].hostname in hosts:
            seen = [one.data for one in controller.observation[agent].observations[:1]]
            if any(one.get("action") is actions[0] and one["success"].name == "TRUE" for one in seen):
                yield kind, actions[0].hostname


def idle(controller: Any, agents: Sequence[str]) -> list[bool]:
    """Which agents have no action in progress, so that the next step takes one of them."""
    return [controller.actions_in_progress.get(agent) is None for agent in agents]


def taken(controller: Any, agent: str, holds: Mapping[str, int]) -> dict[str, Any]:
    """The action that CybORG took of an agent in the last step; the agent was idle before.

    Args:
        holds: :func:`red_holds` before the step.

    Returns:
        ``kind``, the name of its class: ``InvalidAction`` where CybORG refused it. ``host``, its target, and
        red's ``hold`` on that; ``subnet`` whose incoming traffic it changes. None where there is none.
    """
    going = controller.actions_in_progress.get(agent)
    action = going["action"] if going else controller.action[agent][0]
    host = getattr(action, "hostname", None)
    return {
        "kind": type(action).__name__,
        "host": host,
        "hold": None if host is None else holds.get(host, 0),
        "subnet": getattr(action, "to_subnet", None),
    }
