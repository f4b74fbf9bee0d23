"""Red's actions: what is legal, which source they take, and what their completion does (§4.2, §4.4)."""

from __future__ import annotations

from typing import Any

from garrison.worlds.soc.tables import actions, blue, hosts, red, scenarios
from garrison.worlds.soc.tables.actions import Outcome, Target
from garrison.worlds.soc.tables.hosts import NO_HOST, Port, Privilege, Role, Service, Weakness, Zone, bits
from garrison.worlds.soc.tables.laws import NEVER
from garrison.worlds.soc.tables.red import Red
from garrison.worlds.soc.tables.scenarios import Variable
from garrison.worlds.soc.tables.tokens import Token
from reference import telemetry
from reference.access import (
    ANY_PORT,
    believed_port,
    gate_open,
    open_ports,
    routed,
    source_usable,
    sources,
    token_valid,
    zone_of,
)
from reference.world import (
    NUM_BLUE,
    World,
    between,
    has_session,
    is_windows,
    known_at_reset,
    live_edr,
    online,
    permille,
    slots,
    usable,
)

#: weakness that an exploit uses, R1 apart
_WEAKNESS = {
    Red.EXPLOIT_BLUE_KEEP: Weakness.CVE_2019_0708,
    Red.EXPLOIT_ETERNAL_BLUE: Weakness.MS17_010,
    Red.EXPLOIT_HTTP_RFI: Weakness.CVE_2021_44228,
}
_USES_A_PORT = (*red.EXPLOITS, Red.PASS_THE_TICKET, Red.PASS_THE_HASH)
_ROOT_LOCAL = (Red.DUMP_LSASS, Red.IMPACT, Red.KILL_PROCESS, Red.OVERLOAD_PLC)


# ---------------------------------------------------------------- legality and sources


def legal(world: World, agent: int, kind: Red, target: int) -> bool:
    """Whether red agent ``agent`` may start an action, by what it knows (§2.5, §4.2)."""
    row, r = red.ROWS[kind], agent - NUM_BLUE
    funds = row.funds
    if kind == Red.EXPLOIT_REMOTE_SERVICE and believed_weakness(world, r, target) == Weakness.S7_ZERO_DAY:
        funds += hosts.ZERO_DAY_FUNDS
    if world.agents[agent]["energy"] < row.energy * actions.ENERGY_UNIT:
        return False
    if world.funds[1] < funds * actions.FUNDS_UNIT:
        return False
    if row.target == Target.HOST:
        if not world.hosts[target]["exists"]:
            return False
        if kind in red.WITHOUT_SESSION and has_session(world, r, target):
            return False
    return _prerequisite(world, r, kind, target)


def _prerequisite(world: World, r: int, kind: Red, target: int) -> bool:
    info = world.reds[r]
    known = target in info["known"]
    match kind:
        case Red.WAIT | Red.LIE_LOW:
            return True
        case Red.EXPLOIT_REMOTE_SERVICE:
            return known and believed_weakness(world, r, target) is not None
        case Red.DISCOVER_NETWORK_SERVICES:
            return known and bool(sources(world, r, world.zone[target], ANY_PORT))
        case Red.EXPLOIT_BLUE_KEEP | Red.EXPLOIT_ETERNAL_BLUE | Red.EXPLOIT_HTTP_RFI:
            return known and target in info["scan"] and port_used(world, r, kind, target) is not None
        case Red.PASS_THE_TICKET:
            zone = world.zone[target]
            scopes = [int(hosts.ZONE_ADMIN[zone])]
            scopes += [hosts.Scope.CORP_USER] if zone == Zone.CORPORATE else []
            held = any(token_valid(world, r, s, truth=False) for s in scopes)
            return known and held and port_used(world, r, kind, target) is not None
        case Red.PASS_THE_HASH:
            return (
                known
                and bool(_rooted_controllers(world, r, world.zone[target]))
                and port_used(world, r, kind, target) is not None
            )
        case Red.NETWORK_SCAN | Red.DISCOVER_REMOTE_SYSTEMS:
            return bool(zone_sources(world, r, kind, target))
        case Red.SHARE_INTELLIGENCE:
            return world.loot > 0 or any(usable(world, r, h) for h in slots(world))
        case Red.IP_FRAGMENTATION:
            return known
        case Red.SPEAR_PHISHING:
            return known or target == unknown_workstation(world, r)
        case _:
            return local_fits(world, r, kind, target) and (
                kind != Red.V4L2 or bool(info["scan"].get(target, (0, 0))[1] >> Weakness.V4L2 & 1)
            )


def local_fits(world: World, r: int, kind: Red, h: int) -> bool:
    """Prerequisites of the kinds that work on a host of red's own, from the session there."""
    host, services = world.hosts[h], world.net["services"][h]
    if kind in _ROOT_LOCAL:
        if not usable(world, r, h, Privilege.ROOT):
            return False
    elif kind == Red.EXFILTRATE_DATA:
        if not usable(world, r, h):
            return False
    elif not (usable(world, r, h) and host["priv"] == Privilege.USER):
        return False
    match kind:
        case Red.JUICY_POTATO:
            return is_windows(world, h) and bool(services & bits(Service.IIS))
        case Red.V4L2:
            return bool(hosts.IS_LINUX[world.net["os"][h]])
        case Red.IMPACT:
            return host["role"] != Role.PLC
        case Red.OVERLOAD_PLC:
            return host["role"] == Role.PLC
        case Red.EXFILTRATE_DATA:
            return host["taken"] < host["data"] and bool(open_ports(world, world.zone[h], Zone.INTERNET, 0))
        case _:
            return True


def unknown_workstation(world: World, r: int) -> int | None:
    """R20: the lowest unknown workstation of corporate."""
    corporate = slots(world, Zone.CORPORATE)
    return next(
        (
            h
            for h in corporate
            if world.hosts[h]["role"] == Role.WORKSTATION and h not in world.reds[r]["known"]
        ),
        None,
    )


def _rooted_controllers(world: World, r: int, zone: int) -> list[int]:
    return [
        h
        for h in slots(world, zone)
        if world.hosts[h]["role"] == Role.DOMAIN_CONTROLLER and usable(world, r, h, Privilege.ROOT)
    ]


def believed_weakness(world: World, r: int, h: int) -> int | None:
    """R1: the lowest weakness of red's picture with a port that it believes to reach."""
    ports, weak = world.reds[r]["scan"].get(h, (0, 0))
    for weakness in Weakness:
        port = hosts.weakness_port(weakness, ports)
        if weak >> weakness & 1 and port is not None and sources(world, r, world.zone[h], 1 << port):
            return weakness
    return None


def port_used(world: World, r: int, kind: Red, h: int) -> int | None:
    """Port class that an action would use, by red's belief; None: it reaches none."""
    ports = world.reds[r]["scan"].get(h, (0, 0))[0]
    if kind == Red.EXPLOIT_REMOTE_SERVICE:
        weakness = believed_weakness(world, r, h)
        return None if weakness is None else hosts.weakness_port(weakness, ports)
    return believed_port(world, r, h, _ports_of(kind, ports))


def _ports_of(kind: Red, ports: int) -> tuple[int, ...]:
    """Port classes of an action in the order of its choice; ``ports`` those of the picture or of the host."""
    match kind:
        case Red.EXPLOIT_BLUE_KEEP:
            return (Port.RDP,)
        case Red.EXPLOIT_HTTP_RFI:
            first = hosts.weakness_port(Weakness.CVE_2021_44228, ports)
            return (first, Port.HTTP if first == Port.TOMCAT else Port.TOMCAT)
        case Red.PASS_THE_TICKET:
            return red.TICKET_PORTS
        case _:
            return (Port.SMB,)


def zone_sources(world: World, r: int, kind: Red, zone: int) -> list[int]:
    """Sources of R15 and R16, best first: any reach; for R16 also a session in the zone."""
    found = sources(world, r, zone, ANY_PORT)
    if kind == Red.DISCOVER_REMOTE_SYSTEMS:
        inside = [h for h in slots(world, zone) if usable(world, r, h) and h not in found]
        found = sorted(inside, key=lambda h: (-world.hosts[h]["priv"], h)) + found
    return found


def source_of(world: World, agent: int, kind: Red, target: int) -> int:
    """The source that an action takes at its start (§3.3)."""
    r = agent - NUM_BLUE
    if kind in red.LOCAL:
        return target
    if kind in _USES_A_PORT:
        return sources(world, r, world.zone[target], 1 << port_used(world, r, kind, target))[0]
    if kind in (Red.NETWORK_SCAN, Red.DISCOVER_REMOTE_SYSTEMS):
        return zone_sources(world, r, kind, target)[0]
    if kind in (Red.DISCOVER_NETWORK_SERVICES, Red.IP_FRAGMENTATION):
        return (sources(world, r, world.zone[target], ANY_PORT) or [NO_HOST])[0]
    if kind == Red.SHARE_INTELLIGENCE:
        mine = [h for h in slots(world) if usable(world, r, h)]
        return min(mine, key=lambda h: (-world.hosts[h]["priv"], h), default=NO_HOST)
    return NO_HOST


# ---------------------------------------------------------------- completions


def complete(world: World, agent: int, row_draws: dict[str, Any], acc: dict[str, int]) -> int:
    """Effects and tokens of an action of red that was not cancelled; returns its outcome."""
    doing = dict(world.agents[agent])
    kind, h, r = Red(doing["kind"]), doing["target"], agent - NUM_BLUE
    before = world.copy()
    ids: list[int] = []
    if kind in red.EXPLOITS:
        outcome = _exploit(world, r, kind, h, doing["source"], row_draws, ids)
    else:
        outcome = _effect(world, r, kind, h, doing, row_draws, acc)
    row = red.ROWS[kind]
    telemetry.emit_completion(before, world, agent, row, outcome, row_draws, *ids)
    draws = row_draws["token"][2]
    if outcome == Outcome.CAUGHT:
        _trap(before, world, kind, h, doing["source"], draws)
    seen = outcome in (Outcome.SUCCESS, Outcome.FAILED, Outcome.CAUGHT)
    if kind in red.SEEN_BY_EDR and seen and live_edr(before, h) and _edr_alerts(h, row_draws):
        # edr_alert cannot be lost: the draw of its being kept is that of the alert
        telemetry.record(before, world, Token.EDR_ALERT, h, doing["source"], (0.0, row_draws["gap"]))
    if row.target == Target.HOST and online(before, h) and not online(world, h):
        telemetry.host_down(world, h)
    return outcome


def _trap(before: World, world: World, kind: Red, h: int, source: int, draws: tuple[float, float]) -> None:
    """§4.4: the token of a decoy at the target, of a honeytoken at the source, which it names."""
    if kind in red.EXPLOITS:
        telemetry.record(before, world, Token.DECOY_TOUCH, h, source, draws)
    elif source == NO_HOST:
        telemetry.record(before, world, Token.HONEYTOKEN_USE, h, NO_HOST, draws)
    else:
        telemetry.record(before, world, Token.HONEYTOKEN_USE, source, h, draws)


def _edr_alerts(h: int, row_draws: dict[str, Any]) -> bool:
    return permille(row_draws["host"][h]) < blue.EDR_ALERT_CHANCE


def chance_of(world: World, kind: Red, h: int) -> int:
    """Thousandths of success, after modifiers (§4.2)."""
    chance = int(red.CHANCE[kind])
    if kind == Red.SPEAR_PHISHING:
        chance = world.hosts[h]["phishability"]
    elif chance == 1000:
        return chance
    if kind == Red.EXPLOIT_REMOTE_SERVICE:
        chance = chance * world.net["cvss10"][h] // 100
    if kind in red.SEEN_BY_EDR and live_edr(world, h):
        chance = chance * blue.EDR_FACTOR // 1000
    return max(actions.CHANCE_LEAST, min(actions.CHANCE_MOST, chance))


def take(world: World, r: int, h: int, privilege: int) -> None:
    """Red gets a session, or a better one."""
    host = world.hosts[h]
    host["priv"] = max(host["priv"], privilege)
    host["owner"] = r
    host["rooted"] |= host["priv"] == Privilege.ROOT
    world.reds[r]["known"].add(h)
    world.reds[r]["visited"].add(h)


def reach(world: World, r: int, kind: Red, h: int, source: int, port: int) -> int | None:
    """The outcome of an action that does not get through to a port; None if it does. Red remembers routes."""
    if not online(world, h) or not source_usable(world, r, source):
        return Outcome.GONE
    through = routed(world, source, h, port)
    world.reds[r]["tried"][world.zone[h], port] = 1 if through else 2
    if through and gate_open(world, r, zone_of(world, source), world.zone[h], truth=True):
        return None
    return Outcome.BLOCKED


def _exploit(
    world: World, r: int, kind: Red, h: int, source: int, draws: dict[str, Any], ids: list[int]
) -> int:
    """R1, R4, R5, R6: target, route, gate, false picture, decoy, weakness, chance (§4.4)."""
    info, host = world.reds[r], world.hosts[h]
    weakness, port = _weakness_used(world, r, kind, h, source)
    outcome = reach(world, r, kind, h, source, port)
    if outcome is not None:
        return outcome
    if h in info["false"]:
        ids.append(blue.FALSE_PICTURE_IDS)
        info["false"].discard(h)
        info["scan"].pop(h, None)
        return Outcome.FAILED
    decoy = host["decoy"]
    if blue.DECOY_PORTS[decoy] >> port & 1 and permille(draws["ot"][0]) < blue.DECOY_CHANCE[decoy]:
        return Outcome.CAUGHT
    weak = world.net["weak"][h] >> weakness & 1
    if weak and permille(draws["chance"]) < chance_of(world, kind, h):
        take(world, r, h, Privilege.USER)
        return Outcome.SUCCESS
    crashes = kind in (Red.EXPLOIT_BLUE_KEEP, Red.EXPLOIT_ETERNAL_BLUE)
    if crashes and permille(draws["pick"]) < red.PANIC_CHANCE:
        host["status"] = hosts.Status.PANIC
        host["until"] = world.time + red.PANIC_MS
    return Outcome.FAILED


def _weakness_used(world: World, r: int, kind: Red, h: int, source: int) -> tuple[int, int]:
    """Weakness and port class of an exploit at its completion: of the picture, without one of the host.

    R1 takes the lowest weakness with a port that its source's route has; where there is none, the lowest
    with any port, which is then blocked.
    """
    ports, weak = world.reds[r]["scan"].get(h, (world.net["ports"][h], world.net["weak"][h]))
    if kind != Red.EXPLOIT_REMOTE_SERVICE:
        options = _ports_of(kind, ports)
        return _WEAKNESS[kind], next((p for p in options if routed(world, source, h, p)), options[0])
    options = [(w, hosts.weakness_port(w, ports)) for w in Weakness if weak >> w & 1]
    remote = [(w, p) for w, p in options if p is not None]
    remote = remote or [(Weakness.MS17_010, Port.SMB)]
    return next(((w, p) for w, p in remote if routed(world, source, h, p)), remote[0])


def _effect(
    world: World, r: int, kind: Red, h: int, doing: dict[str, Any], draws: dict[str, Any], acc: dict[str, int]
) -> int:
    """All other actions."""
    if kind in (Red.WAIT, Red.LIE_LOW):
        return Outcome.SUCCESS
    if kind in red.LOCAL:
        return _local(world, r, kind, h, draws, acc)
    if kind in (Red.PASS_THE_TICKET, Red.PASS_THE_HASH):
        return _pass(world, r, kind, h, doing["source"], draws)
    if kind in (Red.DISCOVER_NETWORK_SERVICES, Red.NETWORK_SCAN, Red.DISCOVER_REMOTE_SYSTEMS):
        return _discover(world, r, kind, h, doing, draws)
    if kind == Red.SHARE_INTELLIGENCE:
        if not source_usable(world, r, doing["source"]):
            return Outcome.GONE  # the other attacker took the host, say, or crashed it
        share(world, r)
        return Outcome.SUCCESS
    if kind == Red.IP_FRAGMENTATION:
        if permille(draws["chance"]) >= chance_of(world, kind, h):
            return Outcome.FAILED
        world.hosts[h]["frag_until"] = world.time + red.FRAGMENTED_MS
        return Outcome.SUCCESS
    if not online(world, h) or not world.hosts[h]["phishability"]:
        return Outcome.GONE
    if permille(draws["chance"]) >= chance_of(world, kind, h):
        return Outcome.FAILED
    take(world, r, h, Privilege.USER)
    world.hosts[h]["implant"] = True
    return Outcome.SUCCESS


def _local(world: World, r: int, kind: Red, h: int, draws: dict[str, Any], acc: dict[str, int]) -> int:
    """Actions on a host of red's own."""
    host, info = world.hosts[h], world.reds[r]
    if not local_fits(world, r, kind, h):
        return Outcome.GONE
    level = world.levels[world.zone[h]]
    if kind == Red.EXFILTRATE_DATA and not open_ports(world, world.zone[h], Zone.INTERNET, level):
        return Outcome.BLOCKED
    if kind == Red.V4L2 and not world.net["weak"][h] >> Weakness.V4L2 & 1:
        return Outcome.FAILED
    stopped = kind == Red.IMPACT and live_edr(world, h) and _edr_alerts(h, draws)
    if stopped or permille(draws["chance"]) >= chance_of(world, kind, h):
        return Outcome.FAILED
    match kind:
        case Red.PRIVILEGE_ESCALATE | Red.JUICY_POTATO | Red.V4L2:
            take(world, r, h, Privilege.ROOT)
        case Red.DUMP_LSASS:
            for scope in hosts.Scope:
                if host["cached"] >> scope & 1:
                    expiry = world.time + 1000 * int(world.options["token_lifetime"][scope])
                    info["tokens"][scope] = (world.scopes[scope]["epoch"], expiry)
            if host["honeytoken"] and permille(draws["pick"]) < red.HONEYTOKEN_TAKEN_CHANCE:
                info["honey"] = True
        case Red.IMPACT:
            host["encrypted"] = True
        case Red.KILL_PROCESS:
            host["sensor_killed"] = True
        case Red.EXFILTRATE_DATA:
            host["taken"] += 1
            world.loot += 1
            acc["units"] += 1
        case Red.OVERLOAD_PLC:
            _overload(world, draws["ot"])
    return Outcome.SUCCESS


def _overload(world: World, ot: list[float]) -> None:
    """§3.6, from the nominal setpoints."""
    nominal = world.net["plant_nominal"]
    factor = between(ot[1], *scenarios.OVERLOAD_PRESSURE)
    world.plant_setpoint[Variable.TEMPERATURE] = nominal[Variable.TEMPERATURE] + between(
        ot[0], *scenarios.OVERLOAD_TEMPERATURE
    )
    world.plant_setpoint[Variable.PRESSURE] = nominal[Variable.PRESSURE] * factor // 1000
    world.plant_setpoint[Variable.FLOW] = scenarios.OVERLOAD_FLOW


def _pass(world: World, r: int, kind: Red, h: int, source: int, draws: dict[str, Any]) -> int:
    """R9 and R10."""
    info, host = world.reds[r], world.hosts[h]
    by_hash = kind == Red.PASS_THE_HASH
    if by_hash and not (is_windows(world, h) and _rooted_controllers(world, r, world.zone[h])):
        return Outcome.GONE
    options = _ports_of(kind, 0)
    port = next((p for p in options if routed(world, source, h, p)), options[0])
    outcome = reach(world, r, kind, h, source, port)
    if outcome is not None:
        return outcome
    privilege = Privilege.ROOT
    if not by_hash:
        if info["honey"]:
            info["honey"] = False
            return Outcome.CAUGHT
        if not token_valid(world, r, int(hosts.ZONE_ADMIN[world.zone[h]]), truth=True):
            user = world.zone[h] == Zone.CORPORATE and host["role"] == Role.WORKSTATION
            if not (user and token_valid(world, r, hosts.Scope.CORP_USER, truth=True)):
                return Outcome.BLOCKED
            privilege = Privilege.USER
    if permille(draws["chance"]) >= chance_of(world, kind, h):
        return Outcome.FAILED
    take(world, r, h, privilege)
    return Outcome.SUCCESS


def _discover(
    world: World, r: int, kind: Red, target: int, doing: dict[str, Any], draws: dict[str, Any]
) -> int:
    """R3, R15 and R16."""
    info, source = world.reds[r], doing["source"]
    single = kind == Red.DISCOVER_NETWORK_SERVICES
    if single and (not online(world, target) or world.hosts[target]["lease"] != doing["lease"]):
        return Outcome.GONE
    if not source_usable(world, r, source):
        return Outcome.GONE
    zone, start = world.zone[target] if single else target, zone_of(world, source)
    inside = kind == Red.DISCOVER_REMOTE_SYSTEMS and start == zone
    level = world.levels[zone]
    if single and level == 1 and world.time < world.hosts[target]["frag_until"]:
        level = 0
    through = open_ports(world, start, zone, level) and gate_open(world, r, start, zone, truth=True)
    if not (inside or through):
        return Outcome.BLOCKED
    found = [target] if single else [h for h in slots(world, zone) if online(world, h)]
    for h in found:
        if kind != Red.DISCOVER_REMOTE_SYSTEMS:
            scan(world, r, h)
            info["known"].add(h)
        elif permille(draws["host"][h]) < red.DISCOVER_CHANCE:
            info["known"].add(h)
    return Outcome.SUCCESS


def scan(world: World, r: int, h: int) -> None:
    """Red's picture of a host: true with the decoy in it, or false after Misinform (§4.4)."""
    info, host, windows = world.reds[r], world.hosts[h], int(is_windows(world, h))
    if host["false_scans"]:
        host["false_scans"] -= 1
        info["false"].add(h)
        info["scan"][h] = (int(blue.FALSE_PORTS[windows]), int(blue.FALSE_WEAK[windows]))
        return
    info["false"].discard(h)
    decoy = host["decoy"]
    ports = world.net["ports"][h] | int(blue.DECOY_PORTS[decoy])
    info["scan"][h] = (ports, world.net["weak"][h] | int(blue.DECOY_WEAK[decoy, windows]))


def share(world: World, r: int) -> None:
    """R17: the copy of C2; with two red agents the other one learns it too."""
    info = world.reds[r]
    info["c2"] = {
        "known": set(info["known"]),
        "scan": dict(info["scan"]),
        "false": set(info["false"]),
        "tokens": dict(info["tokens"]),
        "honey": info["honey"],
    }
    info["c2_time"] = world.time
    for other in (other for o, other in enumerate(world.reds) if o != r):
        other["known"] |= info["known"]
        for h, picture in info["scan"].items():
            if h not in other["scan"]:
                other["scan"][h] = picture
                if h in info["false"]:
                    other["false"].add(h)
        for scope, (epoch, expiry) in info["tokens"].items():
            if scope not in other["tokens"] or other["tokens"][scope][1] < expiry:
                other["tokens"][scope] = (epoch, expiry)
        other["honey"] |= info["honey"]


def fall_back(world: World, r: int) -> None:
    """§4.2: what remains after the last session is lost."""
    info, copy = world.reds[r], world.reds[r]["c2"]
    info["known"] = copy["known"] | known_at_reset(world, r)
    info["scan"] = dict(copy["scan"])
    info["false"] = set(copy["false"])
    info["tokens"] = {s: token for s, token in copy["tokens"].items() if token[1] > world.time}
    info["honey"] = copy["honey"]


def expire(world: World) -> None:
    """§2.2: stolen credentials lapse."""
    for info in world.reds:
        info["tokens"] = {s: token for s, token in info["tokens"].items() if token[1] > world.time}


def next_expiry(world: World) -> int:
    return min((expiry for info in world.reds for _, expiry in info["tokens"].values()), default=NEVER)
