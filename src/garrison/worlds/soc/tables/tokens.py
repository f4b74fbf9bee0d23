"""Types of tokens, their sensors and counters, and the tokens of actions (``soc-rules.md §5.1, §5.3``).

Chosen where the text is silent:

* Severity 2 holds for all six kinds of flow.
* A token is kept where ``floor(1000 u) < keep``, with ``keep = chance``, then for each factor in this order
  ``keep = keep * factor // 1000``: ``1000 - loss`` of its sensor; :data:`INSIDE_SEEN` for a network token
  whose two ends lie in one zone; :data:`FRAGMENTED_SEEN` for a network token of red on a host whose traffic
  is fragmented (R18). The internet and ``NO_HOST`` lie outside every zone.
* Its delay is that of its sensor's law times the scale of delays, ``delay * scale // 1000``, for ``human``
  too. It is recorded in batch ``ceil(t / 5000)`` and delivered in batch ``ceil((t + delay) / 5000)``. A batch
  records noise and plant alarms before it delivers, so that what has no delay arrives in its own batch.
* What a sensor sees of an action is decided by the state before its effects; the status of the host does not
  matter (it does for noise). So Isolate and Reconnect both leave svc_change.
* host_down needs no draws. A managed host that leaves ``ONLINE`` for another status emits it, after the
  tokens of the row; Restore's stands in its row.
* Process and user of a token follow from its type and the host's family of systems (:data:`FIELDS`), for red
  and noise alike. The port of a flow is the one that was used, that of any other token from :data:`PORT_OF`.
* Flows of the port class mail, which no action uses, count as other traffic and leave no token.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from garrison.worlds.soc.tables.hosts import NUM_OS, NUM_PORTS, Os, Port


class Token(IntEnum):
    """Types; 0 is an unused entry of the ring."""

    NONE = 0
    FLOW_HTTP = 1
    FLOW_SMB = 2
    FLOW_RDP = 3
    FLOW_SSH = 4
    FLOW_KERB = 5
    FLOW_OT = 6
    FLOW_SCAN = 7
    FLOW_LARGE = 8
    DNS = 9
    IDS = 10
    PROC_CREATE = 11
    PROC_ACCESS = 12
    NET_CONNECT = 13
    FILE_BURST = 14
    PRIV_ASSIGN = 15
    SVC_CHANGE = 16
    AUTH_OK = 17
    AUTH_FAIL = 18
    AUTH_EXPLICIT = 19
    KERB_TGT = 20
    NTLM = 21
    EDR_ALERT = 22
    DECOY_TOUCH = 23
    HONEYTOKEN_USE = 24
    OT_WRITE = 25
    OT_ALARM = 26
    MAIL_REPORT = 27
    HOST_DOWN = 28


NUM_TOKENS = len(Token)


class Sensor(IntEnum):
    """Where a token is seen; numbered from 1 like the rows of §5.1, people and health apart."""

    NONE, NETWORK, HOST, DIRECTORY, EDR, DECEPTION, OT, PEOPLE, HEALTH = range(9)


_SENSORS: dict[Sensor, tuple[tuple[Token, int], ...]] = {
    Sensor.NETWORK: (
        (Token.FLOW_HTTP, 2),
        (Token.FLOW_SMB, 2),
        (Token.FLOW_RDP, 2),
        (Token.FLOW_SSH, 2),
        (Token.FLOW_KERB, 2),
        (Token.FLOW_OT, 2),
        (Token.FLOW_SCAN, 4),
        (Token.FLOW_LARGE, 5),
        (Token.DNS, 1),
        (Token.IDS, 6),
    ),
    Sensor.HOST: (
        (Token.PROC_CREATE, 2),
        (Token.PROC_ACCESS, 6),
        (Token.NET_CONNECT, 2),
        (Token.FILE_BURST, 6),
        (Token.PRIV_ASSIGN, 4),
        (Token.SVC_CHANGE, 5),
    ),
    Sensor.DIRECTORY: (
        (Token.AUTH_OK, 1),
        (Token.AUTH_FAIL, 3),
        (Token.AUTH_EXPLICIT, 4),
        (Token.KERB_TGT, 2),
        (Token.NTLM, 2),
    ),
    Sensor.EDR: ((Token.EDR_ALERT, 8),),
    Sensor.DECEPTION: ((Token.DECOY_TOUCH, 9), (Token.HONEYTOKEN_USE, 10)),
    Sensor.OT: ((Token.OT_WRITE, 6), (Token.OT_ALARM, 7)),
    Sensor.PEOPLE: ((Token.MAIL_REPORT, 6),),
    Sensor.HEALTH: ((Token.HOST_DOWN, 5),),
}
SENSOR = np.zeros(NUM_TOKENS, np.uint8)  #: ``[type]``
SEVERITY = np.zeros(NUM_TOKENS, np.uint8)  #: ``[type]``
for _sensor, _types in _SENSORS.items():
    for _type, _severity in _types:
        SENSOR[_type], SEVERITY[_type] = _sensor, _severity
SEVERE = 6  #: severity from which ``watch`` ends and ``last_severe`` counts

#: loss in thousandths of tokens of a success and of a failure, ``[sensor, 2]``. Tokens of a start, noise and
#: what is neither count as a success
LOSS = np.zeros((len(Sensor), 2), np.int16)
LOSS[Sensor.NETWORK] = (100, 100)
LOSS[Sensor.HOST] = (100, 500)
LOSS[Sensor.DIRECTORY] = (100, 500)
INSIDE_SEEN = 300  #: thousandths of the flows within a zone that its network sensor sees
FRAGMENTED_SEEN = 200  #: thousandths of red's fragmented traffic that network sensors see (R18)
#: zone of the domain controller in charge of each zone: its directory sees while one is online there
DIRECTORY_ZONE = np.array([1, 1, 1, 3, 3], np.uint8)

#: type of the flow of a port class, ``[port]``
PORT_FLOW = np.zeros(NUM_PORTS, np.uint8)
PORT_FLOW[[Port.HTTP, Port.TOMCAT]] = Token.FLOW_HTTP
PORT_FLOW[Port.SMB] = Token.FLOW_SMB
PORT_FLOW[Port.RDP] = Token.FLOW_RDP
PORT_FLOW[Port.SSH] = Token.FLOW_SSH
PORT_FLOW[Port.KERBEROS] = Token.FLOW_KERB
PORT_FLOW[[Port.MODBUS, Port.S7]] = Token.FLOW_OT

# ---------------------------------------------------------------- counters (§5.3)

GROUPS = (
    "web flow",
    "other flow",
    "scan",
    "large flow and dns",
    "auth failure",
    "other auth, Kerberos, NTLM",
    "process and connection",
    "privilege and memory access",
    "file, service, health",
    "ids",
    "EDR",
    "deception",
    "OT and people",
)
#: counter of each type, ``[type]``; that of ``NONE`` means nothing
GROUP = np.zeros(NUM_TOKENS, np.uint8)
GROUP[Token.FLOW_SMB : Token.FLOW_OT + 1] = 1
GROUP[Token.FLOW_SCAN] = 2
GROUP[[Token.FLOW_LARGE, Token.DNS]] = 3
GROUP[Token.AUTH_FAIL] = 4
GROUP[[Token.AUTH_OK, Token.AUTH_EXPLICIT, Token.KERB_TGT, Token.NTLM]] = 5
GROUP[[Token.PROC_CREATE, Token.NET_CONNECT]] = 6
GROUP[[Token.PRIV_ASSIGN, Token.PROC_ACCESS]] = 7
GROUP[[Token.FILE_BURST, Token.SVC_CHANGE, Token.HOST_DOWN]] = 8
GROUP[Token.IDS] = 9
GROUP[Token.EDR_ALERT] = 10
GROUP[[Token.DECOY_TOUCH, Token.HONEYTOKEN_USE]] = 11
GROUP[[Token.OT_WRITE, Token.OT_ALARM, Token.MAIL_REPORT]] = 12
ONE_TOKEN = 64  #: of the counters
FAST_DECAY, SLOW_DECAY = 8, 64  #: a counter loses this part of itself, rounded up, per batch
COUNTER_MAX = 65_535

# ---------------------------------------------------------------- fields (§5.1)


class Process(IntEnum):
    NONE = 0
    SVCHOST = 1
    LSASS = 2
    SERVICES = 3
    POWERSHELL = 4
    CMD = 5
    EXPLORER = 6
    OUTLOOK = 7
    W3WP = 8
    SSHD = 9
    BASH = 10
    PYTHON = 11
    JAVA = 12
    HTTPD = 13
    SYSTEMD = 14
    SUDO = 15
    MAIL_CLIENT = 16
    RSYNC = 17
    PLC_RUNTIME = 18
    ENGINEERING_CLIENT = 19


class User(IntEnum):
    NONE, PERSON, ADMINISTRATOR, SERVICE, SYSTEM = range(5)


class Family(IntEnum):
    """Families of operating systems."""

    WINDOWS, LINUX, PLC = range(3)


OS_FAMILY = np.zeros(NUM_OS, np.uint8)  #: ``[os]``
OS_FAMILY[[Os.UBUNTU, Os.CENTOS]] = Family.LINUX
OS_FAMILY[Os.PLC_FIRMWARE] = Family.PLC

_P, _U = Process, User
#: type -> (process, user) on Windows, Linux and PLC; types that are not listed have none
_FIELDS: dict[Token, tuple[tuple[Process, User], ...]] = {
    Token.PROC_CREATE: ((_P.CMD, _U.PERSON), (_P.BASH, _U.PERSON), (_P.PLC_RUNTIME, _U.SERVICE)),
    Token.PROC_ACCESS: ((_P.LSASS, _U.SYSTEM), (_P.PYTHON, _U.SYSTEM), (_P.PLC_RUNTIME, _U.SYSTEM)),
    Token.NET_CONNECT: ((_P.OUTLOOK, _U.PERSON), (_P.MAIL_CLIENT, _U.PERSON), (_P.PLC_RUNTIME, _U.SERVICE)),
    Token.FILE_BURST: (
        (_P.POWERSHELL, _U.ADMINISTRATOR),
        (_P.RSYNC, _U.ADMINISTRATOR),
        (_P.PLC_RUNTIME, _U.SERVICE),
    ),
    Token.PRIV_ASSIGN: (
        (_P.SERVICES, _U.ADMINISTRATOR),
        (_P.SUDO, _U.ADMINISTRATOR),
        (_P.PLC_RUNTIME, _U.SERVICE),
    ),
    Token.SVC_CHANGE: ((_P.SERVICES, _U.SYSTEM), (_P.SYSTEMD, _U.SYSTEM), (_P.PLC_RUNTIME, _U.SYSTEM)),
    Token.AUTH_OK: ((_P.LSASS, _U.PERSON), (_P.SSHD, _U.PERSON), (_P.PLC_RUNTIME, _U.PERSON)),
    Token.AUTH_FAIL: ((_P.LSASS, _U.PERSON), (_P.SSHD, _U.PERSON), (_P.PLC_RUNTIME, _U.PERSON)),
    Token.AUTH_EXPLICIT: (
        (_P.LSASS, _U.ADMINISTRATOR),
        (_P.SSHD, _U.ADMINISTRATOR),
        (_P.PLC_RUNTIME, _U.ADMINISTRATOR),
    ),
    Token.KERB_TGT: ((_P.NONE, _U.PERSON),) * 3,
    Token.NTLM: ((_P.NONE, _U.ADMINISTRATOR),) * 3,
    Token.HONEYTOKEN_USE: ((_P.NONE, _U.ADMINISTRATOR),) * 3,
    Token.EDR_ALERT: ((_P.POWERSHELL, _U.PERSON), (_P.BASH, _U.PERSON), (_P.PLC_RUNTIME, _U.SERVICE)),
    Token.OT_WRITE: ((_P.ENGINEERING_CLIENT, _U.PERSON),) * 3,
    Token.MAIL_REPORT: ((_P.OUTLOOK, _U.PERSON), (_P.MAIL_CLIENT, _U.PERSON), (_P.NONE, _U.NONE)),
}
FIELDS = np.zeros((NUM_TOKENS, len(Family), 2), np.uint8)  #: process and user, ``[type, family, 2]``
for _type, _pairs in _FIELDS.items():
    FIELDS[_type] = _pairs

NO_PORT = NUM_PORTS  #: port class of tokens without one
#: port class of tokens whose port does not depend on what happened, ``[type]``
PORT_OF = np.full(NUM_TOKENS, NO_PORT, np.uint8)
PORT_OF[Token.FLOW_HTTP] = Port.HTTP
PORT_OF[Token.FLOW_SMB] = Port.SMB
PORT_OF[Token.FLOW_RDP] = Port.RDP
PORT_OF[Token.FLOW_SSH] = Port.SSH
PORT_OF[Token.FLOW_KERB] = Port.KERBEROS
PORT_OF[Token.FLOW_OT] = Port.S7
PORT_OF[Token.FLOW_LARGE] = Port.HTTP
PORT_OF[Token.NET_CONNECT] = Port.HTTP
PORT_OF[Token.KERB_TGT] = Port.KERBEROS
PORT_OF[Token.OT_WRITE] = Port.S7
PORT_OF[Token.MAIL_REPORT] = Port.MAIL
#: bits of a packed token (``ring_what``): type, process, user, port, from the lowest
FIELD_BITS = (5, 5, 3, 4)


def pack(type: int, process: int, user: int, port: int) -> int:
    """The four fields of a token as one number below 2^17."""
    return type | process << 5 | user << 10 | port << 13


# ---------------------------------------------------------------- tokens of actions (§4.2, §4.3)


class Place(IntEnum):
    """Host at which a token is recorded; the other end is the source of the action, or ``NO_HOST``."""

    TARGET = 0
    SOURCE = 1  #: of actions without a target
    CONTROLLER = 2  #: lowest live DC in charge of the target zone
    DRAWN = 3  #: hosts of the target zone, see :mod:`~garrison.worlds.soc.tables.red`


@dataclass(frozen=True)
class Emission:
    """One token in the row of an action.

    Attributes:
        type: its type. ``None`` stands for the flow of the port class that is used.
        start: emitted at the start of the action and not at its completion.
        success: emitted at a completion with outcome ``SUCCESS``.
        failure: emitted at a completion with outcome ``FAILED``.
        chance: of being emitted, in thousandths.
        place: where it is recorded.
    """

    type: Token | None
    start: bool = False
    success: bool = True
    failure: bool = False
    chance: int = 1000
    place: Place = Place.TARGET
