"""What changes by itself: clocks, the plant and batches (§3.5, §3.6, §5)."""

from __future__ import annotations

from typing import Any

from garrison.worlds.soc import laws
from garrison.worlds.soc.tables import hosts, scenarios
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables.blue import Blue
from garrison.worlds.soc.tables.hosts import NO_HOST, Privilege, Role, Status, Zone
from garrison.worlds.soc.tables.laws import BATCH_MS, NEVER, Clock
from garrison.worlds.soc.tables.tokens import Token
from reference import telemetry
from reference.blue import cancel
from reference.red import take
from reference.world import (
    NUM_BLUE,
    World,
    has_session,
    managed,
    online,
    own_hosts,
    permille,
    pick,
    slots,
)


def gap(world: World, clock: int, u: float, least: int = L.CLOCK_LEAST_MS) -> int:
    """Milliseconds to the next occurrence of a clock; NEVER where it is switched off."""
    mean = int(world.options["clock_mean"][clock])
    return max(least, mean * laws.draw(laws.quantiles(), L.EXP_LAW, u)) if mean else NEVER


def tick(world: World, clock: Clock, draws: dict[str, Any]) -> None:
    """One occurrence of a clock, and the time of its next one."""
    {
        Clock.LOGON: _logon,
        Clock.DHCP: _dhcp,
        Clock.CHURN: _churn,
        Clock.MIGRATE: _migrate,
        Clock.ARRIVE: _arrive,
    }[clock](world, draws)
    world.clock[clock] = world.time + gap(world, clock, draws["gap"])


def _logon(world: World, draws: dict[str, Any]) -> None:
    options = [
        h
        for h in slots(world)
        if online(world, h)
        and managed(world, h)
        and world.hosts[h]["home"]
        and not world.hosts[h]["encrypted"]
    ]
    if not options:
        return
    h = pick(draws["pick"], options)
    world.hosts[h]["cached"] |= world.hosts[h]["home"]
    for kind, token in ((Token.AUTH_OK, draws["token"][0]), (Token.KERB_TGT, draws["token"][1])):
        telemetry.record(world, world, kind, h, NO_HOST, tuple(token))


def _dhcp(world: World, draws: dict[str, Any]) -> None:
    for h in slots(world, pick(draws["pick"], list(range(hosts.NUM_ZONES)))):
        if not hosts.TAKES_NEW_ADDRESS[world.hosts[h]["role"]]:
            continue
        if permille(draws["host"][h]) >= L.DHCP_CHANCE:
            continue
        world.hosts[h]["lease"] += 1
        for r, info in enumerate(world.reds):
            if not has_session(world, r, h):
                for book in (info, info["c2"]):
                    book["known"].discard(h)
                    book["scan"].pop(h, None)
                    book["false"].discard(h)


def _churn(world: World, draws: dict[str, Any]) -> None:
    options = [
        h
        for h in slots(world)
        if hosts.TOGGLES[world.hosts[h]["role"]] and world.hosts[h]["status"] in (Status.ONLINE, Status.OFF)
    ]
    if not options:
        return
    h = pick(draws["pick"], options)
    host = world.hosts[h]
    if host["status"] == Status.OFF:
        host["status"] = Status.ONLINE
        return
    host["status"] = Status.OFF
    if not host["implant"]:
        host.update(priv=Privilege.NONE, owner=0)
    cancel(world, h)
    telemetry.host_down(world, h)


def _migrate(world: World, draws: dict[str, Any]) -> None:
    servers = [
        h
        for h in slots(world)
        if hosts.IS_SERVER[world.hosts[h]["role"]] and online(world, h) and not world.hosts[h]["encrypted"]
    ]
    partners = {h: [o for o in servers if o != h and world.zone[o] == world.zone[h]] for h in servers}
    options = [h for h in servers if partners[h]]
    if not options:
        return
    first = pick(draws["pick"], options)
    second = pick(draws["chance"], partners[first])
    a, b = world.hosts[first], world.hosts[second]
    for name in ("role", "weight", "data", "taken", "home", "cached"):
        a[name], b[name] = b[name], a[name]


def _arrive(world: World, draws: dict[str, Any]) -> None:
    spare = [h for h, s in enumerate(world.net["spare"]) if s and not world.hosts[h]["exists"]]
    if not spare:
        return
    h = spare[0]
    world.hosts[h].update(exists=True, role=Role.BYOD, status=Status.ONLINE)
    if permille(draws["chance"]) < L.ARRIVE_SESSION_CHANCE:
        take(world, 0, h, Privilege.USER)


# ---------------------------------------------------------------- timers


def next_timer(world: World) -> int:
    return min(*(host["until"] for host in world.hosts), *(scope["reauth_until"] for scope in world.scopes))


def timer(world: World) -> None:
    """Panics and re-logon phases that end now."""
    for host in world.hosts:
        if host["until"] <= world.time:
            host.update(status=Status.ONLINE, until=NEVER)
    for scope in world.scopes:
        if scope["reauth_until"] <= world.time:
            scope["reauth_until"] = NEVER


# ---------------------------------------------------------------- plant and batches


def normal(u: float) -> int:
    """A normal draw in 1/1024 of its sd."""
    return laws.draw(laws.normal()[None], 0, u)


def plant(world: World, ot: list[float]) -> None:
    """§3.6: one step of relaxation."""
    for v in scenarios.Variable:
        x, setpoint = world.plant_value[v], world.plant_setpoint[v]
        noise = int(scenarios.PLANT_NOISE[v]) * normal(ot[v]) >> 10
        world.plant_value[v] = x + ((setpoint - x) * int(scenarios.PLANT_K[v]) >> 16) + noise


def batch(world: World, draws: dict[str, Any]) -> None:
    """Noise, plant, delivery, messages, release of ``watch``."""
    telemetry.record_noise(world, draws["host"])
    if slots(world, Zone.OT):
        plant(world, draws["ot"])
        telemetry.alarms(world)
    severe = telemetry.deliver(world)
    telemetry.heartbeats(world)
    world.message_heard = list(world.message_sent)
    for a in range(NUM_BLUE):
        if world.agents[a]["kind"] == Blue.WATCH and severe & set(own_hosts(world, a)):
            world.agents[a]["done"] = world.time
    world.batch_next = world.time + BATCH_MS
