"""The state of the reference interpreter, and the same under the names of the kernel's fields.

A world is made of dictionaries and lists: one dictionary per agent, host, scope and red agent. What is fixed
during an episode is the dictionary ``net`` (:mod:`reference.generator`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from garrison.worlds.soc.tables import actions, hosts, scenarios
from garrison.worlds.soc.tables.hosts import NO_HOST, Privilege, Role, Status, Zone
from garrison.worlds.soc.tables.laws import BATCH_MS, CLOCK_LEAST_MS, NEVER
from garrison.worlds.soc.tables.tokens import GROUPS

NUM_BLUE = hosts.NUM_BLUE


@dataclass
class World:
    """One episode. ``options`` has the names of the kernel's ``Options``, as numbers and lists."""

    net: dict[str, Any]
    options: dict[str, Any]
    time: int = 0
    terminated: bool = False
    truncated: bool = False
    batch_next: int = BATCH_MS
    clock: list[int] = field(default_factory=list)
    hold_until: int = NEVER
    agents: list[dict[str, Any]] = field(default_factory=list)
    funds: list[int] = field(default_factory=list)
    hosts: list[dict[str, Any]] = field(default_factory=list)
    scopes: list[dict[str, int]] = field(default_factory=list)
    reds: list[dict[str, Any]] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    loot: int = 0
    plant_value: list[int] = field(default_factory=list)
    plant_setpoint: list[int] = field(default_factory=list)
    message_sent: list[int] = field(default_factory=list)
    message_heard: list[int] = field(default_factory=list)
    ring: list[dict[str, int] | None] = field(default_factory=list)
    ring_next: int = 0
    tokens_lost: int = 0

    @property
    def ended(self) -> bool:
        return self.terminated or self.truncated

    @property
    def zone(self) -> list[int]:
        """Zone of each slot."""
        return self.net["zone"]

    def copy(self) -> World:
        """A copy that shares only the network and the options."""
        shared = {"net": self.net, "options": self.options}
        return World(
            **{f.name: shared.get(f.name, _copied(getattr(self, f.name))) for f in dataclasses.fields(self)}
        )


def _copied(value: Any) -> Any:
    """A copy of nested lists, dictionaries and sets; some times as fast as ``copy.deepcopy``."""
    match value:
        case list():
            return (
                [_copied(one) for one in value] if value and isinstance(value[0], (list, dict)) else value[:]
            )
        case dict():
            return {
                key: _copied(one) if isinstance(one, (list, dict, set)) else one for key, one in value.items()
            }
        case set():
            return set(value)
        case _:
            return value


# ---------------------------------------------------------------- questions about hosts


def slots(world: World, zone: int | None = None) -> list[int]:
    """Existing hosts in slot order, of one zone or of all."""
    return [h for h, host in enumerate(world.hosts) if host["exists"] and zone in (None, world.zone[h])]


def online(world: World, h: int) -> bool:
    """§3.3; an encrypted host is online, though it is down (§7.2)."""
    return world.hosts[h]["exists"] and world.hosts[h]["status"] == Status.ONLINE


def managed(world: World, h: int) -> bool:
    return world.hosts[h]["role"] != Role.BYOD


def live_edr(world: World, h: int) -> bool:
    return world.hosts[h]["edr"] and not world.hosts[h]["sensor_killed"]


def is_windows(world: World, h: int) -> bool:
    return bool(hosts.IS_WINDOWS[world.net["os"][h]])


def has_session(world: World, red: int, h: int, least: int = Privilege.USER) -> bool:
    """Red agent ``red`` has a session of at least this privilege, dormant or not."""
    host = world.hosts[h]
    return host["exists"] and host["priv"] >= least and host["owner"] == red


def usable(world: World, red: int, h: int, least: int = Privilege.USER) -> bool:
    """§3.3: its host is online and its zone not closed."""
    return has_session(world, red, h, least) and online(world, h) and world.levels[world.zone[h]] < 2


def sessions(world: World, red: int) -> list[int]:
    return [h for h in slots(world) if has_session(world, red, h)]


def own_hosts(world: World, agent: int) -> list[int]:
    """Existing hosts of a blue agent."""
    return [h for h in slots(world) if hosts.ZONE_OWNER[world.zone[h]] == agent]


def compute_used(world: World) -> int:
    """§4.1: capacity is taken while deployed."""
    return sum(40 * host["edr"] + 25 * (host["decoy"] > 0) + 10 * host["honeytoken"] for host in world.hosts)


def is_red(agent: int) -> bool:
    return agent >= NUM_BLUE


# ---------------------------------------------------------------- uniforms


def permille(u: float) -> int:
    """``‰(u) = floor(1000 u)``, exact for 24 bits in a double."""
    return int(1000 * u)


def pick(u: float, options: list[int]) -> int:
    """The option of rank ``floor(u n)``."""
    return options[int(u * len(options))]


def between(u: float, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return low + int(u * (high - low + 1))


# ---------------------------------------------------------------- reset


def reset(net: dict[str, Any], options: dict[str, Any], reds: int, ring: int, gaps: list[float]) -> World:
    """The state at reset (§3.2, §4.1, §4.2, §7.1).

    Args:
        net: of :func:`reference.generator.generate`.
        options: numbers of the game.
        reds: number of red agents.
        ring: entries of the ring of tokens.
        gaps: uniforms of the first occurrence of each clock.
    """
    from reference.clocks import gap  # which needs this module

    world = World(net, options)
    slots_ = range(len(net["zone"]))
    world.hosts = [_host(net, h) for h in slots_]
    world.agents = [_agent() for _ in range(NUM_BLUE + reds)]
    world.funds = [int(cap) for cap in actions.FUNDS_CAP]
    world.scopes = [{"epoch": 0, "rotated": 0, "reauth_until": NEVER} for _ in hosts.Scope]
    world.levels = [0] * hosts.NUM_ZONES
    world.plant_value = list(net["plant_nominal"])
    world.plant_setpoint = list(net["plant_nominal"])
    world.message_sent = [0] * NUM_BLUE
    world.message_heard = [0] * NUM_BLUE
    world.ring = [None] * ring
    world.reds = [_red() for _ in range(reds)]
    for r, red in enumerate(world.reds):
        red["known"] = known_at_reset(world, r)
    for h in sessions(world, 0):
        world.reds[0]["visited"].add(h)
    world.clock = [gap(world, c, u, CLOCK_LEAST_MS) for c, u in enumerate(gaps)]
    return world


def known_at_reset(world: World, red: int) -> set[int]:
    """§4.2: the dmz and red's starting hosts, which are the first red agent's."""
    net = world.net
    mine = [red == 0 and priv > 0 for priv in net["priv"]]
    return {h for h, z in enumerate(net["zone"]) if net["exists"][h] and (z == Zone.DMZ or mine[h])}


def _host(net: dict[str, Any], h: int) -> dict[str, Any]:
    return {
        "role": net["role"][h],
        "weight": net["weight"][h],
        "data": net["data"][h],
        "taken": 0,
        "home": net["home"][h],
        "cached": net["home"][h],
        "exists": net["exists"][h],
        "status": int(Status.ONLINE),
        "until": NEVER,
        "lease": 0,
        "encrypted": False,
        "priv": net["priv"][h],
        "owner": 0,
        "implant": net["implant"][h],
        "sensor_killed": False,
        "edr": False,
        "decoy": net["decoy"][h],
        "honeytoken": False,
        "false_scans": 0,
        "phishability": net["phishability"][h],
        "frag_until": 0,
        "rooted": net["priv"][h] == Privilege.ROOT,
        "verdict": 0,
        "verdict_time": 0,
        "fast": [0] * len(GROUPS),
        "slow": [0] * len(GROUPS),
        "severe": 0,
        "heartbeat": 0,
    }


def free() -> dict[str, Any]:
    """The fields of an agent without an action."""
    return {
        "kind": 0,
        "target": NO_HOST,
        "source": NO_HOST,
        "done": NEVER,
        "cancelled": False,
        "lease": 0,
        "status": 0,
    }


def _agent() -> dict[str, Any]:
    last = {"last_kind": 0, "last_target": NO_HOST, "last_outcome": 0, "last_duration": 0}
    return {**free(), "start": 0, "energy": actions.ENERGY_CAP, **last}


def _red() -> dict[str, Any]:
    return {
        "known": set(),
        "scan": {},  # host -> (port bits, weakness bits)
        "false": set(),  # hosts whose picture is false
        "visited": set(),
        "tried": {},  # (zone, port) -> 1 open, 2 blocked
        "tokens": {},  # scope -> (epoch, expiry)
        "honey": False,
        "c2": {"known": set(), "scan": {}, "false": set(), "tokens": {}, "honey": False},
        "c2_time": 0,
    }


# ---------------------------------------------------------------- the kernel's fields


def fields(world: World) -> dict[str, Any]:
    """The state under the kernel's names: nested lists of integers, with its axes."""
    out: dict[str, Any] = {
        name: getattr(world, name)
        for name in (
            *("time", "terminated", "truncated", "batch_next", "clock", "hold_until", "funds", "loot"),
            *("plant_value", "plant_setpoint", "message_sent", "message_heard", "ring_next", "tokens_lost"),
        )
    }
    for name in ("kind", "target", "source", "start", "done", "cancelled", "lease", "status"):
        out[f"agent_{name}"] = [agent[name] for agent in world.agents]
    for name in ("last_kind", "last_target", "last_outcome", "last_duration", "energy"):
        out[name] = [agent[name] for agent in world.agents]
    for name in world.hosts[0]:
        prefix = (
            "view" if name in ("verdict", "verdict_time", "fast", "slow", "severe", "heartbeat") else "host"
        )
        out[f"{prefix}_{name}"] = [host[name] for host in world.hosts]
    out["scope_epoch"] = [scope["epoch"] for scope in world.scopes]
    out["scope_rotated"] = [scope["rotated"] for scope in world.scopes]
    out["reauth_until"] = [scope["reauth_until"] for scope in world.scopes]
    out["zone_level"] = world.levels
    num = range(len(world.hosts))
    for prefix, infos in (("red_", world.reds), ("c2_", [red["c2"] for red in world.reds])):
        out[f"{prefix}known"] = [[h in info["known"] for h in num] for info in infos]
        out[f"{prefix}scan"] = [[_packed(info["scan"].get(h)) for h in num] for info in infos]
        out[f"{prefix}scan_false"] = [[h in info["false"] for h in num] for info in infos]
        token = "token_" if prefix == "red_" else "c2_token_"
        held = [[info["tokens"].get(s, (-1, NEVER)) for s in hosts.Scope] for info in infos]
        out[f"{token}epoch"] = [[epoch for epoch, _ in row] for row in held]
        out[f"{token}expiry"] = [[expiry for _, expiry in row] for row in held]
        out[f"{token}honey"] = [info["honey"] for info in infos]
    out["red_visited"] = [[h in red["visited"] for h in num] for red in world.reds]
    out["red_tried"] = [
        [[red["tried"].get((z, p), 0) for p in hosts.Port] for z in range(hosts.NUM_ZONES)]
        for red in world.reds
    ]
    out["c2_time"] = [red["c2_time"] for red in world.reds]
    for name in ("what", "where", "recorded", "deliver"):
        out[f"ring_{name}"] = [entry[name] if entry else 0 for entry in world.ring]
    return out


def _packed(picture: tuple[int, int] | None) -> int:
    if picture is None:
        return 0
    ports, weak = picture
    return ports | weak << hosts.NUM_PORTS


def scenario(world: World) -> scenarios.Rules:
    return scenarios.SCENARIOS[scenarios.Scenario(int(world.options["scenario"]))]
