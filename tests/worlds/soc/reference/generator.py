"""Networks from named draws (§3.1, §3.2, §3.4 homes, §3.7, §7.1 footholds), and whether red can win in one.

Draws are uniforms by name: ``live[zone], shift, os[host], weak[weakness][host], cvss[host], phish[host],
decoy[2][host], home[host], peer[host], day, plant[3], start[3]``.
"""

from __future__ import annotations

from typing import Any

from garrison.worlds.soc.tables import hosts, noise, routes, scenarios
from garrison.worlds.soc.tables.blue import Decoy
from garrison.worlds.soc.tables.hosts import NO_HOST, Os, Privilege, Role, Scope, Weakness, Zone, bits
from garrison.worlds.soc.tables.scenarios import Goal, Rules, Scenario, Start
from reference.world import between, permille, pick


def generate(size: str, options: dict[str, Any], draws: dict[str, Any]) -> dict[str, Any]:
    """One network; lists over slots, zeros where no host is and none may arrive."""
    number = Scenario(int(options["scenario"]))
    rules = scenarios.SCENARIOS[number]
    zone = [z for z, n in enumerate(hosts.SLOTS[size]) for _ in range(n)]
    roles = fill(size, rules, live_hosts(size, options, rules, draws))
    net: dict[str, Any] = {"zone": zone, "spare": spares(size)}
    net["exists"] = [role is not None for role in roles]
    net["role"] = [role if role is not None else Role(0) for role in roles]
    # what arrives in spare slots is drawn beforehand
    drawn = [Role.BYOD if net["spare"][h] else role for h, role in enumerate(roles)]
    net["os"] = _systems(zone, drawn, draws)
    everywhere = range(len(zone))
    real = [h for h in everywhere if drawn[h] is not None]
    for name, table in (("services", hosts.SERVICES), ("ports", hosts.PORTS)):
        net[name] = [int(table[drawn[h], net["os"][h]]) if h in real else 0 for h in everywhere]
    net["weak"] = [_weaknesses(drawn[h], net["os"][h], draws, h) if h in real else 0 for h in everywhere]
    _entry(zone, drawn, net["weak"])
    net["cvss10"] = [between(draws["cvss"][h], *hosts.CVSS10) if h in real else 0 for h in everywhere]
    net["phishability"] = [
        _between_or_none(draws["phish"][h], hosts.PHISHABILITY[drawn[h], net["os"][h]]) if h in real else 0
        for h in everywhere
    ]
    net["decoy"] = [_decoy(roles[h], draws, h) for h in everywhere]
    net["home"] = [_home(roles[h], zone[h], draws["home"][h]) for h in everywhere]
    net["weight"] = _weights(roles)
    net["data"] = _data(zone, roles)
    net["peer"] = [_peer(net, roles, drawn, h, draws["peer"][h]) for h in everywhere]
    net["plant_nominal"] = [
        between(u, *limits)
        for u, limits in zip(draws["plant"], scenarios.PLANT_NOMINAL.tolist(), strict=True)
    ]
    net["day_offset"] = 8 * int(draws["day"] * (noise.CYCLE_MS // 8))
    feet = footholds(rules, zone, roles, draws["start"])
    net["priv"] = [int(Privilege.USER) if h in feet else 0 for h in everywhere]
    net["implant"] = [h in feet and rules.implant for h in everywhere]
    return net


# ---------------------------------------------------------------- zones (§3.1)


def live_hosts(size: str, options: dict[str, Any], rules: Rules, draws: dict[str, Any]) -> list[int]:
    """Live hosts of each zone."""
    least = [0] * hosts.NUM_ZONES
    least[Zone.OT] = hosts.OT_LEAST if rules.needs_ot else 0
    least[Zone.GUEST] = int(rules.start == Start.GUEST_IOT)
    live = [0] * hosts.NUM_ZONES
    for z in range(hosts.NUM_ZONES):
        low, high = (int(n) for n in options["live_range"][z])
        live[z] = between(draws["live"][z], max(low, least[z]), high)
    if live[Zone.OT]:
        live[Zone.SECURE] = max(live[Zone.SECURE], hosts.SECURE_LEAST_WITH_OT)
    shift = hosts.SHIFT[size]
    d = between(draws["shift"], -shift, shift)
    live[Zone.CORPORATE] += d
    live[Zone.SECURE] -= d
    return live


def fill(size: str, rules: Rules, live: list[int]) -> list[Role | None]:
    """Role of each slot."""
    roles: list[Role | None] = []
    for z, n in enumerate(hosts.SLOTS[size]):
        first = list(hosts.FIRST_ROLES[Zone(z)])
        if z == Zone.SECURE and live[Zone.OT]:
            first += [Role.ENGINEERING_WORKSTATION] * hosts.ENGINEERING[size]
        turn = hosts.NEXT_ROLES[Zone(z)]
        if z == Zone.OT and rules.guest_to_ot:
            turn = hosts.OT_ROLES_IOT_GRID
        order = first + [turn[i % len(turn)] for i in range(n)]
        roles += [order[i] if i < live[z] else None for i in range(n)]
    return roles


def spares(size: str) -> list[bool]:
    """Slots in which a BYOD device may arrive: the last ones of guest."""
    out = []
    for z, n in enumerate(hosts.SLOTS[size]):
        count = hosts.SPARES[size] if z == Zone.GUEST else 0
        out += [i >= n - count for i in range(n)]
    return out


# ---------------------------------------------------------------- hosts (§3.2)


def _systems(zone: list[int], roles: list[Role | None], draws: dict[str, Any]) -> list[int]:
    systems = []
    for h, role in enumerate(roles):
        if role is None:
            systems.append(0)
            continue
        rank, chosen = permille(draws["os"][h]), None
        for os, chance in hosts.ROLE_OS[role]:
            if chosen is None and rank < chance:
                chosen = os
            rank -= chance
        systems.append(int(chosen))
    # §3.7 (a): two phishable corporate Windows workstations
    desks = [h for h, role in enumerate(roles) if role == Role.WORKSTATION and zone[h] == Zone.CORPORATE]
    if sum(systems[h] == Os.WINDOWS_10 for h in desks) < 2:
        for h in desks[:2]:
            systems[h] = int(Os.WINDOWS_10)
    return systems


def _weaknesses(role: Role, os: int, draws: dict[str, Any], h: int) -> int:
    """Of those that fit and are drawn, the two that come first in the order of their draws."""
    fits = int(hosts.WEAK_FITS[role, os])
    drawn = [
        (draws["weak"][w][h], w)
        for w in Weakness
        if fits >> w & 1 and permille(draws["weak"][w][h]) < hosts.WEAKNESS_CHANCE
    ]
    return bits(*(w for _, w in sorted(drawn)[: hosts.WEAKNESS_MOST]))


def _entry(zone: list[int], roles: list[Role | None], weak: list[int]) -> None:
    """§3.7 (a): one dmz web host with CVE-2021-44228, the first. It fits each, beside at most one other."""
    first = next(h for h, role in enumerate(roles) if role == Role.WEB and zone[h] == Zone.DMZ)
    weak[first] |= 1 << Weakness.CVE_2021_44228


def _between_or_none(u: float, limits: Any) -> int:
    low, high = (int(n) for n in limits)
    return between(u, low, high) if high else 0


def _decoy(role: Role | None, draws: dict[str, Any], h: int) -> int:
    if role is None or not hosts.HAS_DECOY_AT_START[role]:
        return 0
    present, kind = draws["decoy"][0][h], draws["decoy"][1][h]
    return between(kind, 1, len(Decoy) - 1) if permille(present) < hosts.DECOY_AT_START_CHANCE else 0


def _home(role: Role | None, zone: int, u: float) -> int:
    """§3.4."""
    if role is None:
        return 0
    home = int(hosts.HOME_ALWAYS[role])
    if role == Role.DOMAIN_CONTROLLER:
        return int(hosts.HOME_CONTROLLER[zone])
    if role == Role.WORKSTATION and permille(u) < hosts.HOME_WORKSTATION_ADMIN_CHANCE:
        return home | bits(Scope.CORP_ADMIN)
    other = zone == Zone.SECURE and role != Role.ENGINEERING_WORKSTATION
    if other and permille(u) < hosts.HOME_SECURE_ADMIN_CHANCE:
        return home | bits(Scope.SECURE_ADMIN)
    return home


def _weights(roles: list[Role | None]) -> list[int]:
    raw = [0 if role is None else int(hosts.ROLE_WEIGHT[role]) for role in roles]
    return [1000 * r // sum(raw) for r in raw]


def _data(zone: list[int], roles: list[Role | None]) -> list[int]:
    bases = [h for h, role in enumerate(roles) if role == Role.DATABASE and zone[h] == Zone.SECURE]
    each, more = divmod(hosts.DATA_UNITS, len(bases))
    share = {h: each + (i < more) for i, h in enumerate(bases)}
    return [share.get(h, 0) for h in range(len(zone))]


def _peer(net: dict[str, Any], roles: list[Role | None], drawn: list[Role | None], h: int, u: float) -> int:
    """A server of the host's own or a permitted zone, with a port that is open from there."""
    if drawn[h] is None:
        return NO_HOST
    zone = net["zone"]
    servers = [
        p
        for p, role in enumerate(roles)
        if role is not None
        and hosts.IS_SERVER[role]
        and routes.ALLOW[0, 0, zone[h], zone[p]] & net["ports"][p]
        and p != h
    ]
    return pick(u, servers) if servers else NO_HOST


# ---------------------------------------------------------------- footholds (§7.1)


def footholds(rules: Rules, zone: list[int], roles: list[Role | None], draws: list[float]) -> set[int]:
    """Hosts on which red starts."""
    engineering = permille(draws[2]) < 500
    fits = {
        Start.INTERNET: lambda z, role: False,
        Start.CORPORATE_WORKSTATION: lambda z, role: z == Zone.CORPORATE and role == Role.WORKSTATION,
        Start.CORPORATE_HOST: lambda z, role: z == Zone.CORPORATE and role != Role.DOMAIN_CONTROLLER,
        Start.GUEST_IOT: lambda z, role: z == Zone.GUEST and role == Role.IOT,
        Start.ENGINEERING_OR_ADMIN: lambda z, role: (
            role == (Role.ENGINEERING_WORKSTATION if engineering else Role.ADMIN_WORKSTATION)
        ),
    }[rules.start]
    options = [h for h, role in enumerate(roles) if role is not None and fits(zone[h], role)]
    chosen: set[int] = set()
    for i in range(rules.footholds):
        chosen.add(pick(draws[i], [h for h in options if h not in chosen]))
    return chosen


# ---------------------------------------------------------------- can red win? (§3.7)


def solvable(net: dict[str, Any], scenario: Scenario) -> bool:
    """A search over what red can have: sessions, Root and scopes, by any action that may succeed."""
    rules = scenarios.SCENARIOS[scenario]
    user = {h for h, priv in enumerate(net["priv"]) if priv}
    scopes: set[int] = set()
    while True:
        before = (len(user), len(scopes))
        # R2 turns each User into Root, R8 takes what is cached
        scopes |= {s for s in Scope for h in user if net["home"][h] >> s & 1}
        user |= {
            h for h, there in enumerate(net["exists"]) if there and _takeable(net, rules, user, scopes, h)
        }
        if (len(user), len(scopes)) == before:
            return _goal_within(net, rules, user)


def _takeable(net: dict[str, Any], rules: Rules, user: set[int], scopes: set[int], h: int) -> bool:
    zone, role = net["zone"][h], net["role"][h]
    if net["phishability"][h] and zone != Zone.OT:
        return True  # R20: every host but those of ot is known sooner or later
    starts = {net["zone"][u] for u in user} | {int(Zone.INTERNET)}
    open_ports = 0
    for start in starts:
        if start == zone or _enters(net, rules, user, scopes, start, zone):
            open_ports |= int(routes.ALLOW[int(rules.guest_to_ot), 0, start, zone])
    for w in Weakness:
        port = hosts.weakness_port(w, net["ports"][h])
        if net["weak"][h] >> w & 1 and port is not None and open_ports >> port & 1:
            return True
    ticket = open_ports & bits(hosts.Port.SMB, hosts.Port.RDP, hosts.Port.SSH)
    corp_user = zone == Zone.CORPORATE and role == Role.WORKSTATION and Scope.CORP_USER in scopes
    return bool(ticket) and (int(hosts.ZONE_ADMIN[zone]) in scopes or corp_user)


def _enters(
    net: dict[str, Any], rules: Rules, user: set[int], scopes: set[int], start: int, zone: int
) -> bool:
    scope = int(routes.GATE[zone])
    if scope < 0 or scope in scopes:
        return True
    if zone != Zone.OT:
        return False
    if rules.guest_to_ot and start == Zone.GUEST:
        return True
    return any(net["role"][u] == Role.ENGINEERING_WORKSTATION for u in user)


def _goal_within(net: dict[str, Any], rules: Rules, user: set[int]) -> bool:
    """Whether the goal can be reached with Root on the hosts ``user``."""
    live = [h for h, there in enumerate(net["exists"]) if there]
    weight = lambda chosen: sum(net["weight"][h] for h in chosen)  # noqa: E731
    role = net["role"]
    match rules.goal:
        case Goal.ENCRYPT_SERVERS:
            servers = {h for h in live if hosts.IS_SERVER[role[h]]}
            return 1000 * weight(servers & user) >= rules.need * weight(servers) > 0
        case Goal.EXFILTRATE:
            egress = {h for h in user if routes.ALLOW[0, 0, net["zone"][h], Zone.INTERNET]}
            return sum(net["data"][h] for h in egress) >= rules.need
        case Goal.OWN_SECURE:
            secure = {h for h in live if net["zone"][h] == Zone.SECURE}
            return 1000 * weight(secure & user) >= rules.need * weight(secure) > 0
        case Goal.OWN_CONTROLLERS:
            dcs = {h for h in live if role[h] == Role.DOMAIN_CONTROLLER}
            return bool(dcs) and dcs <= user
        case Goal.PLANT_CRITICAL:
            return any(role[h] == Role.PLC for h in user)
