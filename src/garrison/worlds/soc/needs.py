"""What actions need (``soc-rules.md §4.2, §4.3``): bits that a kind wants, and bits that hold of a place.

A *place* is what an action can be aimed at: host slots, then zones, scopes, and one for kinds without a
target. The same bits serve the mask and, for what is true and not only believed, the check at completion.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntFlag, auto
from typing import Any

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, UInt32
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import red as R


class Blue(IntFlag):
    """Facts that blue's actions need; blue knows them all."""

    EXISTS = auto()
    MANAGED = auto()
    NOT_PLC = auto()
    ONLINE = auto()
    ISOLATED = auto()
    REACHABLE = auto()  # online or isolated
    NOT_OFF = auto()
    NO_EDR = auto()
    NOT_CLOSED = auto()  # the level of a zone is below closed
    NOT_NORMAL = auto()  # it is above normal
    USERS = auto()  # somebody logs on in the zone
    EDR_ROOM = auto()  # there is compute for it; likewise the next two, counting what is replaced
    DECOY_ROOM = auto()
    HONEYTOKEN_ROOM = auto()


class Red(IntFlag):
    """Facts that red's actions need of their target; those up to ``EXISTS`` are as red believes them."""

    KNOWN = auto()
    SCANNED = auto()
    REACH = auto()  # of any port
    WEAK = auto()  # its picture has a weakness on an open port that red can pay for
    RDP = auto()
    SMB = auto()
    WEB = auto()  # http or tomcat is open
    TICKET = auto()  # a credential for it, and smb, rdp or ssh open
    SEEN_V4L2 = auto()
    EGRESS = auto()
    MAILABLE = auto()  # known, or the lowest unknown workstation of corporate
    INTEL = auto()  # a usable session, or loot
    EXISTS = auto()
    ONLINE = auto()
    FOREIGN = auto()  # no session of its own
    MINE = auto()  # a usable session of its own
    USER = auto()
    ROOT = auto()
    WINDOWS = auto()
    IIS = auto()
    LINUX = auto()
    PLC = auto()
    NOT_PLC = auto()
    DATA = auto()  # not yet taken
    CONTROLLER = auto()  # Root on a domain controller in its zone
    # at completion only
    SOURCE = auto()  # the session it came from is usable, or it came from the internet
    SAME_ADDRESS = auto()  # since the start
    PHISHABLE = auto()


_HOST = Blue.EXISTS | Blue.MANAGED
#: what is missing at completion makes the outcome BLOCKED, and not GONE
ROOM = Blue.EDR_ROOM | Blue.DECOY_ROOM | Blue.HONEYTOKEN_ROOM
_DECOY = _HOST | Blue.NOT_PLC | Blue.DECOY_ROOM
K = B.Blue
BLUE: dict[B.Blue, Blue] = {
    K.WAIT: Blue(0),
    K.WATCH: Blue(0),
    K.ISOLATE: Blue.EXISTS | Blue.ONLINE,
    K.RECONNECT: Blue.EXISTS | Blue.ISOLATED,
    K.RESTORE: _HOST | Blue.NOT_OFF,
    K.RESTORE_FROM_BACKUP: _HOST | Blue.NOT_OFF,
    K.MONITOR: Blue(0),
    K.ANALYSE: _HOST | Blue.REACHABLE,
    K.REMOVE: Blue.EXISTS | Blue.REACHABLE,
    K.RESTRICT: Blue.NOT_CLOSED,
    K.RELAX: Blue.NOT_NORMAL,
    K.AWARENESS: Blue.USERS,
    K.DEPLOY_EDR: _HOST | Blue.NO_EDR | Blue.EDR_ROOM,
    K.DECOY_GENERIC: _DECOY,
    K.DECOY_APACHE: _DECOY,
    K.DECOY_SSHD: _DECOY,
    K.DECOY_TOMCAT: _DECOY,
    K.MISINFORM: _HOST | Blue.NOT_PLC,
    K.HONEYTOKEN: _HOST | Blue.HONEYTOKEN_ROOM,
    K.ROTATE: Blue(0),
}

_EXPLOIT = Red.SCANNED | Red.FOREIGN
_USER, _ROOT = Red.MINE | Red.USER, Red.MINE | Red.ROOT
L = R.Red
#: to be chosen
RED: dict[R.Red, Red] = {
    L.WAIT: Red(0),
    L.LIE_LOW: Red(0),
    L.EXPLOIT_REMOTE_SERVICE: _EXPLOIT | Red.WEAK,
    L.PRIVILEGE_ESCALATE: _USER,
    L.DISCOVER_NETWORK_SERVICES: Red.KNOWN | Red.REACH,
    L.EXPLOIT_BLUE_KEEP: _EXPLOIT | Red.RDP,
    L.EXPLOIT_ETERNAL_BLUE: _EXPLOIT | Red.SMB,
    L.EXPLOIT_HTTP_RFI: _EXPLOIT | Red.WEB,
    L.JUICY_POTATO: _USER | Red.IIS,
    L.DUMP_LSASS: _ROOT,
    L.PASS_THE_TICKET: Red.KNOWN | Red.FOREIGN | Red.TICKET,
    L.PASS_THE_HASH: Red.KNOWN | Red.FOREIGN | Red.CONTROLLER | Red.SMB,
    L.V4L2: _USER | Red.LINUX | Red.SEEN_V4L2,
    L.IMPACT: _ROOT | Red.NOT_PLC,
    L.KILL_PROCESS: _ROOT,
    L.EXFILTRATE_DATA: Red.MINE | Red.DATA | Red.EGRESS,
    L.NETWORK_SCAN: Red.REACH,
    L.DISCOVER_REMOTE_SYSTEMS: Red.REACH,
    L.SHARE_INTELLIGENCE: Red.INTEL,
    L.IP_FRAGMENTATION: Red.KNOWN,
    L.OVERLOAD_PLC: _ROOT | Red.PLC,
    L.SPEAR_PHISHING: Red.FOREIGN | Red.MAILABLE,
}
_REMOTE = Red.EXISTS | Red.ONLINE | Red.SOURCE
#: at completion, or target and session no longer fit: ``GONE``
RED_STILL: dict[R.Red, Red] = {
    L.EXPLOIT_REMOTE_SERVICE: _REMOTE | Red.FOREIGN,
    L.PRIVILEGE_ESCALATE: _USER,
    L.DISCOVER_NETWORK_SERVICES: _REMOTE | Red.SAME_ADDRESS,
    L.EXPLOIT_BLUE_KEEP: _REMOTE | Red.FOREIGN,
    L.EXPLOIT_ETERNAL_BLUE: _REMOTE | Red.FOREIGN,
    L.EXPLOIT_HTTP_RFI: _REMOTE | Red.FOREIGN,
    L.JUICY_POTATO: _USER | Red.IIS,
    L.DUMP_LSASS: _ROOT,
    L.PASS_THE_TICKET: _REMOTE | Red.FOREIGN,
    L.PASS_THE_HASH: _REMOTE | Red.FOREIGN | Red.WINDOWS | Red.CONTROLLER,
    L.V4L2: _USER | Red.LINUX,
    L.IMPACT: _ROOT | Red.NOT_PLC,
    L.KILL_PROCESS: _ROOT,
    L.EXFILTRATE_DATA: Red.MINE | Red.DATA,
    L.NETWORK_SCAN: Red.SOURCE,
    L.DISCOVER_REMOTE_SYSTEMS: Red.SOURCE,
    L.SHARE_INTELLIGENCE: Red.SOURCE,
    L.IP_FRAGMENTATION: Red.EXISTS,
    L.OVERLOAD_PLC: _ROOT | Red.PLC,
    L.SPEAR_PHISHING: Red.EXISTS | Red.ONLINE | Red.FOREIGN | Red.PHISHABLE,
}


def column(needs: Mapping[Any, IntFlag], kinds: int) -> np.ndarray:
    """Needs by kind, ``uint32[kind]``; nothing of kinds without an entry."""
    found = np.zeros(kinds, np.uint32)
    for kind, bits in needs.items():
        found[kind] = int(bits)
    return found


def facts(true: Mapping[Any, Array]) -> UInt32[Array, "*place"]:
    """The bits of facts, given where each is true; arrays of one shape."""
    found: Any = None
    for bit, where in true.items():
        word = jnp.where(where, jnp.uint32(int(bit)), jnp.uint32(0))
        found = word if found is None else found | word
    return found
