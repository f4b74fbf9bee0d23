"""Tokens: who sees them, when they arrive, and what is counted of them (§5.1-5.3)."""

from __future__ import annotations

from garrison.worlds.soc import laws
from garrison.worlds.soc.tables import hosts, noise, tokens
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables.actions import Outcome, Row, Target
from garrison.worlds.soc.tables.hosts import NO_HOST, Role, Scope, Zone
from garrison.worlds.soc.tables.scenarios import PLANT_ALARM
from garrison.worlds.soc.tables.tokens import Emission, Place, Sensor, Token
from reference.world import World, live_edr, managed, online, permille, pick, slots


def batch_of(time: int) -> int:
    """Number of the first batch at or after a time."""
    return -(-time // L.BATCH_MS)


def controllers(world: World, zone: int) -> list[int]:
    """Existing DCs in charge of a zone (§5.1)."""
    charge = int(tokens.DIRECTORY_ZONE[zone])
    return [h for h in slots(world, charge) if world.hosts[h]["role"] == Role.DOMAIN_CONTROLLER]


def sensed(world: World, kind: int, h: int) -> bool:
    """Whether the sensor of a type works at a host."""
    match Sensor(int(tokens.SENSOR[kind])):
        case Sensor.HOST:
            return managed(world, h) and not world.hosts[h]["sensor_killed"]
        case Sensor.DIRECTORY:
            return any(online(world, dc) for dc in controllers(world, world.zone[h]))
        case Sensor.EDR:
            return live_edr(world, h)
        case Sensor.DECEPTION:
            return kind == Token.HONEYTOKEN_USE or world.hosts[h]["decoy"] > 0
        case Sensor.HEALTH:
            return managed(world, h)
        case _:
            return True


def keep_chance(world: World, kind: int, h: int, other: int, chance: int, outcome: int, red: bool) -> int:
    """Thousandths in which a token is kept: chance, loss, one zone, fragmentation."""
    sensor = int(tokens.SENSOR[kind])
    chance = chance * (1000 - int(tokens.LOSS[sensor, int(outcome == Outcome.FAILED)])) // 1000
    if sensor == Sensor.NETWORK:
        if other != NO_HOST and world.zone[other] == world.zone[h]:
            chance = chance * tokens.INSIDE_SEEN // 1000
        if red and world.time < world.hosts[h]["frag_until"]:
            chance = chance * tokens.FRAGMENTED_SEEN // 1000
    return chance


def delay_of(world: World, kind: int, u: float) -> int:
    law = int(L.TOKEN_LAW[kind])
    return laws.draw(laws.quantiles(), law, u) * int(world.options["delay_scale"]) // 1000


def write(world: World, kind: int, h: int, other: int, delay: int, port: int | None = None) -> None:
    """Append a token to the ring; what it overwrites before its delivery is lost."""
    old = world.ring[world.ring_next]
    if old is not None and old["deliver"] * L.BATCH_MS >= world.batch_next:
        world.tokens_lost += 1
    world.ring[world.ring_next] = {
        "what": noise.tuple_of(kind, world.net["os"][h], port),
        "where": h | other << 8,
        "recorded": batch_of(world.time),
        # an action that starts at the instant of a batch does so after it
        "deliver": max(batch_of(world.time + delay), world.batch_next // L.BATCH_MS),
    }
    world.ring_next = (world.ring_next + 1) % len(world.ring)


def record(
    before: World,
    world: World,
    kind: int,
    h: int,
    source: int,
    draws: tuple[float, float],
    chance: int = 1000,
    outcome: int = Outcome.SUCCESS,
    red: bool = False,
    port: int | None = None,
) -> None:
    """Record a token of an action or a clock at ``h``, if the draw keeps it.

    ``before`` is the world before the effects of what caused it: it decides what the sensors see.
    """
    other = NO_HOST if source == h else source
    if sensed(before, kind, h) and permille(draws[0]) < keep_chance(
        before, kind, h, other, chance, outcome, red
    ):
        write(world, kind, h, other, delay_of(world, kind, draws[1]), port)


def host_down(world: World, h: int) -> None:
    """§4.5: once, when the host leaves the status ONLINE."""
    if managed(world, h):
        write(world, Token.HOST_DOWN, h, NO_HOST, delay_of(world, Token.HOST_DOWN, 0.0))


# ---------------------------------------------------------------- tokens of actions


def place_of(world: World, emission: Emission, row: Row, target: int, source: int, u: float) -> int | None:
    """Where a token of an action is recorded; None: nowhere."""
    match emission.place:
        case Place.SOURCE:
            return None if source == NO_HOST else source
        case Place.DRAWN:
            options = [h for h in slots(world, target) if online(world, h)]
            return pick(u, options) if options else None
        case Place.CONTROLLER:
            zone = target
            if row.target == Target.SCOPE:
                zone = next(z for z in range(hosts.NUM_ZONES) if hosts.SCOPE_ZONES[Scope(target), z])
            found = controllers(world, zone)
            return found[0] if found else None
        case _:
            return target


def emit(
    before: World,
    world: World,
    agent: int,
    row: Row,
    emission: Emission,
    draws: tuple[float, float],
    place: float = 0.0,
    outcome: int = Outcome.SUCCESS,
    port: int | None = None,
    chance: int | None = None,
) -> None:
    """Emit one token of an agent's row. ``port`` is that of a flow by the port class used."""
    doing = before.agents[agent]
    h = place_of(before, emission, row, doing["target"], doing["source"], place)
    if h is None:
        return
    kind = emission.type
    if kind is None:
        kind = Token(int(tokens.PORT_FLOW[port]))
    else:
        port = None
    chance = emission.chance if chance is None else chance
    record(before, world, kind, h, doing["source"], draws, chance, outcome, agent >= hosts.NUM_BLUE, port)


def emit_completion(
    before: World, world: World, agent: int, row: Row, outcome: int, draws: dict, ids: int | None = None
) -> None:
    """The tokens of a row at its completion; ``ids`` replaces the chance of the third one, an ids (§4.4)."""
    if outcome not in (Outcome.SUCCESS, Outcome.FAILED):
        return
    row_tokens = [*row.at_completion, None, None, None][:3]
    if ids is not None:
        row_tokens[2] = Emission(Token.IDS, failure=True, chance=ids)
    for i, emission in enumerate(row_tokens):
        if emission and (emission.success if outcome == Outcome.SUCCESS else emission.failure):
            emit(before, world, agent, row, emission, tuple(draws["token"][i]), draws["host"][i], outcome)


# ---------------------------------------------------------------- batches


def record_noise(world: World, uniforms: list[float]) -> None:
    """§5.2: each online, managed, unencrypted host records at most one token."""
    options = world.options
    night = (world.time + world.net["day_offset"]) % noise.CYCLE_MS >= noise.DAY_MS
    for h in slots(world):
        host = world.hosts[h]
        if not (online(world, h) and managed(world, h)) or host["encrypted"]:
            continue
        bits = int(uniforms[h] * 2**24)
        occurrence, entry, delay = bits >> 12, bits >> 4 & 255, bits & 15
        what = int(noise.entries()[host["role"], world.net["os"][h], entry])
        kind = what & 31
        severe = tokens.SEVERITY[kind] >= tokens.SEVERE
        rates, scale = (noise.ALARM_RATES, "alarm_scale") if severe else (noise.RATES, "noise_scale")
        other = world.net["peer"][h] if noise.IS_FLOW[kind] else NO_HOST
        rate = int(rates[host["role"], int(night)]) * int(options[scale]) // 1000
        rate = keep_chance(world, kind, h, other, rate, Outcome.SUCCESS, red=False)
        if sensed(world, kind, h) and occurrence < rate:
            law = int(L.TOKEN_LAW[kind])
            wait = (
                int(laws.quantiles()[law, noise.delay_quantile(delay)]) * int(options["delay_scale"]) // 1000
            )
            write(world, kind, h, other, wait, port=what >> 13)


def deliver(world: World) -> set[int]:
    """§5.3: counters of the tokens due at this batch; returns the hosts with a severe one."""
    number = batch_of(world.time)
    due = [entry for entry in world.ring if entry and entry["deliver"] == number]
    severe = set()
    for host in world.hosts:
        host["fast"] = [c - -(-c // tokens.FAST_DECAY) for c in host["fast"]]
        host["slow"] = [c - -(-c // tokens.SLOW_DECAY) for c in host["slow"]]
    for entry in due:
        kind, h = entry["what"] & 31, entry["where"] & 255
        for counter in ("fast", "slow"):
            world.hosts[h][counter][tokens.GROUP[kind]] += tokens.ONE_TOKEN
        if tokens.SEVERITY[kind] >= tokens.SEVERE:
            severe.add(h)
            world.hosts[h]["severe"] = number
    for host in world.hosts:
        for counter in ("fast", "slow"):
            host[counter] = [min(c, tokens.COUNTER_MAX) for c in host[counter]]
    return severe


def heartbeats(world: World) -> None:
    """§5.3: the last sign of life of each host's sensor."""
    for h in slots(world):
        host = world.hosts[h]
        if online(world, h) and managed(world, h) and not host["sensor_killed"] and not host["encrypted"]:
            host["heartbeat"] = batch_of(world.time)


def alarms(world: World) -> None:
    """§3.6: one token per variable outside its limits."""
    in_ot = slots(world, Zone.OT)
    plcs = [h for h in in_ot if world.hosts[h]["role"] == Role.PLC]
    for value, (low, high) in zip(world.plant_value, PLANT_ALARM.tolist(), strict=True):
        if value < low or value > high:
            h = (plcs or in_ot)[0]
            write(world, Token.OT_ALARM, h, NO_HOST, delay_of(world, Token.OT_ALARM, 0.0))
