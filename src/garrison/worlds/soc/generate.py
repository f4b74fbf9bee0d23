"""Networks from a number (``§3.1, §3.2, §3.7``). The generator repairs what it drew; it never rejects.

Of what ``§3.7`` demands the roles give the most by themselves: two admin workstations hold ``secure_admin``
outside secure, an engineering workstation ``ot_operator``, and secure has a backup. What is left to repair:
the first web host gets CVE-2021-44228, and the first two workstations get Windows where there would be fewer.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core import random
from garrison.core.typing import Array, Bool, Float32, Int32, PRNGKeyArray, UInt8, UInt32
from garrison.worlds.soc.choose import below, packed, permille, pick, unpacked
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.options import Options, Static
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import noise, routes, scenarios
from garrison.worlds.soc.tables.blue import Decoy
from garrison.worlds.soc.topology import Topology

_RULES = tuple(scenarios.SCENARIOS[scenario] for scenario in scenarios.Scenario)
#: hosts that a scenario needs, ``[scenario, zone]``
_LEAST = np.array(
    [[0, 0, rules.start == scenarios.Start.GUEST_IOT, 0, T.OT_LEAST * rules.needs_ot] for rules in _RULES],
    np.uint8,
)
_TEST_BITS = 7  # numbers in which these are zero make the networks of the test split (§7.4)


class _Draws(NamedTuple):
    """Uniforms of one network: those of hosts are ``[host]``, weaknesses ``[weakness, host]``."""

    os: Float32[Array, "host"]
    weak: Float32[Array, "weakness host"]
    cvss: Float32[Array, "host"]
    phish: Float32[Array, "host"]
    decoy: Float32[Array, "2 host"]
    home: Float32[Array, "host"]
    peer: Float32[Array, "host"]
    live: Float32[Array, "zone"]
    shift: Float32[Array, ""]
    day: Float32[Array, ""]
    plant: Float32[Array, "variable"]
    start: Float32[Array, "3"]


def draw_number(key: PRNGKeyArray, options: Options) -> UInt32[Array, ""]:
    """The number of a network of the split that the options name."""
    word, other = random.bits(key, 2)
    low = jnp.where(options.test_split, 0, 1 + other % _TEST_BITS)
    return word & ~jnp.uint32(_TEST_BITS) | low.astype(jnp.uint32)


def generate(static: Static, options: Options, number: UInt32[Array, ""]) -> Topology:
    """The network of a number, which has the same one in every process."""
    draws, lay = _draws(static, number), layout(static)
    zone = jnp.asarray(lay.zone)
    live, has_ot = _live(static, options, draws)
    exists = jnp.asarray(lay.place) < live[zone]
    iot_grid = options.scenario == scenarios.Scenario.IOT_GRID
    role = jnp.asarray(lay.role)[has_ot.astype(jnp.int32), iot_grid.astype(jnp.int32)]
    there = exists | jnp.asarray(lay.spare)
    os = _systems(draws, zone, role, exists)
    weak = _weaknesses(draws, zone, role, os, there)
    weight = jnp.where(exists, jnp.asarray(T.ROLE_WEIGHT)[role], 0).astype(jnp.int32)
    weight = 1000 * weight // jnp.sum(weight)
    decoy = exists & jnp.asarray(T.HAS_DECOY_AT_START)[role]
    decoy = decoy & (permille(draws.decoy[0]) < T.DECOY_AT_START_CHANCE)
    start = _footholds(options, draws, zone, role, exists)
    fill = lambda value, dtype: jnp.where(there, value, 0).astype(dtype)  # noqa: E731
    span = jnp.asarray(T.PHISHABILITY, jnp.int32)[role, os]
    return Topology(
        number=number.astype(jnp.uint32),
        day_offset=below(draws.day, noise.CYCLE_MS // 8) * 8,
        host_spare=jnp.asarray(lay.spare),
        host_os=fill(os, jnp.uint8),
        host_services=fill(jnp.asarray(T.SERVICES)[role, os], jnp.uint16),
        host_ports=fill(jnp.asarray(T.PORTS)[role, os], jnp.uint16),
        host_weak=fill(weak, jnp.uint8),
        host_cvss10=fill(_between(draws.cvss, *T.CVSS10), jnp.uint8),
        host_peer=_peers(draws, zone, role, exists, there, fill(jnp.asarray(T.PORTS)[role, os], jnp.uint16)),
        host_phishability=fill(_between(draws.phish, span[:, 0], span[:, 1]), jnp.int16),
        plant_nominal=_between(draws.plant, *np.array(scenarios.PLANT_NOMINAL).T),
        start_exists=exists,
        start_role=fill(role, jnp.uint8),
        start_weight=weight.astype(jnp.int16),
        start_data=_data(zone, role, exists),
        start_home=jnp.where(exists, _homes(draws, zone, role), 0).astype(jnp.uint8),
        start_decoy=jnp.where(decoy, 1 + below(draws.decoy[1], len(Decoy) - 1), 0).astype(jnp.uint8),
        start_priv=start * jnp.uint8(T.Privilege.USER),
        start_implant=start & jnp.asarray([rules.implant for rules in _RULES])[options.scenario],
    )


def _draws(static: Static, number: UInt32[Array, ""]) -> _Draws:
    hosts = static.hosts
    shapes: dict[str, tuple[int, ...]] = {
        "os": (hosts,),
        "weak": (T.NUM_WEAKNESSES, hosts),
        "cvss": (hosts,),
        "phish": (hosts,),
        "decoy": (2, hosts),
        "home": (hosts,),
        "peer": (hosts,),
        "live": (T.NUM_ZONES,),
        "shift": (),
        "day": (),
        "plant": (3,),
        "start": (3,),
    }
    sizes = [math.prod(shape) for shape in shapes.values()]
    key = jax.random.key(number, impl="threefry2x32")
    uniform = (random.bits(key, sum(sizes)) >> 8).astype(jnp.float32) * jnp.float32(2.0**-24)
    parts = jnp.split(uniform, np.cumsum(sizes)[:-1].tolist())
    return _Draws(**{name: part.reshape(shapes[name]) for name, part in zip(shapes, parts, strict=True)})


def _between(u: Float32[Array, "*shape"], low: Any, high: Any) -> Int32[Array, "*shape"]:
    return low + below(u, high - low + 1)


def _live(static: Static, options: Options, draws: _Draws) -> tuple[Int32[Array, "zone"], Bool[Array, ""]]:
    """Hosts of each zone, and whether there is OT."""
    least = jnp.maximum(options.live_range[:, 0], jnp.asarray(_LEAST)[options.scenario])
    most = jnp.maximum(options.live_range[:, 1], least).astype(jnp.int32)
    live = _between(draws.live, least.astype(jnp.int32), most)
    shift = T.SHIFT[static.size]
    d = below(draws.shift, 2 * shift + 1) - shift
    has_ot = live[T.Zone.OT] > 0
    secure = live[T.Zone.SECURE] - d
    secure = jnp.where(has_ot, jnp.maximum(secure, T.SECURE_LEAST_WITH_OT), secure)
    live = live.at[T.Zone.CORPORATE].add(d).at[T.Zone.SECURE].set(secure)
    return live, has_ot


def _systems(
    draws: _Draws, zone: UInt8[Array, "host"], role: UInt8[Array, "host"], exists: Bool[Array, "host"]
) -> Int32[Array, "host"]:
    """Operating systems; at least two of corporate's workstations run Windows (``§3.7`` a)."""
    os = jnp.sum(permille(draws.os)[:, None] >= jnp.asarray(_OS_UNTIL)[role], axis=1, dtype=jnp.int32)
    os = jnp.asarray(_OS_ORDER)[role, os]
    desks = exists & (zone == T.Zone.CORPORATE) & (role == T.Role.WORKSTATION)
    enough = jnp.sum(desks & (os == T.Os.WINDOWS_10)) >= 2
    first_two = desks & (jnp.cumsum(desks) <= 2)
    return jnp.where(first_two & ~enough, T.Os.WINDOWS_10, os)


#: cumulative chances of a role's systems and their numbers, ``[role, system]``; 1000 fills up
_OS_UNTIL = np.full((T.NUM_ROLES, 3), 1000, np.int32)
_OS_ORDER = np.zeros((T.NUM_ROLES, 4), np.int32)
for _role, _systems_of in T.ROLE_OS.items():
    _until = np.cumsum([chance for _, chance in _systems_of])
    _OS_UNTIL[_role, : len(_until)] = _until
    _OS_ORDER[_role, : len(_until)] = [os for os, _ in _systems_of]


def _weaknesses(
    draws: _Draws,
    zone: UInt8[Array, "host"],
    role: UInt8[Array, "host"],
    os: Int32[Array, "host"],
    there: Bool[Array, "host"],
) -> Int32[Array, "host"]:
    """Bits of weaknesses: at most two of those that fit, and Log4Shell on the first web host.

    One uniform per weakness says whether it is there, and by its size which two are kept.
    """
    number = jnp.arange(T.NUM_WEAKNESSES)[:, None]
    fits = unpacked(jnp.asarray(T.WEAK_FITS)[role, os], T.NUM_WEAKNESSES) & there[None]
    has = fits & (permille(draws.weak) < T.WEAKNESS_CHANCE)
    before = draws.weak[None] < draws.weak[:, None]  # [weakness, other, host]; equal ones go by number
    before = before | (draws.weak[None] == draws.weak[:, None]) & (number[:, None] > number[None])
    kept = has & (jnp.sum(before & has[None], axis=1) < T.WEAKNESS_MOST)
    # an entry (§3.7 a): instead of all but the lowest of the others where it is missing
    log4shell = int(T.Weakness.CVE_2021_44228)
    web = (zone == T.Zone.DMZ) & (jnp.arange(zone.shape[0]) == 0)
    lowest = kept & (jnp.cumsum(kept, axis=0) == 1)
    entry = lowest | (number == log4shell)
    return packed(jnp.where((web & ~kept[log4shell])[None], entry, kept))


def _peers(
    draws: _Draws,
    zone: UInt8[Array, "host"],
    role: UInt8[Array, "host"],
    exists: Bool[Array, "host"],
    there: Bool[Array, "host"],
    ports: Array,
) -> UInt8[Array, "host"]:
    """A random other server that each host may talk to, ``NO_HOST`` where there is none."""
    allow = jnp.asarray(routes.ALLOW)[0, routes.Level.NORMAL]
    open_ports = allow[zone[:, None], zone[None]] & ports[None]
    server = exists & jnp.asarray(T.IS_SERVER)[role]
    possible = server[None] & (open_ports > 0) & ~jnp.eye(zone.shape[0], dtype=bool)
    chosen = jax.vmap(pick)(draws.peer, possible)
    return jnp.where(jnp.any(possible, axis=1) & there, chosen, T.NO_HOST).astype(jnp.uint8)


def _data(
    zone: UInt8[Array, "host"], role: UInt8[Array, "host"], exists: Bool[Array, "host"]
) -> UInt8[Array, "host"]:
    bases = exists & (zone == T.Zone.SECURE) & (role == T.Role.DATABASE)
    count, rank = jnp.maximum(jnp.sum(bases), 1), jnp.cumsum(bases) - 1
    units = T.DATA_UNITS // count + (rank < T.DATA_UNITS % count)
    return jnp.where(bases, units, 0).astype(jnp.uint8)


def _homes(draws: _Draws, zone: UInt8[Array, "host"], role: UInt8[Array, "host"]) -> Int32[Array, "host"]:
    """Bits of the scopes that users of each host log on with (``§3.4``)."""
    u = permille(draws.home)
    controller = role == T.Role.DOMAIN_CONTROLLER
    home = jnp.asarray(T.HOME_ALWAYS, jnp.int32)[role]
    home = home | jnp.where(controller, jnp.asarray(T.HOME_CONTROLLER, jnp.int32)[zone], 0)
    admin = (role == T.Role.WORKSTATION) & (u < T.HOME_WORKSTATION_ADMIN_CHANCE)
    other = (zone == T.Zone.SECURE) & ~controller & (role != T.Role.ENGINEERING_WORKSTATION)
    secure = other & (u < T.HOME_SECURE_ADMIN_CHANCE)
    return home | admin << int(T.Scope.CORP_ADMIN) | secure << int(T.Scope.SECURE_ADMIN)


def _footholds(
    options: Options,
    draws: _Draws,
    zone: UInt8[Array, "host"],
    role: UInt8[Array, "host"],
    exists: Bool[Array, "host"],
) -> Bool[Array, "host"]:
    """Hosts on which red begins with a session (``§7.1``), drawn among those that fit."""
    corporate, guest = zone == T.Zone.CORPORATE, zone == T.Zone.GUEST
    engineering = exists & (role == T.Role.ENGINEERING_WORKSTATION)
    admin = exists & (role == T.Role.ADMIN_WORKSTATION)
    use_engineering = (permille(draws.start[2]) < 500) & jnp.any(engineering)
    fits = jnp.stack(
        [
            jnp.zeros_like(exists),  # in the order of Start
            exists & corporate & (role == T.Role.WORKSTATION),
            exists & corporate & (role != T.Role.DOMAIN_CONTROLLER),
            exists & guest & (role == T.Role.IOT),
            jnp.where(use_engineering, engineering, admin),
        ]
    )[jnp.asarray([int(rules.start) for rules in _RULES])[options.scenario]]
    count = jnp.asarray([rules.footholds for rules in _RULES])[options.scenario]
    hosts = jnp.arange(zone.shape[0])
    one = fits & (hosts == pick(draws.start[0], fits)) & (count > 0)
    rest = fits & ~one
    two = rest & (hosts == pick(draws.start[1], rest)) & (count > 1)
    return one | two
