"""Whether red can reach its goal at all (``§3.7``): a fixpoint of what can follow from the footholds.

Chances do not count, and blue does nothing: levels are normal, credentials stay valid, hosts stay online.
Within :data:`ROUNDS` rounds everything that can be reached is: a round covers one zone and one privilege.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from garrison.core.typing import Array, Bool, Int32
from garrison.worlds.soc.choose import unpacked
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.options import Options, Static
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red, routes, scenarios
from garrison.worlds.soc.topology import Topology

ROUNDS = 8
_TICKET = T.bits(*red.TICKET_PORTS)


class Reached(NamedTuple):
    """What red has, at the most."""

    user: Bool[Array, "host"]
    root: Bool[Array, "host"]
    scopes: Bool[Array, "scope"]


def solvable(static: Static, options: Options, topology: Topology) -> Bool[Array, ""]:
    """Whether some course of events leads red from its footholds to the goal of the scenario."""
    found = reached(static, options, topology)
    zone = jnp.asarray(layout(static).zone)
    weight, role = topology.start_weight.astype(jnp.int32), topology.start_role
    server, secure = jnp.asarray(T.IS_SERVER)[role] & topology.start_exists, zone == T.Zone.SECURE
    controller = topology.start_exists & (role == T.Role.DOMAIN_CONTROLLER)

    def share(of: Array, held: Array) -> Bool[Array, ""]:
        total = jnp.sum(weight * of)
        return (total > 0) & (2 * jnp.sum(weight * (of & held)) >= total)

    base = secure & found.user & (role == T.Role.DATABASE)
    data = jnp.sum(jnp.where(base, topology.start_data.astype(jnp.int32), 0))
    need = scenarios.SCENARIOS[scenarios.Scenario.APT_ESPIONAGE].need
    return jnp.stack(
        [  # in the order of Scenario
            share(server, found.root),
            data >= need,
            share(secure, found.root),
            jnp.any(controller) & jnp.all(found.root | ~controller),
            jnp.any(found.root & topology.start_exists & (role == T.Role.PLC)),
        ]
    )[options.scenario]


def reached(static: Static, options: Options, topology: Topology) -> Reached:
    """The hosts and scopes that red can come to hold."""
    zone = jnp.asarray(layout(static).zone)
    start = Reached(
        topology.start_priv >= T.Privilege.USER,
        topology.start_priv >= T.Privilege.ROOT,
        jnp.zeros(T.NUM_SCOPES, bool),
    )
    weak_ports = _weak_ports(topology)

    def more(_: int, now: Reached) -> Reached:
        ports = _open_ports(options, topology, zone, now)[zone]  # [host]
        exploited = jnp.any((weak_ports & ports[None]) > 0, axis=0)
        corporate = zone == T.Zone.CORPORATE
        desk = corporate & (topology.start_role == T.Role.WORKSTATION)
        own_zone = jnp.any(now.user[:, None] & (zone[:, None] == zone[None]), axis=0)
        known = (ports > 0) | own_zone | (zone == T.Zone.DMZ) | desk
        phished = known & (topology.host_phishability > 0)
        ticket = now.scopes[jnp.asarray(T.ZONE_ADMIN)[zone]] & (ports & _TICKET > 0)
        person = now.scopes[T.Scope.CORP_USER] & desk & (ports & _TICKET > 0)
        windows = jnp.asarray(T.IS_WINDOWS)[topology.host_os]
        controller = now.root & (topology.start_role == T.Role.DOMAIN_CONTROLLER)
        hashed = jnp.any(controller[:, None] & (zone[:, None] == zone[None]), axis=0) & windows
        user = now.user | (exploited | phished | person | ticket | hashed) & topology.start_exists
        root = now.root | user  # a User session can be escalated on any host (R2)
        cached = unpacked(topology.start_home, T.NUM_SCOPES)
        return Reached(user, root, now.scopes | jnp.any(cached & root[None], axis=1))

    return jax.lax.fori_loop(0, ROUNDS, more, start)


def _weak_ports(topology: Topology) -> Int32[Array, "weakness host"]:
    """The port, as a bit, of each weakness that a host has; 0 for local ones."""
    tomcat = topology.host_ports & T.bits(T.Port.TOMCAT) > 0
    plc = topology.start_role == T.Role.PLC
    one = lambda port: jnp.full(tomcat.shape, T.bits(port), jnp.int32)  # noqa: E731
    ports = jnp.stack(
        [  # in the order of Weakness
            one(T.Port.SMB),
            one(T.Port.RDP),
            jnp.where(tomcat, one(T.Port.TOMCAT), one(T.Port.HTTP)),
            jnp.zeros(tomcat.shape, jnp.int32),
            jnp.where(plc, one(T.Port.S7), one(T.Port.SMB)),
            one(T.Port.S7),
        ]
    )
    return jnp.where(unpacked(topology.host_weak, T.NUM_WEAKNESSES), ports, 0)


def _open_ports(options: Options, topology: Topology, zone: Array, now: Reached) -> Int32[Array, "zone"]:
    """Bits of the ports that red reaches in each zone from the sessions that it has (``§3.3``)."""
    allow = jnp.asarray(routes.ALLOW, jnp.int32)[
        jnp.asarray(options.guest_to_ot).astype(jnp.int32), routes.Level.NORMAL
    ]
    zones = jnp.arange(T.NUM_ZONES)
    have = jnp.any(now.user[:, None] & (zone[:, None] == zones[None]), axis=0)
    have = jnp.append(have, True)  # the internet
    engineering = jnp.any(now.user & (topology.start_role == T.Role.ENGINEERING_WORKSTATION))
    gate = jnp.asarray(routes.GATE)
    opened = (gate < 0) | now.scopes[jnp.maximum(gate, 0)] | (engineering & (zones == T.Zone.OT))
    inside = jnp.arange(T.NUM_ZONES + 1)[:, None] == zones[None]
    open_to_guest = jnp.asarray(options.guest_to_ot) & (zones == T.Zone.OT)
    from_guest = jnp.arange(T.NUM_ZONES + 1)[:, None] == T.Zone.GUEST
    passes = have[:, None] & (opened[None] | inside | from_guest & open_to_guest[None])
    ports = jnp.where(passes, allow[:, : T.NUM_ZONES], 0)
    return jax.lax.reduce(ports, jnp.int32(0), jax.lax.bitwise_or, (0,))
