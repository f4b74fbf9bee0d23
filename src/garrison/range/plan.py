"""The plan of an episode in the range, from a network of ``soc``.

Sections (§) refer to ``docs/worlds/soc-rules.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from garrison.range.limits import MAX_HOSTS
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.options import Options, Static
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables import routes
from garrison.worlds.soc.topology import Topology

P, W, K = T.Port, T.Weakness, R.Red

#: program that listens on each port class
SERVICE_OF = {
    P.HTTP: "web",
    P.TOMCAT: "runner",
    P.SMB: "share",
    P.RDP: "desk",
    P.SSH: "desk",
    P.KERBEROS: "tokens",
    P.MODBUS: "registers",
    P.S7: "registers",
    P.MAIL: "mail",
}
#: technique of each weakness that is used from afar
TECHNIQUE_OF = {P.HTTP: "web", P.TOMCAT: "runner", P.SMB: "share", P.RDP: "desk", P.S7: "registers"}
#: red's kinds of ``soc`` -> technique; R1 goes by the port that it uses
KINDS = {
    K.EXPLOIT_BLUE_KEEP: "desk",
    K.EXPLOIT_ETERNAL_BLUE: "share",
    K.EXPLOIT_HTTP_RFI: "web",
    K.PRIVILEGE_ESCALATE: "grant",
    K.JUICY_POTATO: "impersonate",
    K.V4L2: "driver",
    K.DUMP_LSASS: "dump",
    K.PASS_THE_TICKET: "ticket",
    K.PASS_THE_HASH: "hash",
    K.IMPACT: "encrypt",
    K.KILL_PROCESS: "kill",
    K.EXFILTRATE_DATA: "vault",
    K.OVERLOAD_PLC: "overload",
    K.SPEAR_PHISHING: "mail",
}
#: technique -> privilege that it proves
TECHNIQUES = {
    **dict.fromkeys(("web", "runner", "desk", "share", "registers", "mail"), "user"),
    **dict.fromkeys(("grant", "impersonate", "driver", "dump", "encrypt", "kill", "hash"), "root"),
    "ticket": "root",  # with corp_user: user
    "vault": "data",
    "overload": "register",
}
#: kinds of red that the range does not offer: their effect is on packets, which no tier forges
NOT_OFFERED = (K.IP_FRAGMENTATION,)


@dataclass(frozen=True)
class ServicePlan:
    """A program that listens: ``flaws`` are the weaknesses that it has, by number."""

    kind: str
    port: int
    flaws: tuple[int, ...] = ()


@dataclass(frozen=True)
class HostPlan:
    """One host.

    Attributes:
        node: its slot in ``soc``, and its name in the range.
        local: techniques that the broker falls for.
        home: bits of the scopes that its users log on with.
        phishability: thousandths of mails that its user opens; 0: it has no mail desk.
        decoy: number of the decoy service at the start, 0 for none.
    """

    node: int
    zone: int
    role: int
    os: int
    windows: bool
    services: tuple[ServicePlan, ...]
    local: tuple[str, ...]
    ports: int
    weak: int
    home: int
    data: int
    phishability: int
    decoy: int
    peer: int

    @property
    def is_plc(self) -> bool:
        return self.role == T.Role.PLC

    @property
    def managed(self) -> bool:
        return bool(T.MANAGED[self.role])


@dataclass(frozen=True)
class Plan:
    """A network, without nonces.

    Attributes:
        allow: bits of open port classes, ``[level][from][to]``, six zones (§3.3).
        lifetimes: of stolen credentials, real seconds by scope.
        speed: seconds of ``soc`` per real second.
        nominal: setpoints of the plant in thousandths.
        decoy_chance: thousandths of exploits that a decoy catches; None: as in ``soc``.
    """

    hosts: tuple[HostPlan, ...]
    allow: tuple[tuple[tuple[int, ...], ...], ...]
    guest_to_ot: bool
    lifetimes: tuple[float, ...]
    speed: float
    nominal: tuple[int, ...]
    unmapped: tuple[str, ...] = ()
    decoy_chance: int | None = None
    number: int = field(default=0)

    def host(self, node: int) -> HostPlan:
        return self._by_node[node]

    @cached_property
    def _by_node(self) -> dict[int, HostPlan]:
        return {host.node: host for host in self.hosts}

    @property
    def mappable(self) -> bool:
        return not self.unmapped

    def with_host(self, node: int, **changes: Any) -> Plan:
        """The plan with other values of one host."""
        hosts = tuple(replace(host, **changes) if host.node == node else host for host in self.hosts)
        return replace(self, hosts=hosts)

    def patched(self, node: int) -> Plan:
        """The plan in which no service of a host has a flaw, nor its broker."""
        services = tuple(replace(service, flaws=()) for service in self.host(node).services)
        return self.with_host(node, services=services, local=())


def from_topology(static: Static, options: Options, topology: Topology, speed: float = 30.0) -> Plan:
    """The plan of a network of ``soc`` (arrays without leading axes)."""
    net: Any = {name: np.asarray(value) for name, value in vars(topology).items()}
    zone = layout(static).zone
    slots = np.flatnonzero(net["start_exists"]).tolist()
    hosts = tuple(_host(net, int(zone[slot]), slot) for slot in slots)
    unmapped = []
    if len(hosts) > MAX_HOSTS:
        unmapped.append(f"{len(hosts)} hosts; the range has room for {MAX_HOSTS}")
    for host in hosts:
        served = {flaw for service in host.services for flaw in service.flaws}
        served |= {int(W.V4L2)} if "driver" in host.local else set()
        missing = [T.WEAKNESS_NAMES[w] for w in W if host.weak >> w & 1 and w not in served]
        unmapped += [f"host {host.node}: {name} has no service" for name in missing]
    to_ot = bool(np.asarray(options.guest_to_ot))
    lifetimes = tuple(float(s) / speed for s in np.asarray(options.token_lifetime))
    return Plan(
        hosts=hosts,
        allow=tuple(tuple(map(tuple, level)) for level in routes.ALLOW[int(to_ot)].tolist()),
        guest_to_ot=to_ot,
        lifetimes=lifetimes,
        speed=speed,
        nominal=tuple(int(x) for x in net["plant_nominal"]),
        unmapped=tuple(unmapped),
        number=int(net["number"]),
    )


def _host(net: Any, zone: int, slot: int) -> HostPlan:
    role, os, ports = int(net["start_role"][slot]), int(net["host_os"][slot]), int(net["host_ports"][slot])
    weak, phish = int(net["host_weak"][slot]), int(net["host_phishability"][slot])
    listens = [port for port in P if ports >> port & 1]
    flaws: dict[int, list[int]] = {port: [] for port in listens}
    for weakness in W:
        port = T.weakness_port(weakness, ports)
        if weak >> weakness & 1 and port in flaws:
            flaws[port].append(int(weakness))
    services = [ServicePlan(SERVICE_OF[port], int(port), tuple(flaws[port])) for port in listens]
    # holders of tickets get in wherever smb, rdp or ssh is open, whatever the host offers (§4.2, R9)
    services += [ServicePlan("desk", int(port)) for port in R.TICKET_PORTS if port not in listens]
    if phish > 0 and P.MAIL not in listens:
        services.append(ServicePlan("mail", int(P.MAIL)))
    iis = int(net["host_services"][slot]) & T.bits(T.Service.IIS)
    local = ["grant"] + ["impersonate"] * bool(iis) + ["driver"] * bool(weak >> W.V4L2 & 1)
    return HostPlan(
        node=slot,
        zone=zone,
        role=role,
        os=os,
        windows=bool(T.IS_WINDOWS[os]),
        services=tuple(services),
        local=tuple(local),
        ports=ports,
        weak=weak,
        home=int(net["start_home"][slot]),
        data=int(net["start_data"][slot]),
        phishability=phish,
        decoy=int(net["start_decoy"][slot]),
        peer=int(net["host_peer"][slot]),
    )
