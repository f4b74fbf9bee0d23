"""Red's actions (``soc-rules.md §4.2``).

Chosen where the text is silent:

* A token marked ◦ is emitted at the start and not again at the completion. Tokens at a completion need the
  outcome ``SUCCESS``, or ``FAILED`` where they are marked †; ``BLOCKED``, ``GONE`` and ``ABORTED`` leave
  none, ``CAUGHT`` only that of the trap (§4.4).
* The third draw ``token[2]`` of a completion is that of ids, which §4.4 raises to 900 after a false picture,
  and that of a trap (decoy_touch, honeytoken_use). So ids stands third in each row of an exploit.
* edr_alert (§4.4) is a fourth token: emitted where ``floor(1000 u) < 600`` with ``u = host[target]``; its
  delay is drawn by ``gap``. Where that draw raises the alert of Impact (R12), EDR stops it too.
* NetworkScan (R15) emits its three flow_scan at its completion (the start has draws for one token only, and
  no host to record it): token ``i`` on the online host of rank ``floor(u n)`` in the zone, with ``u`` the
  draw ``host[i]``. DiscoverRemoteSystems records flow_kerb at the lowest live DC in charge of the zone.
* ShareIntelligence (R17) records flow_http at its source; without a session nowhere.
* The first token of an exploit is the flow of the port class that it uses. R1 uses the port of the lowest
  weakness of its picture with a permitted port, R4 rdp, R5 smb, R6 the port of CVE-2021-44228 in its picture,
  else the other one of http and tomcat. R9 uses the first of smb, rdp, ssh that is open, R10 smb.
* ``DumpLSASS`` takes a honeytoken with the draw ``pick``, ``ExploitBlueKeep`` and ``ExploitEternalBlue`` make
  the host panic with it.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from garrison.worlds.soc.tables.actions import Family, Row, Target, column
from garrison.worlds.soc.tables.hosts import Port
from garrison.worlds.soc.tables.tokens import Emission, Place, Token


class Red(IntEnum):
    """Kinds of red's actions: R1-R20 by their number; ``CONTINUE`` is never in flight."""

    NONE = 0
    EXPLOIT_REMOTE_SERVICE = 1
    PRIVILEGE_ESCALATE = 2
    DISCOVER_NETWORK_SERVICES = 3
    EXPLOIT_BLUE_KEEP = 4
    EXPLOIT_ETERNAL_BLUE = 5
    EXPLOIT_HTTP_RFI = 6
    JUICY_POTATO = 7
    DUMP_LSASS = 8
    PASS_THE_TICKET = 9
    PASS_THE_HASH = 10
    V4L2 = 11
    IMPACT = 12
    KILL_PROCESS = 13
    EXFILTRATE_DATA = 14
    NETWORK_SCAN = 15
    DISCOVER_REMOTE_SYSTEMS = 16
    SHARE_INTELLIGENCE = 17
    IP_FRAGMENTATION = 18
    OVERLOAD_PLC = 19
    SPEAR_PHISHING = 20
    WAIT = 21
    LIE_LOW = 22
    CONTINUE = 23


def _always(type: Token | None, chance: int = 1000, place: Place = Place.TARGET) -> Emission:
    """A token marked †."""
    return Emission(type, failure=True, chance=chance, place=place)


def _start(type: Token | None) -> Emission:
    """A token marked ◦."""
    return Emission(type, start=True, failure=True)


def _on_failure(type: Token, chance: int = 1000) -> Emission:
    return Emission(type, success=False, failure=True, chance=chance)


_T = Token
_ADMIN, _SCAN, _EXPLOIT, _HUMAN = Family.ADMIN, Family.SCAN, Family.EXPLOIT, Family.HUMAN
_HOST, _ZONE, _NONE = Target.HOST, Target.ZONE, Target.NONE
_SCANS = tuple(_always(_T.FLOW_SCAN, place=Place.DRAWN) for _ in range(3))

#: rows in the order of the flat index of actions (§6.2)
ROWS: dict[Red, Row] = {
    Red.WAIT: Row("Wait", _NONE, 0, 0, 10, Family.FIXED),
    # mean 180 s, lognormal with cv 1: the law ``dwell`` of §2.4
    Red.LIE_LOW: Row("LieLow", _NONE, 0, 0, 180, _HUMAN),
    Red.EXPLOIT_REMOTE_SERVICE: Row(
        "ExploitRemoteService",
        _HOST,
        5,
        0,
        52.5,
        _EXPLOIT,
        (2.5, 0.5),
        550,
        (_start(None), _always(_T.AUTH_FAIL), Emission(_T.PROC_CREATE), _always(_T.IDS, 300)),
        "T1210",
        precondition="scan, believed reach of a weak port; no session of its own",
    ),
    Red.PRIVILEGE_ESCALATE: Row(
        "PrivilegeEscalate",
        _HOST,
        1,
        0,
        11.8,
        _ADMIN,
        (1.8, 0.4),
        700,
        (Emission(_T.PRIV_ASSIGN), _always(_T.PROC_CREATE)),
        "T1068",
        precondition="User",
    ),
    Red.DISCOVER_NETWORK_SERVICES: Row(
        "DiscoverNetworkServices",
        _HOST,
        2,
        0,
        30,
        _SCAN,
        emissions=(_start(_T.FLOW_SCAN),),
        technique="T1046",
        precondition="known, reach of any port",
    ),
    Red.EXPLOIT_BLUE_KEEP: Row(
        "ExploitBlueKeep",
        _HOST,
        3,
        0,
        43.8,
        _EXPLOIT,
        (3.8, 0.6),
        580,
        (_start(None), Emission(_T.AUTH_OK), None, _always(_T.IDS, 600)),
        "T1210",
        precondition="scan, rdp reach; no session of its own",
    ),
    Red.EXPLOIT_ETERNAL_BLUE: Row(
        "ExploitEternalBlue",
        _HOST,
        4,
        0,
        64.2,
        _EXPLOIT,
        (4.2, 0.8),
        720,
        (_start(None), Emission(_T.AUTH_OK), Emission(_T.PROC_CREATE), _always(_T.IDS, 700)),
        "T1210",
        precondition="scan, smb reach; no session of its own",
    ),
    Red.EXPLOIT_HTTP_RFI: Row(
        "ExploitHTTP_RFI",
        _HOST,
        3,
        50,
        31.2,
        _EXPLOIT,
        (1.2, 0.3),
        650,
        (_start(None), Emission(_T.PROC_CREATE), Emission(_T.DNS), None),
        "T1190",
        precondition="scan, http or tomcat reach; no session of its own",
    ),
    Red.JUICY_POTATO: Row(
        "JuicyPotato",
        _HOST,
        1,
        0,
        10,
        _ADMIN,
        chance=900,
        emissions=(Emission(_T.PRIV_ASSIGN), _always(_T.PROC_CREATE)),
        technique="T1134",
        precondition="User, Windows with IIS",
    ),
    Red.DUMP_LSASS: Row(
        "DumpLSASS",
        _HOST,
        1,
        0,
        20.9,
        _ADMIN,
        (0.9, 0.2),
        800,
        (_always(_T.PROC_ACCESS), Emission(_T.PROC_CREATE)),
        "T1003.001",
        precondition="Root",
    ),
    Red.PASS_THE_TICKET: Row(
        "PassTheTicket",
        _HOST,
        1,
        0,
        10.6,
        _ADMIN,
        (0.6, 0.15),
        900,
        (_always(_T.KERB_TGT), Emission(_T.AUTH_EXPLICIT), Emission(_T.NTLM)),
        "T1550.003",
        precondition="holds a token of the zone's admin scope (or corp_user: workstations of corporate), "
        "reach of smb, rdp or ssh; no session of its own",
    ),
    Red.PASS_THE_HASH: Row(
        "PassTheHash",
        _HOST,
        1,
        0,
        10.6,
        _ADMIN,
        (0.6, 0.15),
        900,
        (_always(_T.NTLM), Emission(_T.AUTH_OK)),
        "T1550.002",
        precondition="Root on a DC, Windows target in the DC's zone, smb reach; no session of its own",
    ),
    Red.V4L2: Row(
        "V4L2",
        _HOST,
        1,
        0,
        10,
        _ADMIN,
        chance=950,
        emissions=(_always(_T.PROC_CREATE), Emission(_T.PRIV_ASSIGN)),
        technique="T1068",
        precondition="User, Linux, scan shows V4L2",
    ),
    Red.IMPACT: Row(
        "Impact",
        _HOST,
        1,
        0,
        40,
        _ADMIN,
        chance=950,
        emissions=(_start(_T.FILE_BURST), Emission(_T.SVC_CHANGE)),
        technique="T1486",
        precondition="Root, not PLC",
    ),
    Red.KILL_PROCESS: Row(
        "KillProcess",
        _HOST,
        1,
        0,
        10,
        _ADMIN,
        chance=900,
        emissions=(_always(_T.SVC_CHANGE),),
        technique="T1489",
        precondition="Root",
    ),
    Red.EXFILTRATE_DATA: Row(
        "ExfiltrateData",
        _HOST,
        1,
        0,
        30,
        _ADMIN,
        chance=900,
        emissions=(_start(_T.FLOW_LARGE), Emission(_T.DNS)),
        technique="T1041",
        precondition="User+, data seen, egress",
    ),
    Red.NETWORK_SCAN: Row(
        "NetworkScan",
        _ZONE,
        5,
        0,
        60,
        _SCAN,
        emissions=_SCANS,
        technique="T1046",
        precondition="any reach into the zone",
    ),
    Red.DISCOVER_REMOTE_SYSTEMS: Row(
        "DiscoverRemoteSystems",
        _ZONE,
        3,
        0,
        20,
        _SCAN,
        emissions=(_always(_T.FLOW_KERB, 300, Place.CONTROLLER),),
        technique="T1018",
        precondition="any reach, or a session in it",
    ),
    Red.SHARE_INTELLIGENCE: Row(
        "ShareIntelligence",
        _NONE,
        1,
        0,
        10,
        _ADMIN,
        emissions=(_always(_T.FLOW_HTTP, place=Place.SOURCE),),
        technique="T1074",
        precondition="usable session or loot",
    ),
    Red.IP_FRAGMENTATION: Row(
        "IPFragmentation",
        _HOST,
        1,
        0,
        10,
        _ADMIN,
        chance=700,
        emissions=(None, None, _on_failure(_T.IDS)),
        technique="T1027",
        precondition="known",
    ),
    Red.OVERLOAD_PLC: Row(
        "OverloadPLC",
        _HOST,
        20,
        0,
        100,
        _ADMIN,
        chance=950,
        emissions=(_start(_T.OT_WRITE),),
        technique="T0831",
        precondition="Root on a PLC",
    ),
    # its chance of success is the phishability of the target
    Red.SPEAR_PHISHING: Row(
        "SpearPhishing",
        _HOST,
        2,
        100,
        150,
        _HUMAN,
        chance=0,
        emissions=(Emission(_T.NET_CONNECT), Emission(_T.DNS), _on_failure(_T.MAIL_REPORT, 500)),
        technique="T1566",
        precondition="phishable host that is known, or the lowest unknown workstation of corporate; no "
        "session of its own",
    ),
}
NUM_KINDS = len(Red) - 1  #: kinds that can be in flight, NONE included
TARGET = column(ROWS, "target", np.uint8)  #: ``[kind]``, as are the next three
ENERGY = column(ROWS, "energy")
FUNDS = column(ROWS, "funds")
CHANCE = column(ROWS, "chance")

#: legal only without a session of its own on the target
WITHOUT_SESSION = (
    Red.EXPLOIT_REMOTE_SERVICE,
    Red.EXPLOIT_BLUE_KEEP,
    Red.EXPLOIT_ETERNAL_BLUE,
    Red.EXPLOIT_HTTP_RFI,
    Red.PASS_THE_TICKET,
    Red.PASS_THE_HASH,
    Red.SPEAR_PHISHING,
)
#: exploits: subject to decoys and false pictures (§4.4)
EXPLOITS = (
    Red.EXPLOIT_REMOTE_SERVICE,
    Red.EXPLOIT_BLUE_KEEP,
    Red.EXPLOIT_ETERNAL_BLUE,
    Red.EXPLOIT_HTTP_RFI,
)
#: on whose target live EDR acts (§4.4)
SEEN_BY_EDR = (
    Red.EXPLOIT_REMOTE_SERVICE,
    Red.PRIVILEGE_ESCALATE,
    Red.EXPLOIT_BLUE_KEEP,
    Red.EXPLOIT_ETERNAL_BLUE,
    Red.EXPLOIT_HTTP_RFI,
    Red.JUICY_POTATO,
    Red.DUMP_LSASS,
    Red.V4L2,
    Red.IMPACT,
    Red.KILL_PROCESS,
)
#: work on the host that they target, from a session on it: its own source. What cancels a target does not
#: cancel actions "local to another host" (§2.4)
LOCAL = (
    Red.PRIVILEGE_ESCALATE,
    Red.JUICY_POTATO,
    Red.DUMP_LSASS,
    Red.V4L2,
    Red.IMPACT,
    Red.KILL_PROCESS,
    Red.EXFILTRATE_DATA,
    Red.OVERLOAD_PLC,
)
TICKET_PORTS = (Port.SMB, Port.RDP, Port.SSH)  #: of R9, in the order of its choice

PANIC_CHANCE, PANIC_MS = 250, 60_000  #: R4 and R5 on failure
HONEYTOKEN_TAKEN_CHANCE = 700  #: R8
DISCOVER_CHANCE = 800  #: R16, of each online host
FRAGMENTED_MS = 120_000  #: R18
