"""Routes, the gate and sources (§3.3, §3.4): in truth, and as red believes them to be."""

from __future__ import annotations

from collections.abc import Iterable

from garrison.worlds.soc.tables import hosts, routes
from garrison.worlds.soc.tables.hosts import NO_HOST, Port, Role, Zone
from reference.world import World, slots, usable


def zone_of(world: World, source: int) -> int:
    """Zone of a source; ``NO_HOST`` is the internet."""
    return Zone.INTERNET if source == NO_HOST else world.zone[source]


def open_ports(world: World, start: int, end: int, level: int) -> int:
    """Bits of the port classes that are open from zone to zone at a level."""
    return int(routes.ALLOW[int(world.options["guest_to_ot"]), level, start, end])


def level_of(world: World, h: int) -> int:
    """Level of the traffic to a host: for fragmented traffic strict counts as normal (R18)."""
    level = world.levels[world.zone[h]]
    return 0 if level == 1 and world.time < world.hosts[h]["frag_until"] else level


def gate_open(world: World, red: int, start: int, zone: int, truth: bool) -> bool:
    """Whether red may enter ``zone`` from the zone ``start`` (§3.4); red believes in tokens that it holds."""
    scope = int(routes.GATE[zone])
    if start == zone or scope < 0:
        return True
    if token_valid(world, red, scope, truth):
        return True
    if zone != Zone.OT:
        return False
    if world.options["guest_to_ot"] and start == Zone.GUEST:
        return True
    return any(
        world.hosts[h]["role"] == Role.ENGINEERING_WORKSTATION and usable(world, red, h) for h in slots(world)
    )


def token_valid(world: World, red: int, scope: int, truth: bool) -> bool:
    """In truth its epoch is the scope's and it has not expired; red does not see rotations."""
    if scope not in world.reds[red]["tokens"]:
        return False
    epoch, expiry = world.reds[red]["tokens"][scope]
    return world.time < expiry and (not truth or epoch == world.scopes[scope]["epoch"])


def routed(world: World, source: int, h: int, port: int) -> bool:
    """Whether a port of a host is open from a source, in truth and without the gate."""
    return bool(open_ports(world, zone_of(world, source), world.zone[h], level_of(world, h)) >> port & 1)


def source_usable(world: World, red: int, source: int) -> bool:
    return source == NO_HOST or usable(world, red, source)


def sources(world: World, red: int, zone: int, ports: int) -> list[int]:
    """Sources from which red believes that it reaches one of ``ports`` (bits) in a zone, best first.

    Own zone before others, then privilege, then lowest slot; the internet last (§3.3).
    """
    found = [
        h for h in slots(world) if usable(world, red, h) and _believes(world, red, world.zone[h], zone, ports)
    ]
    found.sort(key=lambda h: (world.zone[h] != zone, -world.hosts[h]["priv"], h))
    return found + [NO_HOST] * _believes(world, red, Zone.INTERNET, zone, ports)


def _believes(world: World, red: int, start: int, zone: int, ports: int) -> bool:
    return bool(open_ports(world, start, zone, 0) & ports) and gate_open(world, red, start, zone, truth=False)


def believed_port(world: World, red: int, h: int, ports: Iterable[int]) -> int | None:
    """The first of ``ports`` at which red believes that it reaches a host."""
    return next((p for p in ports if sources(world, red, world.zone[h], 1 << p)), None)


ANY_PORT = hosts.bits(*Port)
