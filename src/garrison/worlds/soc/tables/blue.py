"""Blue's actions (``soc-rules.md §4.3``) and deception (``§4.4``).

Chosen where the text is silent:

* Kinds are the numbers of the table; row 8 is ``RESTRICT``, its other half ``RELAX`` is 18.
* Tokens of blue's actions on a host are recorded there, those of ConfigureACL on a zone and of RotateKerberos
  on a scope at the lowest live DC in charge of that zone, or of the scope's zones.
* "host_down, then auth_ok": host_down is emitted at the start, auth_ok at the completion.
* The chances of Monitor change by EDR and a killed sensor on owned hosts alone: EDR raises no false alarms.
* An exploit hits a decoy where ``floor(1000 u)`` is below its chance, with the draw ``ot[0]``. Order of the
  checks of an exploit: route and gate, false picture, decoy, weakness, chance.
* A decoy's picture in a scan (§4.4) shows :data:`DECOY_PORTS` and :data:`DECOY_WEAK` besides the truth.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from garrison.worlds.soc.tables.actions import Family, Row, Target, column
from garrison.worlds.soc.tables.hosts import Port, Weakness, bits
from garrison.worlds.soc.tables.tokens import Emission, Place, Token


class Blue(IntEnum):
    """Kinds of blue's actions; ``CONTINUE`` is what a busy agent chooses and is never in flight."""

    NONE = 0
    ISOLATE = 1
    RECONNECT = 2
    RESTORE = 3
    RESTORE_FROM_BACKUP = 4
    MONITOR = 5
    ANALYSE = 6
    REMOVE = 7
    RESTRICT = 8
    AWARENESS = 9
    DEPLOY_EDR = 10
    DECOY_GENERIC = 11
    DECOY_APACHE = 12
    DECOY_SSHD = 13
    DECOY_TOMCAT = 14
    MISINFORM = 15
    HONEYTOKEN = 16
    ROTATE = 17
    RELAX = 18
    WAIT = 19
    WATCH = 20
    CONTINUE = 21


EDR_COMPUTE, DECOY_COMPUTE, HONEYTOKEN_COMPUTE = 40, 25, 10


def _row(
    name: str,
    target: Target,
    energy: int,
    funds: int,
    seconds: float,
    family: Family,
    *emissions: Emission,
    **other,
) -> Row:
    return Row(name, target, energy, funds, seconds, family, emissions=emissions, **other)


_SVC = Emission(Token.SVC_CHANGE)
_SVC_ZONE = Emission(Token.SVC_CHANGE, place=Place.CONTROLLER)
_REIMAGING = (Emission(Token.HOST_DOWN, start=True), Emission(Token.AUTH_OK))
_H, _Z, _S, _N = Target.HOST, Target.ZONE, Target.SCOPE, Target.NONE
_ADMIN, _SCAN, _HUMAN, _FIXED = Family.ADMIN, Family.SCAN, Family.HUMAN, Family.FIXED
_DECOY = {"compute": DECOY_COMPUTE, "precondition": "25 compute, not PLC"}

#: rows in the order of the flat index of actions (§6.2)
ROWS: dict[Blue, Row] = {
    Blue.WAIT: _row("Wait", _N, 0, 0, 10, _FIXED),
    Blue.WATCH: _row("Watch", _N, 0, 0, 120, _FIXED),
    Blue.ISOLATE: _row("Isolate", _H, 1, 0, 10, _ADMIN, _SVC, precondition="online"),
    Blue.RECONNECT: _row("Reconnect", _H, 1, 0, 10, _ADMIN, _SVC, precondition="isolated"),
    Blue.RESTORE: _row("Restore", _H, 1, 0, 90, _ADMIN, *_REIMAGING, precondition="not off"),
    Blue.RESTORE_FROM_BACKUP: _row(
        "RestoreFromBackup", _H, 1, 500, 180, _ADMIN, *_REIMAGING, precondition="not off"
    ),
    Blue.MONITOR: _row("Monitor", _Z, 2, 0, 20, _SCAN, precondition="own zone"),
    Blue.ANALYSE: _row("Analyse", _H, 1, 0, 30, _ADMIN, precondition="online or isolated"),
    Blue.REMOVE: _row(
        "Remove", _H, 1, 0, 15, _ADMIN, Emission(Token.PROC_CREATE), precondition="online or isolated"
    ),
    Blue.RESTRICT: _row("Restrict", _Z, 2, 0, 10, _ADMIN, _SVC_ZONE, precondition="level below 2"),
    Blue.AWARENESS: _row("Awareness", _Z, 2, 0, 30, _HUMAN, precondition="own zone with users"),
    Blue.DEPLOY_EDR: _row(
        "DeployEDR",
        _H,
        3,
        0,
        20,
        _ADMIN,
        _SVC,
        compute=EDR_COMPUTE,
        precondition="managed, no live EDR, 40 compute",
    ),
    Blue.DECOY_GENERIC: _row("DecoyGeneric", _H, 1, 0, 10, _ADMIN, _SVC, **_DECOY),
    Blue.DECOY_APACHE: _row("DecoyApache", _H, 1, 0, 10, _ADMIN, _SVC, **_DECOY),
    Blue.DECOY_SSHD: _row("DecoySSHD", _H, 1, 0, 10, _ADMIN, _SVC, **_DECOY),
    Blue.DECOY_TOMCAT: _row("DecoyTomcat", _H, 1, 0, 10, _ADMIN, _SVC, **_DECOY),
    Blue.MISINFORM: _row("Misinform", _H, 1, 0, 10, _ADMIN, precondition="not PLC"),
    Blue.HONEYTOKEN: _row(
        "Honeytoken",
        _H,
        5,
        0,
        10,
        _ADMIN,
        Emission(Token.AUTH_OK),
        compute=HONEYTOKEN_COMPUTE,
        precondition="managed, 10 compute",
    ),
    Blue.ROTATE: _row(
        "RotateKerberos",
        _S,
        1,
        2_000,
        40,
        _ADMIN,
        Emission(Token.KERB_TGT, place=Place.CONTROLLER),
        Emission(Token.NTLM, place=Place.CONTROLLER),
        precondition="own scope",
    ),
    Blue.RELAX: _row("Relax", _Z, 2, 0, 10, _ADMIN, _SVC_ZONE, precondition="level above 0"),
}
NUM_KINDS = len(Blue) - 1  #: kinds that can be in flight, NONE included
TARGET = column(ROWS, "target", np.uint8)  #: ``[kind]``, as are the next three
ENERGY = column(ROWS, "energy")
FUNDS = column(ROWS, "funds")
COMPUTE = column(ROWS, "compute")
#: legal on unmanaged hosts (BYOD)
ON_UNMANAGED = (Blue.ISOLATE, Blue.RECONNECT, Blue.REMOVE)
PLC_SECONDS = {Blue.RESTORE: 45.0, Blue.RESTORE_FROM_BACKUP: 60.0}  #: mean durations on a PLC

# ---------------------------------------------------------------- effects (§2.4, §4.3)


class Verdict(IntEnum):
    NONE, CLEAN, SUSPECT, USER, ROOT, ENCRYPTED, RESTORED = range(7)


#: Monitor: chance of SUSPECT in thousandths by the host's privilege (none, User, Root), with live EDR more,
#: with a killed sensor less
MONITOR_CHANCE = np.array([20, 450, 650], np.int32)
MONITOR_EDR, MONITOR_SENSOR_OFF = 250, 300
#: Analyse: chance of the true verdict by privilege; of a clean host it is the chance of the verdict USER
ANALYSE_CHANCE = np.array([10, 600, 800], np.int32)
ANALYSE_EDR_CHANCE = 950  #: of User and Root with live EDR
AWARENESS_FACTOR = 800  #: thousandths of the phishability that remain
AWARENESS_LEAST = 5  #: the phishability never falls below the initial one divided by this
FALSE_SCANS = 2  #: scans that return a false picture after Misinform

# ---------------------------------------------------------------- decoys (§4.4)


class Decoy(IntEnum):
    """Decoy services; a kind ``Blue.DECOY_GENERIC + i`` deploys decoy ``1 + i``."""

    NONE, GENERIC, APACHE, SSHD, TOMCAT = range(5)


#: port classes on which a decoy catches exploits, bits ``[decoy]``
DECOY_PORTS = np.array(
    [0, bits(*Port), bits(Port.HTTP), bits(Port.SSH), bits(Port.TOMCAT)],
    np.uint16,
)
#: weaknesses that it shows to a scan, bits ``[decoy, windows]``. Chosen: CVE-2021-44228 for Apache and
#: Tomcat, V4L2 (which no exploit uses from afar) for SSHD; MS17-010 for a generic one on Windows, else
#: CVE-2021-44228
DECOY_WEAK = np.array(
    [
        [0, 0],
        [bits(Weakness.CVE_2021_44228), bits(Weakness.MS17_010)],
        [bits(Weakness.CVE_2021_44228)] * 2,
        [bits(Weakness.V4L2)] * 2,
        [bits(Weakness.CVE_2021_44228)] * 2,
    ],
    np.uint8,
)
DECOY_CHANCE = np.array([0, 400, 750, 750, 850], np.int32)  #: that an exploit hits it, ``[decoy]``

#: false picture of a scan after Misinform, bits ``[windows]``. Chosen: a Windows host seems to have MS17-010
#: and CVE-2019-0708 on smb and rdp, any other one CVE-2021-44228 on http
FALSE_PORTS = np.array([bits(Port.HTTP), bits(Port.SMB, Port.RDP)], np.uint16)
FALSE_WEAK = np.array(
    [bits(Weakness.CVE_2021_44228), bits(Weakness.MS17_010, Weakness.CVE_2019_0708)], np.uint8
)
FALSE_PICTURE_IDS = 900  #: chance of an ids token of an exploit after a false picture

EDR_FACTOR = 800  #: thousandths of red's chances that remain with live EDR on the target
EDR_ALERT_CHANCE = 600
