"""Blue's actions: what is legal, and what their start and completion do (§4.3)."""

from __future__ import annotations

from typing import Any

from garrison.worlds.soc.tables import actions, blue, hosts, red
from garrison.worlds.soc.tables.actions import Outcome, Target
from garrison.worlds.soc.tables.blue import Blue, Verdict
from garrison.worlds.soc.tables.hosts import Privilege, Role, Status
from garrison.worlds.soc.tables.laws import NEVER
from garrison.worlds.soc.tables.red import Red
from reference import telemetry
from reference.access import zone_of
from reference.world import (
    NUM_BLUE,
    World,
    compute_used,
    live_edr,
    managed,
    online,
    permille,
    slots,
)

DECOYS = (Blue.DECOY_GENERIC, Blue.DECOY_APACHE, Blue.DECOY_SSHD, Blue.DECOY_TOMCAT)
RESTORES = (Blue.RESTORE, Blue.RESTORE_FROM_BACKUP)


# ---------------------------------------------------------------- legality


def legal(world: World, agent: int, kind: Blue, target: int) -> bool:
    """Whether a blue agent may start an action on one of its own targets, by what it knows."""
    row = blue.ROWS[kind]
    if world.agents[agent]["energy"] < row.energy * actions.ENERGY_UNIT:
        return False
    if world.funds[0] < row.funds * actions.FUNDS_UNIT:
        return False
    match row.target:
        case Target.NONE:
            return True
        case Target.HOST:
            mine = hosts.ZONE_OWNER[world.zone[target]] == agent
            return bool(mine) and world.hosts[target]["exists"] and _on_host(world, kind, target)
        case Target.ZONE:
            return hosts.ZONE_OWNER[target] == agent and _on_zone(world, kind, target)
        case _:
            return hosts.SCOPE_OWNER[target] == agent


def _on_host(world: World, kind: Blue, h: int) -> bool:
    host = world.hosts[h]
    if not managed(world, h) and kind not in blue.ON_UNMANAGED:
        return False
    match kind:
        case Blue.ISOLATE:
            return host["status"] == Status.ONLINE
        case Blue.RECONNECT:
            return host["status"] == Status.ISOLATED
        case Blue.RESTORE | Blue.RESTORE_FROM_BACKUP:
            return host["status"] != Status.OFF
        case Blue.ANALYSE | Blue.REMOVE:
            return host["status"] in (Status.ONLINE, Status.ISOLATED)
        case Blue.DEPLOY_EDR:
            return not host["edr"] and fits_compute(world, kind, h)
        case Blue.HONEYTOKEN:
            return fits_compute(world, kind, h)
        case Blue.MISINFORM:
            return host["role"] != Role.PLC
        case _:
            return host["role"] != Role.PLC and fits_compute(world, kind, h)


def _on_zone(world: World, kind: Blue, zone: int) -> bool:
    match kind:
        case Blue.RESTRICT:
            return world.levels[zone] < 2
        case Blue.RELAX:
            return world.levels[zone] > 0
        case Blue.AWARENESS:
            return any(world.hosts[h]["home"] for h in slots(world, zone))
        case _:
            return True


def fits_compute(world: World, kind: Blue, h: int) -> bool:
    """§4.1: there is capacity; a decoy or honeytoken that is replaced frees its own."""
    freed = blue.DECOY_COMPUTE if kind in DECOYS and world.hosts[h]["decoy"] else 0
    if kind == Blue.HONEYTOKEN and world.hosts[h]["honeytoken"]:
        freed = blue.HONEYTOKEN_COMPUTE
    return compute_used(world) - freed + blue.ROWS[kind].compute <= actions.COMPUTE_CAP


# ---------------------------------------------------------------- starts and cancellation


def start(world: World, kind: Blue, h: int) -> None:
    """Effects of a start (§2.4): Restore and RestoreFromBackup take the host down."""
    if kind in RESTORES:
        world.hosts[h]["status"] = Status.REIMAGING
        world.hosts[h]["until"] = NEVER
        cancel(world, h)


def _busy_reds(world: World) -> list[tuple[dict[str, Any], Target]]:
    """Red agents with an action in flight other than waiting, with the kind of its target."""
    found = []
    for agent in world.agents[NUM_BLUE:]:
        if agent["kind"] not in (Red.NONE, Red.WAIT, Red.LIE_LOW):
            found.append((agent, red.ROWS[Red(agent["kind"])].target))
    return found


def _abort(world: World, agent: dict[str, Any]) -> None:
    agent["cancelled"] = True
    agent["done"] = world.time


def cancel(world: World, h: int) -> None:
    """Aborts the actions of red whose source or target a host is (§2.4)."""
    for agent, target in _busy_reds(world):
        if agent["source"] == h or (target == Target.HOST and agent["target"] == h):
            _abort(world, agent)


def cancel_across(world: World, zone: int) -> None:
    """Aborts the actions of red that come from a zone or cross its border (§2.4)."""
    for agent, target in _busy_reds(world):
        into = None
        if target == Target.HOST:
            into = world.zone[agent["target"]]
        elif target == Target.ZONE:
            into = agent["target"]
        start_zone = zone_of(world, agent["source"])
        if start_zone == zone or (into == zone and start_zone != zone):
            _abort(world, agent)


# ---------------------------------------------------------------- completions


def complete(world: World, agent: int, draws: dict[str, Any]) -> int:
    """Effects and tokens of an action of blue; returns its outcome."""
    doing = dict(world.agents[agent])
    kind, target = Blue(doing["kind"]), doing["target"]
    before = world.copy()
    row = blue.ROWS[kind]
    match row.target:
        case Target.HOST:
            outcome = _host(world, kind, target, doing, draws)
        case Target.ZONE:
            outcome = _zone(world, kind, target, draws)
        case Target.SCOPE:
            outcome = rotate(world, target)
        case _:
            outcome = Outcome.SUCCESS
    telemetry.emit_completion(before, world, agent, row, outcome, draws)
    if row.target == Target.HOST and online(before, target) and not online(world, target):
        telemetry.host_down(world, target)
    return outcome


def _host(world: World, kind: Blue, h: int, doing: dict[str, Any], draws: dict[str, Any]) -> int:
    host = world.hosts[h]
    if not host["exists"]:
        return Outcome.GONE
    match kind:
        case Blue.ISOLATE:
            if host["status"] != Status.ONLINE:
                return Outcome.GONE
            host["status"] = Status.ISOLATED
            cancel(world, h)
        case Blue.RECONNECT:
            if host["status"] != Status.ISOLATED:
                return Outcome.GONE
            host["status"] = Status.ONLINE
        case Blue.RESTORE | Blue.RESTORE_FROM_BACKUP:
            return _restore(world, kind, h, doing)
        case Blue.ANALYSE:
            if host["status"] not in (Status.ONLINE, Status.ISOLATED):
                return Outcome.GONE
            _analyse(world, h, draws)
        case Blue.REMOVE:
            return _remove(world, h)
        case Blue.MISINFORM:
            host["false_scans"] = blue.FALSE_SCANS
        case _:
            return _deploy(world, kind, h)
    return Outcome.SUCCESS


def _restore(world: World, kind: Blue, h: int, doing: dict[str, Any]) -> int:
    host = world.hosts[h]
    if kind == Blue.RESTORE_FROM_BACKUP:
        backups = [b for b in slots(world) if world.hosts[b]["role"] == Role.BACKUP and online(world, b)]
        if not any(not world.hosts[b]["priv"] and not world.hosts[b]["encrypted"] for b in backups):
            panicked = doing["status"] == Status.PANIC
            host["status"] = Status.ONLINE if panicked else doing["status"]
            return Outcome.BLOCKED
        host["encrypted"] = False
    host.update(
        priv=Privilege.NONE,
        owner=0,
        implant=False,
        sensor_killed=False,
        decoy=0,
        honeytoken=False,
        false_scans=0,
        cached=host["home"],
        status=Status.ONLINE,
    )
    if host["role"] == Role.PLC:
        world.plant_setpoint = list(world.net["plant_nominal"])
    report(world, h, Verdict.RESTORED)
    return Outcome.SUCCESS


def report(world: World, h: int, verdict: int) -> None:
    world.hosts[h]["verdict"] = verdict
    world.hosts[h]["verdict_time"] = world.time


def _analyse(world: World, h: int, draws: dict[str, Any]) -> None:
    host = world.hosts[h]
    chance = int(blue.ANALYSE_CHANCE[host["priv"]])
    if host["priv"] and live_edr(world, h):
        chance = blue.ANALYSE_EDR_CHANCE
    verdict = Verdict.CLEAN
    if permille(draws["chance"]) < chance:
        verdict = Verdict.ROOT if host["priv"] == Privilege.ROOT else Verdict.USER
    report(world, h, Verdict.ENCRYPTED if host["encrypted"] else verdict)
    if host["sensor_killed"]:
        host["edr"] = False


def _remove(world: World, h: int) -> int:
    host = world.hosts[h]
    if host["status"] not in (Status.ONLINE, Status.ISOLATED):
        return Outcome.GONE
    if host["priv"] == Privilege.ROOT:
        return Outcome.FAILED
    host.update(priv=Privilege.NONE, owner=0, implant=False)
    cancel(world, h)
    return Outcome.SUCCESS


def _deploy(world: World, kind: Blue, h: int) -> int:
    host = world.hosts[h]
    if not fits_compute(world, kind, h):
        return Outcome.BLOCKED
    if kind == Blue.DEPLOY_EDR:
        host.update(edr=True, sensor_killed=False)
    elif kind == Blue.HONEYTOKEN:
        host["honeytoken"] = True
    else:
        host["decoy"] = 1 + DECOYS.index(kind)
    return Outcome.SUCCESS


def _zone(world: World, kind: Blue, zone: int, draws: dict[str, Any]) -> int:
    match kind:
        case Blue.RESTRICT:
            world.levels[zone] += 1
            if world.levels[zone] == 2:
                cancel_across(world, zone)
        case Blue.RELAX:
            world.levels[zone] -= 1
        case Blue.AWARENESS:
            for h in slots(world, zone):
                least = world.net["phishability"][h] // blue.AWARENESS_LEAST
                trained = world.hosts[h]["phishability"] * blue.AWARENESS_FACTOR // 1000
                world.hosts[h]["phishability"] = max(trained, least)
        case Blue.MONITOR:
            for h in slots(world, zone):
                hit = permille(draws["host"][h]) < monitor_chance(world, h)
                if online(world, h) and managed(world, h) and hit:
                    report(world, h, Verdict.SUSPECT)
    return Outcome.SUCCESS


def monitor_chance(world: World, h: int) -> int:
    """Thousandths in which Monitor suspects a host."""
    host = world.hosts[h]
    chance = int(blue.MONITOR_CHANCE[host["priv"]])
    if host["priv"]:
        chance += blue.MONITOR_EDR * live_edr(world, h) - blue.MONITOR_SENSOR_OFF * host["sensor_killed"]
    return chance


def rotate(world: World, scope: int) -> int:
    """§3.4: a new epoch; what is cached of the old one is cleared everywhere."""
    world.scopes[scope]["epoch"] += 1
    world.scopes[scope]["rotated"] = world.time
    world.scopes[scope]["reauth_until"] = world.time + hosts.REAUTH_MS
    for host in world.hosts:
        host["cached"] &= ~(1 << scope)
    return Outcome.SUCCESS
