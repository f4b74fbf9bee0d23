"""Benign activity (``soc-rules.md §5.2``).

Chosen where the text is silent:

* At a batch the draw ``host[h]`` gives, from its highest bits down, 12 bits of occurrence, 8 of kind and 4 of
  delay. The kind is an entry of :func:`entries`. It occurs where the occurrence is below the rate of the
  role and time of day (:data:`ALARM_RATES` of severe types, :data:`RATES` of all others), times
  ``alarm_scale`` (severe types) or ``noise_scale`` (all others), times
  ``1000 - loss`` of the sensor (of a success), each ``* factor // 1000``, in this order; for a network token
  whose ends lie in one zone also times ``INSIDE_SEEN``. Delay ``d`` of 0-15 is the quantile ``4 d + 2`` of
  the sensor's law, times the scale of delays.
* A flow (:data:`IS_FLOW`, flow_large among them) has the host's peer as its other end; all other tokens have
  none. It is day where ``(t + offset) % 1,500,000 < 1,000,000`` at the batch's time ``t``.
* An entry whose sensor the host lacks is not recorded: edr_alert without live EDR, decoy_touch without a
  decoy, host types with a killed sensor, directory types with no DC online. So only 2-4 severe entries count
  on a host without EDR and decoy, whatever its role.
* Roles without rates of their own: engineering and admin workstations are workstations; web, app, file,
  database and backup are servers. BYOD devices are unmanaged, and record nothing.
* Migration (§3.5) may move a server's role to any server's system: there is a table for each of them, with
  the flows of the role's ports on other systems.
* Weights of the types that fill the entries: :data:`WEIGHTS`. What is rarer than an entry gets one where red
  can cause it.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from garrison.worlds.soc.tables import red
from garrison.worlds.soc.tables.hosts import (
    IS_SERVER,
    IS_WINDOWS,
    MANAGED,
    NUM_OS,
    NUM_ROLES,
    PHISHABILITY,
    PORTS,
    ROLE_SERVICES,
    Os,
    Port,
    Role,
    bits,
)
from garrison.worlds.soc.tables.tokens import (
    FIELDS,
    NUM_TOKENS,
    OS_FAMILY,
    PORT_FLOW,
    PORT_OF,
    SENSOR,
    SEVERE,
    SEVERITY,
    Sensor,
    Token,
    pack,
)

DAY_MS, CYCLE_MS = 1_000_000, 1_500_000  #: day is the first part of each cycle
OCCURRENCE_BITS, KIND_BITS, DELAY_BITS = 12, 8, 4
NUM_ENTRIES = 1 << KIND_BITS


def delay_quantile(bits: int) -> int:
    """Index of the quantile that the 4 bits of delay stand for."""
    return 4 * bits + 2


def _rate(per_batch: float) -> int:
    return round(per_batch * (1 << OCCURRENCE_BITS))


#: chance of a token per batch in 1/4096, ``[role, night]``
RATES = np.zeros((NUM_ROLES, 2), np.int32)
RATES[[Role.WORKSTATION, Role.ADMIN_WORKSTATION, Role.ENGINEERING_WORKSTATION]] = _rate(0.08), _rate(0.01)
RATES[[Role.WEB, Role.APP, Role.FILE, Role.DATABASE, Role.BACKUP]] = _rate(0.15), _rate(0.05)
RATES[Role.DOMAIN_CONTROLLER] = _rate(0.25), _rate(0.05)
RATES[Role.PLC] = _rate(0.10), _rate(0.10)
RATES[Role.IOT] = _rate(0.05), _rate(0.05)
#: the same of severe types. Chosen: 3/5, with which false alarms come every 6 minutes in small networks and
#: about every minute in large ones, though each severe type that red can cause takes an entry
ALARM_RATES = RATES * 3 // 5

_PEOPLE = {
    Token.DNS: 40,
    Token.PROC_CREATE: 50,
    Token.NET_CONNECT: 30,
    Token.AUTH_OK: 20,
    Token.AUTH_FAIL: 6,
    Token.AUTH_EXPLICIT: 3,
    Token.KERB_TGT: 16,
    Token.NTLM: 6,
    Token.PRIV_ASSIGN: 3,
    Token.SVC_CHANGE: 4,
    Token.FLOW_LARGE: 2,
    Token.FLOW_SCAN: 1,
}
_SERVERS = _PEOPLE | {
    Token.DNS: 20,
    Token.PROC_CREATE: 30,
    Token.NET_CONNECT: 10,
    Token.AUTH_OK: 30,
    Token.FLOW_LARGE: 6,
    Token.FLOW_SCAN: 2,
    Token.SVC_CHANGE: 8,
}
_CONTROLLERS = _SERVERS | {Token.AUTH_OK: 40, Token.AUTH_FAIL: 12, Token.KERB_TGT: 50, Token.NTLM: 20}
_MACHINES = {Token.DNS: 10, Token.SVC_CHANGE: 2, Token.AUTH_OK: 4, Token.FLOW_SCAN: 1}
#: weights of the types that are not severe, ``role -> {type: weight}``; those of the flows of the host's own
#: port classes share :data:`FLOW_WEIGHT`
WEIGHTS: dict[Role, dict[Token, int]] = {
    **dict.fromkeys((Role.WORKSTATION, Role.ADMIN_WORKSTATION, Role.ENGINEERING_WORKSTATION), _PEOPLE),
    **dict.fromkeys((Role.WEB, Role.APP, Role.FILE, Role.DATABASE, Role.BACKUP), _SERVERS),
    Role.DOMAIN_CONTROLLER: _CONTROLLERS,
    Role.PLC: _MACHINES,
    Role.IOT: _MACHINES,
}
FLOW_WEIGHT = 60
#: types of flows, which have a peer, ``[type]``
IS_FLOW = np.isin(np.arange(NUM_TOKENS), np.arange(Token.FLOW_HTTP, Token.FLOW_LARGE + 1))

#: roles and systems that a managed host can have, by generation or migration
PAIRS: tuple[tuple[Role, Os], ...] = tuple(
    (role, os)
    for role in Role
    for os in Os
    if MANAGED[role]
    and ((role, os) in ROLE_SERVICES or (IS_SERVER[role] and os in (Os.UBUNTU, Os.CENTOS, Os.SERVER_2016)))
)


def ports_of_pair(role: Role, os: Os) -> int:
    """Bits of the port classes that a role serves on a system, or where it never has that, on any system."""
    return int(PORTS[role, os]) or int(np.bitwise_or.reduce(PORTS[role]))


#: port classes that red can use against a host with a decoy or a false picture, whatever it runs
_DECEIVED = bits(Port.HTTP, Port.TOMCAT, Port.SMB, Port.RDP, Port.SSH, Port.S7)


def tuple_of(type: int, os: int, port: int | None = None) -> int:
    """A token's packed fields on a host of operating system ``os``; a flow's port is ``port`` if given."""
    process, user = (int(v) for v in FIELDS[type, OS_FAMILY[os]])
    return pack(type, process, user, int(PORT_OF[type]) if port is None else port)


def caused_by_red(role: Role, os: Os) -> tuple[int, ...]:
    """Packed fields of every token that red's actions can leave on a host, in ascending order.

    Without honeytoken_use, which has no benign cause, and mail_report where nobody can be phished.
    """
    found = {tuple_of(Token.EDR_ALERT, os), tuple_of(Token.IDS, os), tuple_of(Token.DECOY_TOUCH, os)}
    for kind, row in red.ROWS.items():
        if kind == red.Red.IMPACT and role == Role.PLC or kind == red.Red.OVERLOAD_PLC and role != Role.PLC:
            continue
        if kind == red.Red.SPEAR_PHISHING and not PHISHABILITY[role].any():
            continue
        if kind == red.Red.PASS_THE_HASH and not IS_WINDOWS[os]:
            continue
        for emission in row.emissions:
            if emission is None:
                continue
            if emission.type is None:
                ports = ports_of_pair(role, os) | _DECEIVED
                found |= {tuple_of(int(PORT_FLOW[p]), os, p) for p in Port if ports >> p & 1 and PORT_FLOW[p]}
            else:
                found.add(tuple_of(emission.type, os))
    return tuple(sorted(found))


@cache
def entries() -> np.ndarray:
    """What a noise draw stands for, ``uint32[role, os, 256]`` of packed fields; 0 where nothing is recorded.

    Each tuple that red can cause on such a host stands at least once, severe ones exactly once. The other
    entries are filled by :data:`WEIGHTS`.
    """
    table = np.zeros((NUM_ROLES, NUM_OS, NUM_ENTRIES), np.uint32)
    for role, os in PAIRS:
        table[role, os] = _entries(role, os)
    table.setflags(write=False)
    return table


def _entries(role: Role, os: Os) -> list[int]:
    needed = caused_by_red(role, os)
    weights = {tuple_of(type, os): weight for type, weight in WEIGHTS[role].items()}
    ports = [p for p in Port if ports_of_pair(role, os) >> p & 1]
    weights |= {tuple_of(int(PORT_FLOW[p]), os, p): FLOW_WEIGHT // len(ports) for p in ports}
    extra = _shares(weights, NUM_ENTRIES - len(needed))
    return sorted([*needed, *(what for what, count in extra.items() for _ in range(count))])


def _shares(weights: dict[int, int], total: int) -> dict[int, int]:
    """``total`` split in proportion to ``weights``, by largest remainders; ties go to the smaller key."""
    whole = sum(weights.values())
    shares = {key: total * weight // whole for key, weight in weights.items()}
    rest = sorted(weights, key=lambda key: (-(total * weights[key] % whole), key))
    for key in rest[: total - sum(shares.values())]:
        shares[key] += 1
    return shares


def severe_entries(role: int, os: int, edr: bool = False, decoy: bool = False) -> int:
    """Entries of severe types that can be recorded on a host with or without live EDR and a decoy."""
    types = entries()[role, os] & 31
    seen = SEVERITY[types] >= SEVERE
    seen &= (SENSOR[types] != Sensor.EDR) | edr
    seen &= (SENSOR[types] != Sensor.DECEPTION) | decoy
    return int(seen.sum())
