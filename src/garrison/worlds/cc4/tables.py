"""The facts of CAGE Challenge 4 as data. Sections (§) and quirks (Q) refer to ``docs/worlds/cc4-rules.md``.

Everything here is a NumPy constant or a Python int: nothing is traced, nothing depends on an environment.

Hosts have fixed slots, so that the order of slots is CybORG's generation order: subnet ``s`` (generation
index 0..7) holds slots ``17 s``: router, ten user hosts, six server hosts; slot 136 is the internet root.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

# ---------------------------------------------------------------- subnets and hosts (§1.1)

SUBNETS = (
    "restricted_zone_a_subnet",
    "operational_zone_a_subnet",
    "restricted_zone_b_subnet",
    "operational_zone_b_subnet",
    "contractor_network_subnet",
    "public_access_zone_subnet",
    "admin_network_subnet",
    "office_network_subnet",
    "internet_subnet",
)
RZA, OZA, RZB, OZB, CON, PAZ, ADM, OFF, INT = range(9)
NUM_SUBNETS = 9
NUM_ZONES = 8  # subnets that have hosts: all but the internet
ALPHABETICAL = np.array(sorted(range(9), key=lambda s: SUBNETS[s]))  # wrapper order → generation index

MAX_USERS, MAX_SERVERS = 10, 6
ZONE_SLOTS = 1 + MAX_USERS + MAX_SERVERS
ROOT_HOST = NUM_ZONES * ZONE_SLOTS
NUM_HOSTS = ROOT_HOST + 1
NUM_GREEN = NUM_ZONES * MAX_USERS
NO_HOST = 255

_slot = np.arange(ROOT_HOST) % ZONE_SLOTS
HOST_SUBNET = np.append(np.arange(ROOT_HOST) // ZONE_SLOTS, INT).astype(np.uint8)
IS_ROUTER = np.append(_slot == 0, False)
IS_USER = np.append((_slot >= 1) & (_slot <= MAX_USERS), False)
IS_SERVER = np.append(_slot > MAX_USERS, False)
HAS_OT = np.isin(HOST_SUBNET, (OZA, OZB)) & (IS_USER | IS_SERVER)  # operational technology service (§1.4)


def router_of(subnet: int) -> int:
    """Host slot of a subnet's router; of the internet's root for ``INT``."""
    return ZONE_SLOTS * subnet if subnet < NUM_ZONES else ROOT_HOST


def user_host(subnet: int, number: int) -> int:
    """Host slot of a user host, ``number`` 0..9."""
    return ZONE_SLOTS * subnet + 1 + number


def server_host(subnet: int, number: int) -> int:
    """Host slot of a server host, ``number`` 0..5."""
    return ZONE_SLOTS * subnet + 1 + MAX_USERS + number


HOST_NAMES = tuple(
    f"{SUBNETS[s]}_{part}"
    for s in range(NUM_ZONES)
    for part in (
        ["router"]
        + [f"user_host_{i}" for i in range(MAX_USERS)]
        + [f"server_host_{i}" for i in range(MAX_SERVERS)]
    )
) + ("root_internet_host_0",)

GREEN_HOST = np.array([user_host(s, i) for s in range(NUM_ZONES) for i in range(MAX_USERS)], np.uint8)

# ---------------------------------------------------------------- owners (§1.1)

NUM_BLUE, NUM_RED = 5, 6
BLUE_AGENTS = tuple(f"blue_agent_{i}" for i in range(NUM_BLUE))
RED_AGENTS = tuple(f"red_agent_{i}" for i in range(NUM_RED))
BLUE_SUBNETS = ((RZA,), (OZA,), (RZB,), (OZB,), (ADM, OFF, PAZ))  # alphabetical within an agent
RED_SUBNETS = ((CON,), (RZA,), (OZA,), (RZB,), (OZB,), (PAZ, ADM, OFF))  # generation order within an agent
NO_AGENT = 255
SUBNET_BLUE = np.array([0, 1, 2, 3, NO_AGENT, 4, 4, 4, NO_AGENT], np.uint8)
SUBNET_RED = np.array([1, 2, 3, 4, 0, 5, 5, 5, NO_AGENT], np.uint8)
HOST_BLUE = SUBNET_BLUE[HOST_SUBNET]
HOST_RED = SUBNET_RED[HOST_SUBNET]
RED_OWNS_SUBNET = np.array([[s in RED_SUBNETS[r] for s in range(NUM_SUBNETS)] for r in range(NUM_RED)])
RED_OWNS_HOST = RED_OWNS_SUBNET[:, HOST_SUBNET]

# ---------------------------------------------------------------- links (§1.2, §1.6)

_PARENT = {RZA: INT, RZB: INT, CON: INT, PAZ: INT, OZA: RZA, OZB: RZB, ADM: PAZ, OFF: PAZ}
MAX_ROUTE = 7


def _to_root(subnet: int) -> list[int]:
    return [subnet] if subnet == INT else [subnet, *_to_root(_PARENT[subnet])]


def _routers_between(source: int, target: int) -> list[int]:
    """Routers on the tree path between two different subnets, both ends included."""
    up, down = _to_root(source), _to_root(target)
    meet = next(s for s in up if s in down)
    path = up[: up.index(meet)] + [meet] + down[: down.index(meet)][::-1]
    return [router_of(s) for s in path]


# routers on the way from subnet to subnet, in order, padded with NO_HOST
ROUTE = np.full((NUM_SUBNETS, NUM_SUBNETS, MAX_ROUTE - 2), NO_HOST, np.uint8)
for _a in range(NUM_SUBNETS):
    for _b in range(NUM_SUBNETS):
        _path = _routers_between(_a, _b)
        ROUTE[_a, _b, : len(_path)] = _path

# root on server_host_0 of a subnet reveals server_host_0 of these
INFORMATION_LINKS = {
    CON: (RZA, RZB, PAZ),
    RZA: (OZA, CON),
    OZA: (RZA,),
    RZB: (OZB, CON),
    OZB: (RZB,),
    PAZ: (CON, ADM, OFF),
    ADM: (PAZ,),
    OFF: (PAZ,),
}
REVEALS = np.zeros((NUM_HOSTS, NUM_HOSTS), bool)  # [from host, revealed host]
for _s, _links in INFORMATION_LINKS.items():
    REVEALS[server_host(_s, 0), [server_host(t, 0) for t in _links]] = True

# ---------------------------------------------------------------- services and decoys (§1.4, §4.2)


class Service(IntEnum):
    NONE, SSHD, OTSERVICE, APACHE2, MYSQLD, SMTP = range(6)


class Decoy(IntEnum):
    """Decoy services in the order in which DeployDecoy lists its candidates."""

    NONE, APACHE, TOMCAT, HARAKA, VSFTPD = range(5)


NUM_REAL, NUM_DECOYS = 5, 4
SERVICE_NAMES = ("", "SSHD", "OTSERVICE", "APACHE2", "MYSQLD", "SMTP")
DECOY_NAMES = ("", "apache2", "tomcat", "haraka", "vsftpd")
# ports that a scan can report, one bit each
PORTS = (22, 1, 80, 443, 3390, 25)
PORT_SSH, PORT_OT, PORT_WEB, PORT_TLS, PORT_SQL, PORT_MAIL = (1 << i for i in range(6))
SERVICE_PORT = np.array([0, PORT_SSH, PORT_OT, PORT_WEB, PORT_SQL, PORT_MAIL], np.uint8)
DECOY_PORT = np.array([0, PORT_WEB, PORT_TLS, PORT_MAIL, PORT_WEB], np.uint8)

# ---------------------------------------------------------------- actions (§4.1)


class Blue(IntEnum):
    SLEEP, MONITOR, ANALYSE, REMOVE, RESTORE, DECOY, BLOCK, ALLOW = range(8)


BLUE_NAMES = (
    "Sleep",
    "Monitor",
    "Analyse",
    "Remove",
    "Restore",
    "DeployDecoy",
    "BlockTrafficZone",
    "AllowTrafficZone",
)
BLUE_DURATION = np.array([1, 1, 2, 3, 5, 2, 1, 1], np.uint8)


class Red(IntEnum):
    SLEEP, DISCOVER, AGGRESSIVE, STEALTH, DECEPTION, EXPLOIT, ESCALATE, IMPACT, DEGRADE, WITHDRAW, INVALID = (
        range(11)
    )


RED_NAMES = (
    "Sleep",
    "DiscoverRemoteSystems",
    "AggressiveServiceDiscovery",
    "StealthServiceDiscovery",
    "DiscoverDeception",
    "ExploitRemoteService",
    "PrivilegeEscalate",
    "Impact",
    "DegradeServices",
    "Withdraw",
    "InvalidAction",
)
RED_DURATION = np.array([1, 1, 1, 3, 2, 4, 2, 2, 2, 1, 1], np.uint8)


class RedTarget(IntEnum):
    """How a red action names its target, and so what its agent must know (§3.2.3)."""

    NONE, SUBNET, ADDRESS, NAME, ADDRESS_AND_NAME, INVALID = range(6)


# [kind]: tables.RedTarget
RED_TARGET = np.array(
    [
        RedTarget.NONE,  # Sleep
        RedTarget.SUBNET,  # DiscoverRemoteSystems
        RedTarget.ADDRESS,  # AggressiveServiceDiscovery
        RedTarget.ADDRESS,  # StealthServiceDiscovery
        RedTarget.ADDRESS,  # DiscoverDeception
        RedTarget.ADDRESS,  # ExploitRemoteService
        RedTarget.NAME,  # PrivilegeEscalate
        RedTarget.NAME,  # Impact
        RedTarget.NAME,  # DegradeServices
        RedTarget.ADDRESS_AND_NAME,  # Withdraw
        RedTarget.INVALID,  # InvalidAction
    ],
    np.uint8,
)
RED_TARGET_BY_NAME = RED_TARGET == RedTarget.NAME  # bool[kind]: by host name alone
NUM_RED_KINDS = 9  # the kinds with parameters: Red.DISCOVER .. Red.WITHDRAW
# the order of red's action space (ESG:764), in which its policies list their choices
RED_ORDER = (
    Red.DISCOVER,
    Red.AGGRESSIVE,
    Red.STEALTH,
    Red.EXPLOIT,
    Red.ESCALATE,
    Red.DEGRADE,
    Red.DECEPTION,
    Red.IMPACT,
    Red.WITHDRAW,
)


class Green(IntEnum):
    """Green's actions in the order in which EnterpriseGreenAgent lists them."""

    ACCESS, WORK, SLEEP = range(3)


GREEN_NAMES = ("GreenAccessService", "GreenLocalWork", "Sleep")


class Outcome(IntEnum):
    """CybORG's TernaryEnum; NONE where an action was dropped or not submitted."""

    NONE, TRUE, UNKNOWN, FALSE, IN_PROGRESS = range(5)


class Exploit(IntEnum):
    """The exploits that can be selected in CC4, in the selector's order (§4.4)."""

    NONE, HTTP_RFI, HTTPS_RFI, SSH_BRUTE_FORCE, SQL_INJECTION, HARAKA_RCE = range(6)


EXPLOIT_NAMES = ("", "HTTPRFI", "HTTPSRFI", "SSHBruteForce", "SQLInjection", "HarakaRCE")
# the columns below are indexed by Exploit
EXPLOIT_PORT = np.array([0, PORT_WEB, PORT_TLS, PORT_SSH, PORT_SQL, PORT_MAIL], np.uint8)  # port attacked
# SQLInjection is an option only if one of these ports is open too; 0 = no such condition
EXPLOIT_ALSO_OPEN = np.array([0, 0, 0, 0, PORT_WEB | PORT_TLS, 0], np.uint8)
# from heaviest to lightest: the heaviest available one is discarded when there is a choice (Q4)
EXPLOIT_BY_WEIGHT = (
    Exploit.HARAKA_RCE,
    Exploit.SQL_INJECTION,
    Exploit.HTTPS_RFI,
    Exploit.HTTP_RFI,
    Exploit.SSH_BRUTE_FORCE,
)
EXPLOIT_WEIGHT = np.zeros(len(Exploit), np.int8)
EXPLOIT_WEIGHT[list(EXPLOIT_BY_WEIGHT)] = range(len(EXPLOIT_BY_WEIGHT), 0, -1)
EXPLOIT_WORKS = np.array([False, False, False, True, True, False])  # on a real service (Q5)
SSH_EVENTS = 10  # network events of a brute-forced login on its target
TRAP_EVENTS = 2  # network events of an exploit that hits a decoy


class Session(IntEnum):
    """Types of red sessions; NONE marks a free slot."""

    NONE, ABSTRACT, SSH, REVERSE_SHELL = range(4)


SESSION_NAMES = ("", "RED_ABSTRACT_SESSION", "SSH", "RED_REVERSE_SHELL")


class User(IntEnum):
    USER, ROOT, UBUNTU = range(3)


USER_NAMES = ("user", "root", "ubuntu")

# ---------------------------------------------------------------- red's reports (§4.5)


class ReportPlace(IntEnum):
    """Places of host entries in a red agent's report, in ascending order; NONE = no entry.

    The n-th session reassigned in a step (n = 1, 2, ...) has the place ``REASSIGNED + n``. An agent's own
    session has the place ``OWN`` plus the number of tickets that the agent drew earlier in the same step.
    """

    NONE = 0
    TARGET = 1  # target of the action
    OTHERS = 2  # further hosts that it reveals, in host order
    REASSIGNED = 2
    OWN = 64


MAX_REASSIGNED = ReportPlace.OWN - ReportPlace.REASSIGNED  # reassigned sessions per step that have places
MAX_OWN_PLACE = 190  # last place of an own session; later tickets share it

# ---------------------------------------------------------------- sizes of the bounded lists

MAX_SESSIONS = 48  # sessions that one red agent holds at a time
MAX_SESSION_ID = 96  # identifiers that its sessions may take
MAX_SCANS = 96  # (session, target) pairs whose ports one red agent remembers
MAX_SUSPICIOUS = 128  # process events with a pid that one blue agent has seen
MAX_ORPHANS = 255  # replaced Vsftpd processes still alive on one host that blue does not suspect


class Overflow(IntEnum):
    """Bits of ``State.overflow``."""

    SESSIONS, SESSION_IDS, SCANS, SUSPICIOUS, ORPHANS = (1 << i for i in range(5))


# ---------------------------------------------------------------- blue's action list (§7.1)

BLUE_ACTION_COUNTS = tuple(16 * 4 * len(s) + 2 + 16 * len(s) for s in BLUE_SUBNETS)
MAX_BLUE_ACTIONS = max(BLUE_ACTION_COUNTS)
NO_SUBNET = 9


def _agent_hosts(agent: int) -> list[int]:
    """Hosts that an agent's actions name, in wrapper order: per subnet the servers, then the users."""
    return [
        host
        for s in BLUE_SUBNETS[agent]
        for host in [server_host(s, i) for i in range(MAX_SERVERS)]
        + [user_host(s, i) for i in range(MAX_USERS)]
    ]


def _blue_actions(agent: int) -> list[tuple[int, int, int, int]]:
    hosts = _agent_hosts(agent)
    pairs = [(src, dst) for dst in BLUE_SUBNETS[agent] for src in ALPHABETICAL if src != dst]

    def per_host(kind: int) -> list:
        return [(kind, h, NO_SUBNET, NO_SUBNET) for h in hosts]

    def alone(kind: int) -> list:
        return [(kind, NO_HOST, NO_SUBNET, NO_SUBNET)]

    def per_pair(kind: int) -> list:
        return [(kind, NO_HOST, src, dst) for src, dst in pairs]

    return (
        per_host(Blue.ANALYSE)
        + alone(Blue.MONITOR)
        + per_host(Blue.REMOVE)
        + per_host(Blue.RESTORE)
        + alone(Blue.SLEEP)
        + per_pair(Blue.ALLOW)
        + per_pair(Blue.BLOCK)
        + per_host(Blue.DECOY)
    )


# [agent, index, (kind, host, from subnet, to subnet)]; the padding sleeps
BLUE_ACTIONS = np.zeros((NUM_BLUE, MAX_BLUE_ACTIONS, 4), np.uint8)
BLUE_ACTIONS[:, :] = (Blue.SLEEP, NO_HOST, NO_SUBNET, NO_SUBNET)
for _a in range(NUM_BLUE):
    BLUE_ACTIONS[_a, : BLUE_ACTION_COUNTS[_a]] = _blue_actions(_a)
# [kind, agent]: index of the first action of a kind; those of a host kind go on in the order of the hosts
FIRST_BLUE_ACTION = np.array([np.argmax(BLUE_ACTIONS[:, :, 0] == kind, axis=1) for kind in Blue])

# ---------------------------------------------------------------- blue's observation (§7.2)

MESSAGE_BITS = 8
BLOCK_SIZE = 9 * 3 + 16 * 2
BLUE_OBSERVATION_SIZES = tuple(1 + BLOCK_SIZE * len(s) + MESSAGE_BITS * (NUM_BLUE - 1) for s in BLUE_SUBNETS)
MAX_BLUE_OBSERVATION = max(BLUE_OBSERVATION_SIZES)

# ---------------------------------------------------------------- phases (§6.1, §6.2, §7.2)

NUM_PHASES = 3
_HQ = (PAZ, ADM, OFF)
_GREEN_REACH = {  # own subnet: destinations per phase, own subnet always
    PAZ: ((CON, RZA, RZB),) * 3,
    ADM: ((CON, RZA, RZB),) * 3,
    OFF: ((CON, RZA, RZB),) * 3,
    CON: ((*_HQ, RZA, RZB), (*_HQ, RZB), (*_HQ, RZA)),
    RZA: ((*_HQ, CON, OZA, RZB), _HQ, (*_HQ, CON, OZA)),
    OZA: ((RZA,), (), (RZA,)),
    RZB: ((*_HQ, CON, RZA, OZB), (*_HQ, CON, OZB), _HQ),
    OZB: ((RZB,), (RZB,), ()),
}
GREEN_REACH = np.zeros((NUM_PHASES, NUM_ZONES, NUM_ZONES), bool)  # [phase, own, destination]
for _s, _phases in _GREEN_REACH.items():
    for _p, _to in enumerate(_phases):
        GREEN_REACH[_p, _s, [_s, *_to]] = True
# [phase, subnet, other subnet]: users need the traffic, of which a block of either direction stops them (Q3);
# also all with the internet, where there is no red
NEEDED = np.ones((NUM_PHASES, NUM_SUBNETS, NUM_SUBNETS), bool)
NEEDED[:, :NUM_ZONES, :NUM_ZONES] = GREEN_REACH | np.swapaxes(GREEN_REACH, 1, 2)

# rows and columns in alphabetical order: ADM CON INT OFF OZA OZB PAZ RZA RZB; 1 = should not communicate
_POLICY = {
    "ADM": ("100011000",) * 3,
    "CON": ("010011000", "010011010", "010011001"),
    "INT": ("001011000", "001011010", "001011001"),
    "OFF": ("000111000",) * 3,
    "OZA": ("111111101", "111111111", "111111101"),
    "OZB": ("111111110", "111111110", "111111111"),
    "PAZ": ("000011100",) * 3,
    "RZA": ("000001010", "011011011", "000001011"),
    "RZB": ("000010001", "000010011", "011011011"),
}
# [phase, subnet (generation order), other subnet (alphabetical order)]
POLICY = np.zeros((NUM_PHASES, NUM_SUBNETS, NUM_SUBNETS), np.uint8)
for _row, _s in zip(_POLICY.values(), ALPHABETICAL, strict=True):
    for _p, _bits in enumerate(_row):
        POLICY[_p, _s] = [int(b) for b in _bits]

# ---------------------------------------------------------------- rewards (§6.3)


class Part(IntEnum):
    """Columns of the reward table: local work failed, access to a service failed, impact."""

    LWF, ASF, RIA = range(3)


REWARD = np.zeros((NUM_PHASES, NUM_SUBNETS, 3), np.float32)
for _s in _HQ:
    REWARD[:, _s] = (-1, -1, -3)
REWARD[0, CON] = (0, -5, -5)
REWARD[:, RZA] = [(-1, -3, -1), (-2, -1, -3), (-1, -3, -3)]
REWARD[:, OZA] = [(-1, -1, -1), (-10, 0, -10), (-1, -1, -1)]
REWARD[:, RZB] = [(-1, -3, -1), (-1, -1, -1), (-2, -1, -3)]
REWARD[:, OZB] = [(-1, -1, -1), (-1, -1, -1), (-10, 0, -10)]
REWARD[0, INT] = (0, 0, -1)
RESTORE_COST = -1.0

# ---------------------------------------------------------------- the finite-state red (§5)


class Fsm(IntEnum):
    """A finite-state red's state of a host; NONE: unknown."""

    NONE, K, KD, S, SD, U, UD, R, RD, F = range(10)


def _fsm_rows(rows: dict[int, str]) -> np.ndarray:
    table = np.zeros((10, 1 + NUM_RED_KINDS), np.uint8)
    for state, row in rows.items():
        table[state, 1:] = [Fsm[cell] if cell != "." else Fsm.NONE for cell in row.split()]
    return table


# next state by (state, action kind); NONE = not applicable. Columns in the order of Red.DISCOVER…WITHDRAW
FSM_SUCCESS = _fsm_rows(
    {
        Fsm.K: "KD S S . . . . . .",
        Fsm.KD: "KD SD SD . . . . . .",
        Fsm.S: "SD . . S U . . . .",
        Fsm.SD: "SD . . SD UD . . . .",
        Fsm.U: "UD . . . . R . . S",
        Fsm.UD: "UD . . . . RD . . SD",
        Fsm.R: "RD . . . . . R R S",
        Fsm.RD: "RD . . . . . RD RD SD",
        Fsm.F: "F . . . . . . . .",
    }
)
# a failure never changes a state
FSM_FAILURE = np.where(FSM_SUCCESS > 0, np.arange(10, dtype=np.uint8)[:, None], 0).astype(np.uint8)


def _fsm_probability(rows: dict[int, tuple[float, ...]]) -> np.ndarray:
    table = np.zeros((10, 1 + NUM_RED_KINDS), np.float32)
    for state, row in rows.items():
        table[state, 1:] = row
    return table


#                DRS  Aggr Stlth Decp Expl Esc Imp  Degr Wdrw
FSM_PROBABILITY = _fsm_probability(
    {
        Fsm.K: (0.5, 0.25, 0.25, 0, 0, 0, 0, 0, 0),
        Fsm.KD: (0, 0.5, 0.5, 0, 0, 0, 0, 0, 0),
        Fsm.S: (0.25, 0, 0, 0.25, 0.5, 0, 0, 0, 0),
        Fsm.SD: (0, 0, 0, 0.25, 0.75, 0, 0, 0, 0),
        Fsm.U: (0.5, 0, 0, 0, 0, 0.5, 0, 0, 0),
        Fsm.UD: (0, 0, 0, 0, 0, 1, 0, 0, 0),
        Fsm.R: (0.5, 0, 0, 0, 0, 0, 0.25, 0.25, 0),
        Fsm.RD: (0, 0, 0, 0, 0, 0, 0.5, 0.5, 0),
    }
)
DISCOVERY_PROBABILITY = _fsm_probability(
    {
        Fsm.K: (0.25, 0.75, 0, 0, 0, 0, 0, 0, 0),
        Fsm.KD: (0, 1, 0, 0, 0, 0, 0, 0, 0),
        Fsm.S: (0.25, 0, 0, 0, 0.75, 0, 0, 0, 0),
        Fsm.SD: (0, 0, 0, 0, 1, 0, 0, 0, 0),
        Fsm.U: (0, 0, 0, 0, 0, 1, 0, 0, 0),
        Fsm.UD: (0, 0, 0, 0, 0, 1, 0, 0, 0),
        Fsm.R: (1, 0, 0, 0, 0, 0, 0, 0, 0),
        Fsm.RD: (0, 0, 0, 0, 0, 0, 0.5, 0.5, 0),
    }
)


class Group(IntEnum):
    """Kinds of hosts between which a finite-state red may distinguish (§5.6)."""

    ELSEWHERE, TARGET, UNNAMED = range(3)


class Role(IntEnum):
    """Roles of three hosts in the operational zones, which some reds look for (§1.8); NONE: all others."""

    NONE, AUTH, DB, WEB = range(4)


# weight with which the discovery variant looks at each state first (§5.5)
DISCOVERY_PRIORITY = np.array([0, 20, 20, 20, 20, 10, 10, 0, 0, 0], np.float32)
DISCOVERY_SERVER_PREFERENCE = 0.75
