"""Calls become CC4 actions: what an order of each tool consists of, by what the seat knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from garrison.llm.calls import Call, CallError
from garrison.llm.names import AGENTS, HOSTS, ZONES, closest, index_of
from garrison.llm.scenarios import LEAD, Scenario
from garrison.llm.tracker import BlueTracker, RedTracker
from garrison.worlds.cc4 import red_view
from garrison.worlds.cc4 import tables as T

MAX_SECRETS = 4  # hosts of rotate_secrets
MAX_BLOCKS = 8  # of harden_policy


@dataclass(frozen=True)
class Act:
    """One CC4 action of an agent."""

    agent: int  # position on the world's agent axis
    index: int  # of the agent's list of actions
    kind: int  # tables.Blue or tables.Red
    host: int | None = None
    pair: tuple[int, int] | None = None  # (from, to) zones of traffic actions

    @property
    def where(self) -> str:
        """The target's short name; empty where there is none."""
        if self.host is not None:
            return HOSTS[self.host]
        return f"{ZONES[self.pair[0]]}>{ZONES[self.pair[1]]}" if self.pair else ""


@dataclass(frozen=True)
class Order:
    """CC4 actions that one agent plays one after the other."""

    agent: int
    tool: str
    label: str
    acts: tuple[Act, ...]


def _blue_index() -> dict[tuple[int, int, int, int, int], int]:
    return {
        (agent, int(row[0]), int(row[1]), int(row[2]), int(row[3])): index
        for agent in range(T.NUM_BLUE)
        for index, row in reversed([*enumerate(T.BLUE_ACTIONS[agent, : T.BLUE_ACTION_COUNTS[agent]])])
    }


def _red_index() -> dict[tuple[int, int, int], int]:
    found = {}
    for red in range(T.NUM_RED):
        for index, (kind, host, zone) in enumerate(red_view.ACTIONS[red, : red_view.ACTION_COUNTS[red]]):
            found[red, int(kind), int(zone if kind == T.Red.DISCOVER else host)] = index
    return found


_BLUE_INDEX, _RED_INDEX = _blue_index(), _red_index()


def blue_act(agent: int, kind: int, host: int | None = None, pair: tuple[int, int] | None = None) -> Act:
    """A CC4 action of a blue agent. ``pair`` is (from, to). Raises ``KeyError`` for one that it lacks."""
    source, to = pair or (T.NO_SUBNET, T.NO_SUBNET)
    slot = T.NO_HOST if host is None else host
    return Act(agent, _BLUE_INDEX[agent, kind, slot, source, to], kind, host, pair)


def red_act(agent: int, kind: int, place: int) -> Act:
    """A CC4 action of a red agent on a host, or of DiscoverRemoteSystems on a zone."""
    index = _RED_INDEX[agent - T.NUM_BLUE, kind, place]
    if kind == T.Red.DISCOVER:
        return Act(agent, index, kind, pair=(place, place))
    return Act(agent, index, kind, None if place == T.NO_HOST else place)


def sleep(agent: int) -> Act:
    """The action Sleep of any agent."""
    return blue_act(agent, T.Blue.SLEEP) if agent < T.NUM_BLUE else red_act(agent, T.Red.SLEEP, T.NO_HOST)


def agent_of(call: Call, agents: Iterable[int], suitable: Iterable[int]) -> int:
    """The agent that a call means: the one it names, else the only suitable one.

    Args:
        agents: of the seat.
        suitable: those of them that could carry out the call.

    Raises:
        CallError: ``BAD_PARAMS`` for an unknown name, and for none where several are suitable;
            ``NOT_YOURS`` for an agent of another seat.
    """
    agents, suitable, name = tuple(agents), tuple(suitable), call.params.get("agent")
    own = ", ".join(AGENTS[agent] for agent in agents)
    if name is None:
        if len(suitable) == 1:
            return suitable[0]
        raise CallError("BAD_PARAMS", f"{call.tool.name} needs an agent here", f"agents: {own}")
    agent = index_of("agent", name)
    if agent is None:
        raise CallError("BAD_PARAMS", f"agent is {name!r}; it must be one of: {own}")
    if agent not in agents:
        raise CallError("NOT_YOURS", f"{AGENTS[agent]} is not an agent of this seat", f"agents: {own}")
    return agent


def zone_of(call: Call, name: str, own: Iterable[int] | None = None) -> int:
    """The zone that the parameter ``name`` means, which must be among ``own`` if that is given."""
    asked = call.params[name]
    zone = index_of("zone", asked)
    among = range(T.NUM_SUBNETS) if own is None else tuple(own)
    if zone is None:
        near = ", ".join(closest("zone", asked, among))
        raise CallError("UNKNOWN_ZONE", f"no zone {asked!r}", f"closest: {near}")
    if zone not in among:
        near = ", ".join(ZONES[one] for one in among)
        raise CallError("NOT_YOURS", f"{ZONES[zone]} is not a zone of this seat", f"zones: {near}")
    return zone


class BlueOrders:
    """Orders of a blue seat."""

    def __init__(self, scenario: Scenario, tracker: BlueTracker) -> None:
        self.scenario, self.tracker = scenario, tracker

    def of(self, call: Call) -> Order:
        """The order of a call. Raises :class:`~garrison.llm.calls.CallError` if it cannot be given."""
        name, host_kind = call.tool.name, _BLUE_HOST_KINDS.get(call.tool.name)
        if host_kind is not None:
            host = self.host(call)
            return self._on_host(call, host, [blue_act(self._owner(call, host), host_kind, host)])
        return _BLUE_MACROS[name](self, call)

    def host(self, call: Call, name: str = "host") -> int:
        """The slot of an existing host of the seat that a parameter means."""
        asked, tracker = call.params[name], self.tracker
        host = index_of("host", asked)
        if host is not None and T.HOST_SUBNET[host] not in tracker.zones:
            raise CallError("NOT_YOURS", f"{HOSTS[host]} is not a host of this seat", self._zones())
        if host is None or not tracker.exists[host]:
            near = closest("host", asked, np.flatnonzero(tracker.exists).tolist())
            raise CallError("UNKNOWN_HOST", f"no host {asked!r}", f"closest: {', '.join(near)}")
        return host

    def wanted(self, zone: int) -> list[tuple[int, int]]:
        """Pairs (from, ``zone``) that are not blocked and that users do not need, now or soon."""
        needed = self.scenario.needed_traffic(self.tracker.tick, LEAD)
        free = ~needed[zone] & ~self.tracker.blocked[zone]
        return [(source, zone) for source in range(T.NUM_SUBNETS) if free[source] and source != zone]

    def hurting(self, zone: int) -> list[tuple[int, int]]:
        """Pairs (from, ``zone``) that are blocked and that users need."""
        needed = self.scenario.needed_traffic(self.tracker.tick)
        wrong = needed[zone] & self.tracker.blocked[zone]
        return [(source, zone) for source in range(T.NUM_SUBNETS) if wrong[source]]

    def _zones(self) -> str:
        return f"zones: {', '.join(ZONES[zone] for zone in self.tracker.zones)}"

    def _owner(self, call: Call, host: int) -> int:
        return self._owner_of_zone(call, int(T.HOST_SUBNET[host]))

    def _owner_of_zone(self, call: Call, zone: int) -> int:
        owner = int(T.SUBNET_BLUE[zone])
        agent = agent_of(call, self.tracker.agents, [owner])
        if agent != owner:
            raise CallError("NOT_YOURS", f"{ZONES[zone]} is {AGENTS[owner]}'s, not {AGENTS[agent]}'s")
        return owner

    def _on_host(self, call: Call, host: int, acts: list[Act]) -> Order:
        return Order(acts[0].agent, call.tool.name, f"{call.tool.name} {HOSTS[host]}", tuple(acts))

    def _traffic(self, call: Call, agent: int, where: str, kind: int, pairs: list[tuple[int, int]]) -> Order:
        if not pairs:
            raise CallError("NOTHING_TO_DO", f"{call.tool.name}: nothing to do for {where}")
        acts = tuple(blue_act(agent, kind, pair=pair) for pair in pairs)
        return Order(agent, call.tool.name, f"{call.tool.name} {where}", acts)

    def rotate_secrets(self, call: Call) -> Order:
        zone, tracker = zone_of(call, "zone", self.tracker.zones), self.tracker
        agent = self._owner_of_zone(call, zone)
        here = np.flatnonzero((T.HOST_SUBNET == zone) & tracker.process)
        if not here.size:
            raise CallError("NOTHING_TO_DO", f"no host of {ZONES[zone]} has an exploit report")
        oldest = sorted(here.tolist(), key=lambda h: (-tracker.evidence_age[h], h))[:MAX_SECRETS]
        acts = tuple(blue_act(agent, T.Blue.REMOVE, host) for host in oldest)
        return Order(agent, call.tool.name, f"{call.tool.name} {ZONES[zone]}", acts)

    def isolate_host(self, call: Call) -> Order:
        host, source = self.host(call), zone_of(call, "from_zone")
        zone = int(T.HOST_SUBNET[host])
        if source == zone:
            raise CallError("BAD_PARAMS", f"from_zone is the zone of {HOSTS[host]}; name another")
        agent = self._owner_of_zone(call, zone)
        pairs = [] if self.tracker.blocked[zone, source] else [(source, zone)]
        return self._traffic(call, agent, f"{HOSTS[host]} from {ZONES[source]}", T.Blue.BLOCK, pairs)

    def publish_ioc_blocklist(self, call: Call) -> Order:
        source = zone_of(call, "from_zone")
        agent = agent_of(call, self.tracker.agents, self.tracker.agents)
        own = [zone for zone in T.BLUE_SUBNETS[agent] if zone != source]
        pairs = [(source, zone) for zone in own if not self.tracker.blocked[zone, source]]
        return self._traffic(call, agent, ZONES[source], T.Blue.BLOCK, pairs)

    def harden_policy(self, call: Call) -> Order:
        zone = zone_of(call, "zone", self.tracker.zones)
        agent = self._owner_of_zone(call, zone)
        return self._traffic(call, agent, ZONES[zone], T.Blue.BLOCK, self.wanted(zone)[:MAX_BLOCKS])

    def reconcile_state(self, call: Call) -> Order:
        zone = zone_of(call, "zone", self.tracker.zones)
        agent = self._owner_of_zone(call, zone)
        if call.params["from_zone"] is None:
            return self._traffic(call, agent, ZONES[zone], T.Blue.ALLOW, self.hurting(zone))
        source = zone_of(call, "from_zone")
        pairs = [(source, zone)] if self.tracker.blocked[zone, source] else []
        return self._traffic(call, agent, f"{ZONES[zone]} from {ZONES[source]}", T.Blue.ALLOW, pairs)

    def checkpoint_plan(self, call: Call) -> Order:
        agent = agent_of(call, self.tracker.agents, self.tracker.agents)
        return Order(
            agent, call.tool.name, f"{call.tool.name} {AGENTS[agent]}", (blue_act(agent, T.Blue.MONITOR),)
        )

    def wait(self, call: Call) -> Order:
        return _wait(call, self.tracker.agents)


def _wait(call: Call, agents: tuple[int, ...]) -> Order:
    agent = agent_of(call, agents, agents)
    return Order(agent, "wait", f"wait {AGENTS[agent]}", (sleep(agent),) * call.params["ticks"])


_BLUE_HOST_KINDS = {
    "run_forensics": T.Blue.ANALYSE,
    "disable_account": T.Blue.REMOVE,
    "restore_backup": T.Blue.RESTORE,
    "deploy_patch": T.Blue.DECOY,
}
_BLUE_MACROS: dict[str, Callable[[BlueOrders, Call], Order]] = {
    function.__name__: function
    for function in (
        BlueOrders.rotate_secrets,
        BlueOrders.isolate_host,
        BlueOrders.publish_ioc_blocklist,
        BlueOrders.harden_policy,
        BlueOrders.reconcile_state,
        BlueOrders.checkpoint_plan,
        BlueOrders.wait,
    )
}


class RedOrders:
    """Orders of a red seat. The source session of an action is chosen as :mod:`red_view` does."""

    def __init__(self, scenario: Scenario, tracker: RedTracker) -> None:
        self.scenario, self.tracker = scenario, tracker

    def of(self, call: Call) -> Order:
        """The order of a call. Raises :class:`~garrison.llm.calls.CallError` if it cannot be given."""
        name = call.tool.name
        if name == "wait":
            return _wait(call, self.tracker.agents)
        if name == "recon_network":
            return self._recon(call)
        host = self._host(call)
        kinds, knows = _RED_HOST_TOOLS[name]
        if name == "enumerate_services" and call.params["mode"] == "stealth":
            kinds = (T.Red.STEALTH,)
        agent = self._agent(call, host, knows)
        self._check_exploit(name, agent, host)
        if name == "pivot_host" and self.tracker.ports[self.tracker.place(agent), host]:
            kinds = kinds[1:]
        acts = tuple(red_act(agent, kind, host) for kind in kinds)
        return Order(agent, name, f"{name} {HOSTS[host]}", acts)

    def _recon(self, call: Call) -> Order:
        zone, tracker = zone_of(call, "zone"), self.tracker
        agents = [a for a in tracker.agents if tracker.known_zone[tracker.place(a), zone]]
        if not agents:
            raise CallError("NOT_KNOWN", f"zone {ZONES[zone]} is not known to an agent that acts there")
        agent = agent_of(call, tracker.agents, agents)
        if agent not in agents:
            raise CallError("NOT_KNOWN", f"{AGENTS[agent]} does not know zone {ZONES[zone]}")
        return Order(
            agent, "recon_network", f"recon_network {ZONES[zone]}", (red_act(agent, T.Red.DISCOVER, zone),)
        )

    def _host(self, call: Call) -> int:
        asked, tracker = call.params["host"], self.tracker
        known = np.any(tracker.address | tracker.name, axis=0)
        host = index_of("host", asked)
        if host is None:
            near = ", ".join(closest("host", asked, np.flatnonzero(known).tolist()))
            raise CallError("UNKNOWN_HOST", f"no host {asked!r}", f"closest: {near}")
        if not known[host]:
            raise CallError("NOT_KNOWN", f"{HOSTS[host]} is not known", "find it with recon_network")
        return host

    def _agent(self, call: Call, host: int, knows: tuple[str, ...]) -> int:
        """The agent that the call names, else the host's owner, else the first, of those that can act."""
        tracker, name = self.tracker, call.tool.name
        able = [agent for agent in tracker.knowing(host, *knows) if tracker.active(agent)]
        owner = T.NUM_BLUE + int(T.HOST_RED[host])
        if name in ("attempt_exploit", "establish_persistence"):
            able = [agent for agent in able if agent == owner]
        if name == "pivot_host":
            able = [agent for agent in able if agent != owner]
        if not able:
            what = " and ".join(knows)
            raise CallError("NOT_KNOWN", f"no agent that can do this knows the {what} of {HOSTS[host]}")
        if call.params["agent"] is None:
            return owner if owner in able else able[0]
        agent = agent_of(call, tracker.agents, able)
        if agent not in able:
            names = ", ".join(AGENTS[one] for one in able)
            raise CallError("NOT_KNOWN", f"{AGENTS[agent]} cannot do this on {HOSTS[host]}", f"able: {names}")
        return agent

    def _check_exploit(self, name: str, agent: int, host: int) -> None:
        """The preconditions that tell the tools of ExploitRemoteService apart."""
        shell = bool(self.tracker.shell[self.tracker.place(agent), host])
        if name == "attempt_exploit" and shell:
            raise CallError(
                "NOTHING_TO_DO", f"{AGENTS[agent]} has a session on {HOSTS[host]}", "establish_persistence"
            )
        if name == "establish_persistence" and not shell:
            raise CallError(
                "NOTHING_TO_DO", f"{AGENTS[agent]} has no session on {HOSTS[host]}", "attempt_exploit"
            )


#: Kinds of action of each tool on a host, and what the agent has to know of the host (tables.RED_TARGET).
_RED_HOST_TOOLS: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "enumerate_services": ((T.Red.AGGRESSIVE,), ("address",)),
    "attempt_exploit": ((T.Red.EXPLOIT,), ("address",)),
    "pivot_host": ((T.Red.AGGRESSIVE, T.Red.EXPLOIT), ("address",)),
    "establish_persistence": ((T.Red.EXPLOIT,), ("address",)),
    "dump_credentials": ((T.Red.ESCALATE,), ("name",)),
    "prepare_exfiltration": ((T.Red.DECEPTION,), ("address",)),
    "execute_exfiltration": ((T.Red.IMPACT,), ("name",)),
    "cover_tracks": ((T.Red.WITHDRAW,), ("address", "name")),
    "sabotage_recovery_plan": ((T.Red.DEGRADE,), ("name",)),
}

Orders = BlueOrders | RedOrders


def orders_of(scenario: Scenario, tracker: Any) -> Orders:
    """The orders of the side of a tracker."""
    return BlueOrders(scenario, tracker) if tracker.side == "blue" else RedOrders(scenario, tracker)
