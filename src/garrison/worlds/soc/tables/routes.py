"""Which port classes are open between zones (``soc-rules.md §3.3``).

Chosen where the text is silent: "all but OT ports" contains mail; within a zone all nine classes are open,
at the levels normal and strict.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from garrison.worlds.soc.tables.hosts import Port, Zone, bits


class Level(IntEnum):
    """Levels of the inbound traffic of a zone."""

    NORMAL, STRICT, CLOSED = range(3)


_ALL = bits(*Port)
_IT = bits(*(p for p in Port if p not in (Port.MODBUS, Port.S7)))

#: (from, to) -> open port classes at the levels normal and strict; what is not listed is blocked
_ROUTES: dict[tuple[Zone, Zone], tuple[int, int]] = {
    (Zone.INTERNET, Zone.DMZ): (bits(Port.HTTP, Port.TOMCAT), bits(Port.HTTP)),
    (Zone.DMZ, Zone.CORPORATE): (bits(Port.HTTP, Port.TOMCAT, Port.SMB, Port.KERBEROS), bits(Port.KERBEROS)),
    (Zone.DMZ, Zone.SECURE): (bits(Port.TOMCAT, Port.HTTP, Port.SSH), bits(Port.TOMCAT)),
    (Zone.CORPORATE, Zone.DMZ): (
        bits(Port.HTTP, Port.TOMCAT, Port.SSH, Port.RDP, Port.SMB),
        bits(Port.HTTP, Port.SSH),
    ),
    (Zone.CORPORATE, Zone.SECURE): (_IT, bits(Port.RDP, Port.KERBEROS)),
    (Zone.GUEST, Zone.CORPORATE): (bits(Port.HTTP, Port.SMB, Port.RDP), 0),
    (Zone.GUEST, Zone.DMZ): (bits(Port.HTTP, Port.TOMCAT), bits(Port.HTTP)),
    (Zone.SECURE, Zone.DMZ): (_IT, bits(Port.SSH, Port.KERBEROS, Port.SMB)),
    (Zone.SECURE, Zone.CORPORATE): (_IT, bits(Port.SSH, Port.KERBEROS, Port.SMB)),
    (Zone.SECURE, Zone.OT): (bits(Port.MODBUS, Port.S7, Port.SSH, Port.HTTP), bits(Port.S7)),
}
_GUEST_TO_OT = bits(Port.MODBUS, Port.HTTP)  # of iot_grid, at the level normal
#: zones with egress to the internet (http) at the levels normal and strict of the *source*
_EGRESS = ((Zone.DMZ, Zone.CORPORATE, Zone.GUEST, Zone.SECURE), (Zone.DMZ, Zone.CORPORATE, Zone.GUEST))


def _allow(guest_to_ot: bool) -> np.ndarray:
    allow = np.zeros((len(Level), len(Zone), len(Zone)), np.uint16)
    for (source, target), levels in _ROUTES.items():
        allow[: len(levels), source, target] = levels
    for level, zones in enumerate(_EGRESS):
        allow[level, list(zones), Zone.INTERNET] = bits(Port.HTTP)
        inside = [z for z in Zone if z != Zone.INTERNET]
        allow[level, inside, inside] = _ALL
    if guest_to_ot:
        allow[Level.NORMAL, Zone.GUEST, Zone.OT] = _GUEST_TO_OT
    return allow


#: bits of the open port classes, ``[guest to ot open, level, from, to]`` with 6 zones. ``level`` is that of
#: the zone entered; for the column ``Zone.INTERNET``, that of the source
ALLOW = np.stack([_allow(False), _allow(True)])
#: a zone that red enters from another one needs a valid token of this scope, -1 none (§3.4), ``[zone]``. A
#: usable session on an engineering workstation opens ot too
GATE = np.array([-1, -1, -1, 2, 3], np.int8)
