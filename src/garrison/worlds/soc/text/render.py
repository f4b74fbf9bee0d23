"""Lines of log of tokens: the format of the sensor that recorded each, Zeek's, Sysmon's, or OCSF."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import tokens as K
from garrison.worlds.soc.text import linux, network, ocsf, windows
from garrison.worlds.soc.text.delivered import Entry

#: ``native``: of the sensor: Windows event XML, syslog and auditd, Suricata EVE, lines of EDR and mail.
#: ``zeek`` and ``sysmon`` write what the network sensors saw as Zeek logs, or on Windows as Sysmon events;
#: ``ocsf`` writes everything as Open Cybersecurity Schema Framework JSON
FORMATS = ("native", "zeek", "sysmon", "ocsf")
_START = datetime(2026, 3, 2, 8, tzinfo=UTC)  # of every episode
_PEOPLE = ("garcia", "ito", "kowalski", "mensah", "novak", "okafor", "petrov", "rossi", "silva", "tanaka")
PORT_NUMBERS = (80, 8080, 445, 3389, 22, 88, 502, 102, 25)  #: of port classes
assert len(PORT_NUMBERS) == T.NUM_PORTS


class Place(NamedTuple):
    """What lines need to know of the network: by slot, at the time of the step."""

    number: int  # of the network: names and numbers in lines are made of it and of the token
    names: Sequence[str]
    zones: Sequence[int]
    systems: Sequence[int]  # of tables.hosts.Os
    roles: Sequence[int]
    leases: Sequence[int]


class Line(NamedTuple):
    """A token with what its line says beside its fields: all of it from a hash of the token."""

    entry: Entry
    time: datetime
    host: str
    system: int
    address: str
    other_host: str  # empty for the internet, or none
    other_address: str
    user: str
    process: str
    pid: int
    parent: int
    port: int  # 0 where the token has none
    source_port: int
    bytes: int
    choice: int  # 0-255, for what is written in one of several ways
    record: int


def place_of(static: Static, episode: Any) -> Place:
    """The network of an episode in NumPy."""
    from garrison.worlds.soc.describe import host_names  # imported late: it shows lines

    state, topology = episode.state, episode.topology
    return Place(
        number=int(topology.number),
        names=host_names(static),
        zones=layout(static).zone.tolist(),
        systems=topology.host_os.tolist(),
        roles=state.host_role.tolist(),
        leases=state.host_lease.tolist(),
    )


def render(entries: Iterable[Entry], place: Place, format: str = "native") -> list[str]:
    """A line per token.

    Args:
        place: of :func:`place_of`.
        format: one of :data:`FORMATS`.

    Raises:
        ValueError: for another format.
    """
    if format not in FORMATS:
        raise ValueError(f"no format {format!r} of logs; there are: {', '.join(FORMATS)}")
    return [_line(line_of(entry, place), format) for entry in entries]


def _line(line: Line, format: str) -> str:
    if format == "ocsf":
        return ocsf.line(line)
    sensor = K.SENSOR[line.entry.type]
    family = K.OS_FAMILY[line.system]
    if sensor == K.Sensor.NETWORK or line.entry.type == K.Token.OT_WRITE:
        if format == "zeek":
            return network.zeek(line)
        if format == "sysmon" and family == K.Family.WINDOWS and line.entry.type in windows.NETWORK:
            return windows.line(line)
        return network.eve(line)
    if sensor in (K.Sensor.HOST, K.Sensor.DIRECTORY):
        # directories are Windows servers, but each host's side of a logon is its own
        return windows.line(line) if family == K.Family.WINDOWS else linux.line(line)
    return network.other(line)


def line_of(entry: Entry, place: Place) -> Line:
    """The values of a token's line."""
    digest = hashlib.blake2b(repr((place.number, *entry)).encode(), digest_size=20).digest()
    numbers = [int.from_bytes(digest[i : i + 2], "big") for i in range(0, 20, 2)]
    second = max(entry.recorded - 1, 0) * L.BATCH_MS + numbers[0] * L.BATCH_MS // 65_536
    elsewhere = entry.other == T.NO_HOST
    return Line(
        entry=entry,
        time=_START + timedelta(milliseconds=second),
        host=_name(place, entry.host),
        system=place.systems[entry.host],
        address=address(place, entry.host),
        other_host="" if elsewhere else _name(place, entry.other),
        other_address=_elsewhere(entry, numbers[1]) if elsewhere else address(place, entry.other),
        user=_user(place, entry),
        process=_PROCESSES.get(K.Process(entry.process), "-"),
        pid=1_000 + 4 * (numbers[2] % 8_000),
        parent=400 + 4 * (numbers[3] % 2_000),
        port=0 if entry.port == K.NO_PORT else PORT_NUMBERS[entry.port],
        source_port=49_152 + numbers[4] % 16_384,
        bytes=200 + numbers[5] * (512 if entry.type == K.Token.FLOW_LARGE else 1),
        choice=numbers[6] & 255,
        record=10_000 + numbers[7],
    )


def _elsewhere(entry: Entry, number: int) -> str:
    """The other end outside of the network: on the internet for flows, for all else none."""
    outside = K.SENSOR[entry.type] == K.Sensor.NETWORK or entry.type == K.Token.NET_CONNECT
    return f"203.0.113.{1 + number % 254}" if outside else "-"


def address(place: Place, host: int) -> str:
    """The address of a host: a new one after each new lease."""
    zone = place.zones[host]
    first = place.zones.index(zone)
    network_part = T.ZONE_ADDRESSES[zone].rsplit(".", 1)[0]
    return f"{network_part}.{10 + (host - first + 53 * place.leases[host]) % 240}"


def _name(place: Place, host: int) -> str:
    return place.names[host].replace("_", "-")


def _user(place: Place, entry: Entry) -> str:
    """The account of a token: of a host's person always the same one."""
    if entry.user == K.User.PERSON:
        digest = hashlib.blake2b(repr((place.number, entry.host)).encode(), digest_size=2).digest()
        return _PEOPLE[int.from_bytes(digest, "big") % len(_PEOPLE)]
    return {
        K.User.ADMINISTRATOR: "administrator",
        K.User.SERVICE: "svc-app",
        K.User.SYSTEM: "SYSTEM" if K.OS_FAMILY[place.systems[entry.host]] == K.Family.WINDOWS else "root",
    }.get(K.User(entry.user), "-")


_PROCESSES = {
    K.Process.SVCHOST: "svchost.exe",
    K.Process.LSASS: "lsass.exe",
    K.Process.SERVICES: "services.exe",
    K.Process.POWERSHELL: "powershell.exe",
    K.Process.CMD: "cmd.exe",
    K.Process.EXPLORER: "explorer.exe",
    K.Process.OUTLOOK: "outlook.exe",
    K.Process.W3WP: "w3wp.exe",
    K.Process.SSHD: "sshd",
    K.Process.BASH: "bash",
    K.Process.PYTHON: "python3",
    K.Process.JAVA: "java",
    K.Process.HTTPD: "httpd",
    K.Process.SYSTEMD: "systemd",
    K.Process.SUDO: "sudo",
    K.Process.MAIL_CLIENT: "thunderbird",
    K.Process.RSYNC: "rsync",
    K.Process.PLC_RUNTIME: "plc-runtime",
    K.Process.ENGINEERING_CLIENT: "step7-client",
}


def template(entry: Entry, system: int) -> str:
    """The native line of a token on an operating system, with all values masked."""
    user = {K.User.NONE: "-", K.User.PERSON: "person"}.get(
        K.User(entry.user), K.User(entry.user).name.lower()
    )
    masked = Line(
        entry=entry,
        time=_START,
        host="host",
        system=system,
        address="address",
        other_host="other",
        other_address="other",
        user=user,
        process=_PROCESSES.get(K.Process(entry.process), "-"),
        pid=0,
        parent=0,
        port=0 if entry.port == K.NO_PORT else PORT_NUMBERS[entry.port],
        source_port=0,
        bytes=0,
        choice=0,
        record=0,
    )
    return _line(masked, "native")
