"""CybORG's red agents with decisions from outside: what they know, and the actions that they are given.

Needs the standard library alone, so that it can also be imported by the interpreter of a submission
(:mod:`garrison.adapters.cyborg.submission_process`). What the data mean in Garrison is computed by
:mod:`garrison.adapters.cyborg.red_view`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

AGENTS = tuple(f"red_agent_{number}" for number in range(6))

#: What the agents know, JSON-ready, see :func:`knowledge`.
Knowledge = dict[str, Any]
#: A decision by agent: kind of action, id of the source session, names of host and subnet (None: no such).
Orders = Mapping[str, Sequence[Any]]


def knowledge(controller: Any) -> Knowledge:
    """What each red agent knows between two steps.

    Args:
        controller: CybORG's ``environment_controller``.

    Returns:
        ``phase`` of the last step; and ``agents``, in order, each with

        - ``active``, and ``ticks`` that its action in progress still takes, 0 for none;
        - ``subnets``, ``addresses`` and ``names``: names of subnets, and of the hosts whose address and whose
          name it knows; ``known_sessions``, ids of all sessions that it has ever seen;
        - ``sessions`` that it has, the oldest first: id, host, user, whether it is an abstract one, and the
          ports that it has seen open, by host;
        - ``last``: kind, host and success of the action whose result it got in the last step, or None.
    """
    state = controller.state
    subnets = {cidr: subnet.value for subnet, cidr in state.subnet_name_to_cidr.items()}
    return {
        "phase": int(state.mission_phase),
        "agents": [_known_to(controller, agent, subnets) for agent in AGENTS],
    }


def _known_to(controller: Any, agent: str, subnets: Mapping[Any, str]) -> Knowledge:
    state, interface = controller.state, controller.agent_interfaces[agent]
    space, going = interface.action_space, controller.actions_in_progress.get(agent)
    return {
        "active": bool(interface.active),
        "ticks": int(going["remaining_ticks"]) if going else 0,
        "subnets": [subnets[cidr] for cidr, known in space.subnet.items() if known],
        "addresses": [state.ip_addresses[address] for address, known in space.ip_address.items() if known],
        "names": [str(name) for name, known in space.hostname.items() if known],
        "known_sessions": [int(number) for number, known in space.server_session.items() if known],
        "sessions": [_session(state, session) for session in state.sessions[agent].values()],
        "last": _last(controller, agent),
    }


def _session(state: Any, session: Any) -> list[Any]:
    ports = {
        state.ip_addresses[address]: [int(port) for port in found]
        for address, found in getattr(session, "ports", {}).items()
    }
    abstract = type(session).__name__ == "RedAbstractSession"
    return [int(session.ident), session.hostname, session.username, abstract, ports]


def _last(controller: Any, agent: str) -> list[Any] | None:
    """None for actions that are in progress, without a session, and refused, as they bring no result."""
    actions = controller.action.get(agent)
    seen = controller.observation[agent].observations
    if not actions or not seen or seen[0].data.get("action") is not actions[0]:
        return None
    action = actions[0]
    host = getattr(action, "hostname", None)
    if host is None and hasattr(action, "ip_address"):
        host = controller.state.ip_addresses[action.ip_address]
    return [type(action).__name__, host, seen[0].data["success"].name == "TRUE"]


def command(controller: Any, decide: Callable[[Knowledge], Orders]) -> None:
    """From now on ``decide`` chooses for the red agents before each step of ``controller``.

    That holds after resets too. Agents that are inactive, busy, or not among the orders do what their own
    class says.
    """
    step = controller.step

    def commanded(actions: Any = None, *args: Any, **named: Any) -> Any:
        view = knowledge(controller)
        orders = decide(view)
        free = [agent for agent, seen in zip(AGENTS, view["agents"], strict=True) if _is_free(seen)]
        given = {agent: _action(controller, agent, orders[agent]) for agent in free if agent in orders}
        return step({**(actions or {}), **given}, *args, **named)

    controller.step = commanded


def _is_free(agent: Knowledge) -> bool:
    return agent["active"] and agent["ticks"] == 0


def _action(controller: Any, agent: str, order: Sequence[Any]) -> Any:
    """CybORG's action for a decision; CybORG itself refuses what the agent does not know."""
    kind, session, host, subnet = order
    space, state = controller.agent_interfaces[agent].action_space, controller.state
    made = {cls.__name__: cls for cls in space.actions}[kind]
    networks = {name.value: cidr for name, cidr in state.subnet_name_to_cidr.items()}
    values = {
        "session": session,
        "agent": agent,
        "ip_address": state.hostname_ip_map.get(host),
        "hostname": host,
        "subnet": networks.get(subnet),
    }
    return made(**{name: values[name] for name in space.action_params[made]})
