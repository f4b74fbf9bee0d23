"""Zones, sizes, roles, services, weaknesses and scopes (``soc-rules.md §3.1, §3.2, §3.4``).

Chosen where the text is silent:

* An alternative in the column of services follows the order of the operating systems: "RDP, SMB / SSH" of a
  workstation is RDP and SMB on Windows 10, SSH on Ubuntu. Web hosts run HTTP on Ubuntu, Tomcat on CentOS.
* A BYOD device has Windows 10 with chance 500.
* One engineering workstation in the small size, two in the others (the text: 1-2).
* Where the network has OT, secure has at least 4 live hosts, so that an engineering workstation exists.
* The easy preset narrows the live hosts to sum to 10-14 (:data:`LIVE_EASY`).
* Whoever has scopes at home logs on there: "hosts with users" of the logon clock are those with a home scope.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

NO_HOST = 255  #: no target, the internet as a source, no other end

# ---------------------------------------------------------------- zones and sizes (§3.1)


class Zone(IntEnum):
    """Zones in slot order; the internet has no slots."""

    DMZ, CORPORATE, GUEST, SECURE, OT, INTERNET = range(6)


NUM_ZONES = 5  #: zones with hosts
ZONE_NAMES = ("dmz", "corporate", "guest", "secure", "ot", "internet")
ZONE_ADDRESSES = ("192.168.1.0/24", "10.0.0.0/24", "172.16.0.0/24", "10.0.1.0/24", "10.0.99.0/24")
NUM_BLUE = 3
BLUE_AGENTS = ("blue_dmz", "blue_internal", "blue_restricted")
ZONE_OWNER = np.array([0, 1, 1, 2, 2], np.uint8)  #: blue agent of each zone

SIZES = ("small", "50", "100")
#: size -> host slots by zone
SLOTS = {"small": (4, 9, 5, 8, 6), "50": (8, 20, 12, 14, 10), "100": (12, 42, 18, 24, 16)}
#: size -> least and most live hosts by zone, before the shift between corporate and secure
LIVE = {
    "small": ((2, 4), (5, 9), (0, 3), (3, 8), (0, 5)),
    "50": ((6, 6), (18, 18), (6, 6), (12, 12), (8, 8)),
    "100": ((12, 12), (38, 38), (12, 12), (22, 22), (16, 16)),
}
LIVE_EASY = ((2, 2), (5, 5), (0, 1), (3, 4), (0, 2))  #: of the small size, easy preset: 10-14 hosts
#: size -> the number ``d`` is uniform in -SHIFT..SHIFT; corporate has d more hosts, secure d fewer
SHIFT = {"small": 0, "50": 2, "100": 2}
SPARES = {"small": 2, "50": 6, "100": 6}  #: size -> guest slots, the last ones, for BYOD devices
ENGINEERING = {"small": 1, "50": 2, "100": 2}  #: size -> engineering workstations where the network has OT
RING = {"small": 64, "50": 128, "100": 256}  #: size -> tokens on their way (§5.1)
OT_LEAST = 2  #: live OT hosts of scenarios that need OT
SECURE_LEAST_WITH_OT = 4

# ---------------------------------------------------------------- roles (§3.2)


class Role(IntEnum):
    WORKSTATION = 0
    ADMIN_WORKSTATION = 1
    WEB = 2
    APP = 3
    FILE = 4
    DATABASE = 5
    DOMAIN_CONTROLLER = 6
    BACKUP = 7
    ENGINEERING_WORKSTATION = 8
    PLC = 9
    IOT = 10
    BYOD = 11


NUM_ROLES = len(Role)
ROLE_WEIGHT = np.array([1, 1, 3, 3, 4, 6, 8, 3, 3, 5, 1, 0], np.uint8)
#: their weight decides ransomware (§7.1)
IS_SERVER = np.isin(
    np.arange(NUM_ROLES), (Role.WEB, Role.APP, Role.FILE, Role.DATABASE, Role.DOMAIN_CONTROLLER, Role.BACKUP)
)
MANAGED = np.arange(NUM_ROLES) != Role.BYOD  #: has a host sensor and may have EDR
#: get new addresses and are switched on and off (§3.5)
TAKES_NEW_ADDRESS = np.isin(np.arange(NUM_ROLES), (Role.WORKSTATION, Role.BYOD, Role.IOT))
TOGGLES = TAKES_NEW_ADDRESS


class Os(IntEnum):
    WINDOWS_10, UBUNTU, CENTOS, SERVER_2016, PLC_FIRMWARE = range(5)


NUM_OS = len(Os)
IS_WINDOWS = np.isin(np.arange(NUM_OS), (Os.WINDOWS_10, Os.SERVER_2016))
IS_LINUX = np.isin(np.arange(NUM_OS), (Os.UBUNTU, Os.CENTOS))

#: chances of the operating systems of each role in thousandths, in the order of their draw
ROLE_OS: dict[Role, tuple[tuple[Os, int], ...]] = {
    Role.WORKSTATION: ((Os.WINDOWS_10, 800), (Os.UBUNTU, 200)),
    Role.ADMIN_WORKSTATION: ((Os.WINDOWS_10, 1000),),
    Role.WEB: ((Os.UBUNTU, 500), (Os.CENTOS, 300), (Os.SERVER_2016, 200)),
    Role.APP: ((Os.CENTOS, 500), (Os.UBUNTU, 500)),
    Role.FILE: ((Os.SERVER_2016, 1000),),
    Role.DATABASE: ((Os.CENTOS, 600), (Os.SERVER_2016, 400)),
    Role.DOMAIN_CONTROLLER: ((Os.SERVER_2016, 1000),),
    Role.BACKUP: ((Os.UBUNTU, 1000),),
    Role.ENGINEERING_WORKSTATION: ((Os.WINDOWS_10, 1000),),
    Role.PLC: ((Os.PLC_FIRMWARE, 1000),),
    Role.IOT: ((Os.UBUNTU, 1000),),
    Role.BYOD: ((Os.WINDOWS_10, 500), (Os.UBUNTU, 500)),
}


class Port(IntEnum):
    """Port classes (§3.3); bits of masks of ports."""

    HTTP, TOMCAT, SMB, RDP, SSH, KERBEROS, MODBUS, S7, MAIL = range(9)


NUM_PORTS = len(Port)


class Service(IntEnum):
    """Services; bits of masks. The first nine are the port class of the same number, IIS listens on http."""

    HTTP, TOMCAT, SMB, RDP, SSH, KERBEROS, MODBUS, S7, MAIL, IIS = range(10)


#: services of each role and operating system
ROLE_SERVICES: dict[tuple[Role, Os], tuple[Service, ...]] = {
    (Role.WORKSTATION, Os.WINDOWS_10): (Service.RDP, Service.SMB),
    (Role.WORKSTATION, Os.UBUNTU): (Service.SSH,),
    (Role.ADMIN_WORKSTATION, Os.WINDOWS_10): (Service.RDP, Service.SMB),
    (Role.WEB, Os.UBUNTU): (Service.HTTP,),
    (Role.WEB, Os.CENTOS): (Service.TOMCAT,),
    (Role.WEB, Os.SERVER_2016): (Service.IIS, Service.SMB),
    (Role.APP, Os.CENTOS): (Service.SSH, Service.TOMCAT),
    (Role.APP, Os.UBUNTU): (Service.HTTP,),
    (Role.FILE, Os.SERVER_2016): (Service.SMB, Service.IIS),
    (Role.DATABASE, Os.CENTOS): (Service.SSH, Service.TOMCAT),
    (Role.DATABASE, Os.SERVER_2016): (Service.SMB, Service.RDP),
    (Role.DOMAIN_CONTROLLER, Os.SERVER_2016): (Service.SMB, Service.KERBEROS, Service.RDP),
    (Role.BACKUP, Os.UBUNTU): (Service.SSH,),
    (Role.ENGINEERING_WORKSTATION, Os.WINDOWS_10): (Service.RDP, Service.SMB),
    (Role.PLC, Os.PLC_FIRMWARE): (Service.MODBUS, Service.S7),
    (Role.IOT, Os.UBUNTU): (Service.SSH, Service.HTTP),
    (Role.BYOD, Os.WINDOWS_10): (Service.RDP,),
    (Role.BYOD, Os.UBUNTU): (Service.SSH,),
}


def bits(*members: int) -> int:
    """The mask with the bits ``members`` set."""
    return sum(1 << int(member) for member in set(members))


def ports_of(services: int) -> int:
    """Bits of the port classes on which the services of a mask listen."""
    ports = services & (1 << NUM_PORTS) - 1
    return ports | (bits(Port.HTTP) if services & bits(Service.IIS) else 0)


#: bits of services and of port classes, ``[role, os]``; 0 where the role never has that system
SERVICES = np.zeros((NUM_ROLES, NUM_OS), np.uint16)
PORTS = np.zeros((NUM_ROLES, NUM_OS), np.uint16)
for (_role, _os), _services in ROLE_SERVICES.items():
    SERVICES[_role, _os] = bits(*_services)
    PORTS[_role, _os] = ports_of(bits(*_services))

# ---------------------------------------------------------------- filling the zones (§3.1)

#: roles of a zone's first live hosts in slot order
FIRST_ROLES: dict[Zone, tuple[Role, ...]] = {
    Zone.DMZ: (Role.WEB, Role.APP),
    Zone.CORPORATE: (
        Role.DOMAIN_CONTROLLER,
        Role.ADMIN_WORKSTATION,
        Role.ADMIN_WORKSTATION,
        Role.WORKSTATION,
        Role.WORKSTATION,
        Role.FILE,
    ),
    Zone.GUEST: (),
    # the engineering workstations of a network with OT follow
    Zone.SECURE: (Role.DOMAIN_CONTROLLER, Role.BACKUP, Role.DATABASE),
    Zone.OT: (),
}
#: roles of the live hosts after the first, in turn. In iot_grid ot alternates PLC and IoT, the PLC first;
#: in guest the IoT device comes first, because iot_grid starts on one (§7.1)
NEXT_ROLES: dict[Zone, tuple[Role, ...]] = {
    Zone.DMZ: (Role.WEB, Role.APP),
    Zone.CORPORATE: (Role.WORKSTATION,),
    Zone.GUEST: (Role.IOT, Role.WORKSTATION),
    Zone.SECURE: (Role.APP, Role.FILE, Role.DATABASE),
    Zone.OT: (Role.PLC,),
}
OT_ROLES_IOT_GRID = (Role.PLC, Role.IOT)

# ---------------------------------------------------------------- weaknesses (§3.2)


class Weakness(IntEnum):
    MS17_010, CVE_2019_0708, CVE_2021_44228, V4L2, CVE_2010_2772, S7_ZERO_DAY = range(6)


NUM_WEAKNESSES = len(Weakness)
WEAKNESS_NAMES = ("MS17-010", "CVE-2019-0708", "CVE-2021-44228", "V4L2", "CVE-2010-2772", "S7 zero-day")
WEAKNESS_CHANCE = 500
WEAKNESS_MOST = 2  #: per host: the first ones of a random order
CVSS10 = (35, 98)  #: least and greatest severity of a host
ZERO_DAY_FUNDS = 1000  #: funds that red pays for each use of the S7 zero-day


def weakness_port(weakness: int, ports: int) -> int | None:
    """Port class of a weakness on a host with the open port classes ``ports`` (bits); None for a local one.

    CVE-2021-44228 is on Tomcat's port where Tomcat runs, CVE-2010-2772 on S7 of a PLC and on SMB of an
    engineering workstation. Red, who does not know roles, applies it to the ports that it believes in.
    """
    match Weakness(weakness):
        case Weakness.MS17_010:
            return Port.SMB
        case Weakness.CVE_2019_0708:
            return Port.RDP
        case Weakness.CVE_2021_44228:
            return Port.TOMCAT if ports & bits(Port.TOMCAT) else Port.HTTP
        case Weakness.V4L2:
            return None
        case Weakness.CVE_2010_2772:
            return Port.S7 if ports & bits(Port.S7) else Port.SMB
        case Weakness.S7_ZERO_DAY:
            return Port.S7


def _fits(weakness: Weakness, role: Role, os: Os) -> bool:
    services = int(SERVICES[role, os])
    match weakness:
        case Weakness.MS17_010:
            return bool(IS_WINDOWS[os] and services & bits(Service.SMB))
        case Weakness.CVE_2019_0708:
            return bool(IS_WINDOWS[os] and services & bits(Service.RDP))
        case Weakness.CVE_2021_44228:
            return bool(services & bits(Service.HTTP, Service.IIS, Service.TOMCAT))
        case Weakness.V4L2:
            return bool(IS_LINUX[os] and services)
        case Weakness.CVE_2010_2772:
            return role in (Role.PLC, Role.ENGINEERING_WORKSTATION)
        case Weakness.S7_ZERO_DAY:
            return role == Role.PLC


#: bits of the weaknesses that a host may have, ``[role, os]``
WEAK_FITS = np.zeros((NUM_ROLES, NUM_OS), np.uint8)
for _role, _os in ROLE_SERVICES:
    WEAK_FITS[_role, _os] = bits(*(w for w in Weakness if _fits(w, _role, _os)))

# ---------------------------------------------------------------- people and decoys (§3.2)

#: least and greatest phishability in thousandths, ``[role, os, 2]``
PHISHABILITY = np.zeros((NUM_ROLES, NUM_OS, 2), np.int16)
for _role, _os in ROLE_SERVICES:
    if _role not in (Role.PLC, Role.IOT, Role.DOMAIN_CONTROLLER, Role.BACKUP):
        PHISHABILITY[_role, _os] = (300, 900) if IS_WINDOWS[_os] else (100, 400)

DECOY_AT_START_CHANCE = 150
HAS_DECOY_AT_START = np.isin(np.arange(NUM_ROLES), (Role.WEB, Role.APP, Role.FILE))

# ---------------------------------------------------------------- the state of a host (§2.4, §3.2, §4.2)


class Status(IntEnum):
    ONLINE, OFF, ISOLATED, PANIC, REIMAGING = range(5)


class Privilege(IntEnum):
    NONE, USER, ROOT = range(3)


# ---------------------------------------------------------------- identity (§3.4)


class Scope(IntEnum):
    CORP_USER, CORP_ADMIN, SECURE_ADMIN, OT_OPERATOR = range(4)


NUM_SCOPES = len(Scope)
SCOPE_NAMES = ("corp_user", "corp_admin", "secure_admin", "ot_operator")
SCOPE_OWNER = np.array([1, 1, 2, 2], np.uint8)  #: blue agent that rotates it (§4.3)
#: a valid token of this scope opens the hosts of a zone to R9, ``[zone]``
ZONE_ADMIN = np.array(
    [Scope.CORP_ADMIN, Scope.CORP_ADMIN, Scope.CORP_ADMIN, Scope.SECURE_ADMIN, Scope.OT_OPERATOR], np.uint8
)
#: where the re-logon phase of a scope costs availability (§7.2), ``[scope, zone]``. Chosen: the zones that it
#: opens; of corp_user, those with workstations
SCOPE_ZONES = np.array([[0, 1, 1, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]], bool)
TOKEN_LIFETIME_S = np.array([3600, 1800, 1200, 1200], np.int32)  #: seconds from the theft, ``[scope]``
REAUTH_MS = 150_000  #: re-logon phase after a rotation

#: scopes at home for certain, ``[role]``; by zone for domain controllers (:data:`HOME_CONTROLLER`)
HOME_ALWAYS = np.zeros(NUM_ROLES, np.uint8)
HOME_ALWAYS[Role.WORKSTATION] = bits(Scope.CORP_USER)
HOME_ALWAYS[Role.ADMIN_WORKSTATION] = bits(Scope.CORP_ADMIN, Scope.SECURE_ADMIN)
HOME_ALWAYS[Role.ENGINEERING_WORKSTATION] = bits(Scope.OT_OPERATOR)
#: ``[zone]``
HOME_CONTROLLER = np.array([0, bits(Scope.CORP_ADMIN), 0, bits(Scope.SECURE_ADMIN), 0], np.uint8)
HOME_WORKSTATION_ADMIN_CHANCE = 250  #: that corp_admin is at home on a workstation
#: that secure_admin is at home on a host of secure other than its DC and the engineering workstations
HOME_SECURE_ADMIN_CHANCE = 300

DATA_UNITS = 12  #: on the databases of secure, evenly; the first ones in slot order hold the remainder (§7.1)
