"""Which port class red uses (``§3.2, §4.2``), by a picture: port bits 0-8, weakness bits 9-14."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Int32, Integer
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R

ALL_PORTS = (1 << T.NUM_PORTS) - 1
TICKET_PORTS = T.bits(*R.TICKET_PORTS)
WEB_PORTS = T.bits(T.Port.HTTP, T.Port.TOMCAT)
#: bit of the port class of kinds that always use the same one, ``[kind]``
ONE_PORT = np.zeros(R.NUM_KINDS, np.int32)
ONE_PORT[R.Red.EXPLOIT_BLUE_KEEP] = T.bits(T.Port.RDP)
ONE_PORT[[R.Red.EXPLOIT_ETERNAL_BLUE, R.Red.PASS_THE_HASH]] = T.bits(T.Port.SMB)


class Way(NamedTuple):
    """The port class that an action uses."""

    bit: Int32[Array, ""]  # 0 where the kind uses none
    weakness: Int32[Array, ""]  # of R1, as a bit


def seen_ports(scan: Integer[Array, "*host"]) -> Int32[Array, "*host"]:
    """Port bits of a picture that red has."""
    return scan.astype(jnp.int32) & ALL_PORTS


def seen_weak(scan: Integer[Array, "*host"], weakness: T.Weakness) -> Bool[Array, "*host"]:
    """Whether a picture has a weakness."""
    return scan.astype(jnp.int32) & (1 << T.NUM_PORTS + weakness) > 0


def web_port(ports: Int32[Array, "*host"]) -> Int32[Array, "*host"]:
    """Port bit of CVE-2021-44228, given the ports of a host (``§3.2``)."""
    return jnp.where(ports & T.bits(T.Port.TOMCAT) > 0, T.bits(T.Port.TOMCAT), T.bits(T.Port.HTTP))


#: weaknesses that R1 uses, in the order in which it prefers them
ATTACKS = tuple(weakness for weakness in T.Weakness if weakness != T.Weakness.V4L2)


def attack_ports(scan: Integer[Array, "*host"]) -> tuple[Int32[Array, "*host"], ...]:
    """Port bits through which R1 would use each of :data:`ATTACKS` of a picture; 0 where it lacks one."""
    ports, W, P = seen_ports(scan), T.Weakness, T.Port
    plc = ports & T.bits(P.S7) > 0  # as far as a picture tells
    through = {
        W.MS17_010: T.bits(P.SMB),
        W.CVE_2019_0708: T.bits(P.RDP),
        W.CVE_2021_44228: web_port(ports),
        W.CVE_2010_2772: jnp.where(plc, T.bits(P.S7), T.bits(P.SMB)),
        W.S7_ZERO_DAY: T.bits(P.S7),
    }
    return tuple(jnp.where(seen_weak(scan, weakness), through[weakness], 0) for weakness in ATTACKS)


def way(kind: Integer[Array, ""], scan: Integer[Array, ""], ports: Int32[Array, ""]) -> Way:
    """The port class that a red action uses on a host, given its picture and the open ports.

    R1 uses the lowest weakness of the picture with an open port, R6 the port of CVE-2021-44228 or the other
    one of http and tomcat, R9 the first of smb, rdp and ssh. Where none is open it is the one that comes
    first.
    """
    weak = jnp.stack(attack_ports(scan))
    fits = jnp.where(jnp.any(weak & ports > 0), weak & ports, weak)
    chosen = jnp.argmax(fits > 0).astype(jnp.uint32)
    web = web_port(seen_ports(scan))
    web = jnp.where((web & ports > 0) | (ports & WEB_PORTS == 0), web, WEB_PORTS ^ web)
    tickets = jnp.where(ports & TICKET_PORTS > 0, ports & TICKET_PORTS, TICKET_PORTS)
    bit = jnp.where(kind == R.Red.EXPLOIT_REMOTE_SERVICE, weak[chosen], jnp.asarray(ONE_PORT)[kind])
    bit = jnp.where(kind == R.Red.EXPLOIT_HTTP_RFI, web, bit)
    bit = jnp.where(kind == R.Red.PASS_THE_TICKET, tickets & -tickets, bit)
    return Way(bit, jnp.asarray(np.array([1 << weakness for weakness in ATTACKS], np.int32))[chosen])
