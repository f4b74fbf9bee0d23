"""The router's programs without a namespace: what passes is recorded, and who may pass is decided."""

from __future__ import annotations

import json
import os
import struct
import threading
from pathlib import Path
from typing import Any

import pytest

from garrison.range import net
from garrison.range.services.flows import Flows, Sniffer
from garrison.range.services.gate import Gate
from garrison.range.services.host import ticket, write
from garrison.range.services.rules import scope_of
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import routes

ADDRESSES = {"0": "10.213.1.10", "5": "10.213.2.15", "22": "10.213.4.32", "255": "10.213.9.1"}
ZONES = {"0": 0, "5": 1, "6": 1, "22": 3}
BASE = 20_000
SYN, ACK, FIN, RST = 2, 16, 1, 4


@pytest.fixture
def spec() -> dict[str, Any]:
    return {
        "zones": ZONES,
        "addresses": ADDRESSES,
        "port_base": BASE,
        "allow": routes.ALLOW[0].tolist(),
        "gates": [T.SCOPE_NAMES[scope] if scope >= 0 else "" for scope in routes.GATE.tolist()],
        "guest_to_ot": False,
        "engineering": [],
    }


@pytest.fixture
def sniffer(spec, tmp_path):
    nodes = {address: int(node) for node, address in ADDRESSES.items()}
    flows = Flows(spec, tmp_path)
    yield Sniffer(flows, nodes, BASE)
    flows.file.close()


def packet(src: str, dst: str, ports: tuple[int, int], flags: int, number: int, data: bytes = b"") -> bytes:
    """An IPv4 packet with a TCP segment."""
    addresses = bytes(map(int, f"{ADDRESSES[src]}.{ADDRESSES[dst]}".split(".")))
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0) + addresses
    return ip + struct.pack("!HHIIBBHHH", *ports, number, 0, 5 << 4, flags, 0, 0, 0) + data


class Talk:
    """A connection, packet by packet."""

    def __init__(
        self, sniffer: Sniffer, src: str = "255", dst: str = "0", port: int = 0, first: int = 2**32 - 3
    ):
        self.sniffer, self.ends, self.ports, self.first = sniffer, (src, dst), (40_000, BASE + port), first
        self.sent = 0

    def there(self, flags: int, number: int, data: bytes = b"") -> None:
        src, dst = self.ends
        self.sniffer.packet(packet(src, dst, self.ports, flags, number % 2**32, data))

    def back(self, flags: int, data: bytes = b"") -> None:
        (src, dst), (here, there) = self.ends, self.ports
        self.sniffer.packet(packet(dst, src, (there, here), flags, 77, data))

    def open(self) -> Talk:
        self.there(SYN, self.first)
        self.back(SYN | ACK)
        return self

    def say(self, data: bytes, times: int = 1) -> Talk:
        for _ in range(times):
            self.there(ACK, self.first + 1 + self.sent, data)
        self.sent += len(data)
        return self


def lines(folder: Path) -> list[str]:
    return [line.split(" ", 1)[1] for line in (folder / "flows.log").read_text().splitlines()]


def test_a_connection_is_recorded_when_it_ends(sniffer, tmp_path):
    talk = Talk(sniffer).open().say(b"GET /").say(b" more\n")
    talk.back(ACK, b"200 answer that is not counted")
    assert lines(tmp_path) == []
    talk.back(FIN | ACK)
    talk.there(FIN | ACK, 0)
    assert lines(tmp_path) == ["0 flow flow 255 0 0 11"]
    assert not sniffer.connections


def test_what_is_sent_again_counts_once(sniffer, tmp_path):
    Talk(sniffer).open().say(b"x" * 1000, times=3).say(b"y" * 1000).there(RST, 0)
    assert lines(tmp_path) == ["0 flow flow 255 0 0 2000"]


def test_a_refused_or_unanswered_connection_is_none(sniffer, tmp_path):
    talk = Talk(sniffer)
    talk.there(SYN, 5)
    talk.back(RST | ACK)
    Talk(sniffer, port=1).there(SYN, 5)
    Talk(sniffer, port=1).there(RST, 6)
    assert lines(tmp_path) == []


def test_banners_are_scans_and_attacks_have_signatures(sniffer, tmp_path):
    Talk(sniffer).open().say(b"HELLO 1234\n").there(FIN, 0)
    Talk(sniffer, "5", "22", 2).open().say(b"READ ip").say(b"c/user\n").there(FIN, 0)
    assert lines(tmp_path) == ["0 flow scan 255 0 0 11", "22 flow flow 5 22 2 14", "22 ids signature 22"]


def test_a_flow_to_the_internet_is_its_host_s(sniffer, tmp_path):
    Talk(sniffer, "5", "255").open().say(b"PUT " + b"x" * 2000).there(FIN, 0)
    assert lines(tmp_path) == ["5 flow flow 5 255 0 2004"]


def test_other_packets_are_ignored(sniffer, tmp_path):
    whole = packet("255", "0", (1, BASE), SYN, 0)
    for data in (
        b"",
        whole[:10],
        whole[:30],
        whole[:9] + b"\x11" + whole[10:],
        whole[:12] + bytes(4) + whole[16:],
    ):
        sniffer.packet(data)
    assert not sniffer.connections
    for number in range(3000):  # a flood of connections that nobody answers
        sniffer.packet(packet("255", "0", (number, BASE), SYN, 0))
    assert len(sniffer.connections) <= 1024


def test_no_raw_socket_outside_of_a_namespace():
    with pytest.raises(net.AddressRefused, match="in a namespace only"):
        net.sniffer()
    with pytest.raises(net.AddressRefused, match="in no namespace"):
        net.confine(router=True)


# ---------------------------------------------------------------- the gate


class Wire:
    """A stream in memory from a host."""

    def __init__(self, peer: str, request: str):
        self.peer, self.request, self.answer = peer, request, ""

    def line(self) -> str:
        return self.request

    def send(self, line: str) -> None:
        self.answer = line


@pytest.fixture
def gate(spec, tmp_path):
    """The gate, and a supervisor that opens every pass; what was asked for is in its list ``opened``."""
    (tmp_path / "domain").mkdir()
    (tmp_path / "domain" / "key").write_text("00" * 16)
    write(tmp_path / "domain" / "epochs", json.dumps(dict.fromkeys(T.SCOPE_NAMES, 0)))
    write(tmp_path / "policy", json.dumps({"level": [0] * 5, "isolated": [6], "down": []}))
    (asks, ask), (answer, answers) = os.pipe(), os.pipe()
    found = Gate(spec, tmp_path, "10.213.255.254", ask, answer)
    opened: list[str] = []

    def supervisor() -> None:
        while asked := os.read(asks, 100):
            opened.append(asked.decode())
            os.write(answers, b"1")

    thread = threading.Thread(target=supervisor, daemon=True)
    thread.start()
    yield found, opened
    os.close(ask)
    thread.join(5)
    for number in (asks, answer, answers):
        os.close(number)


def asked(gate: Gate, peer: str, request: str) -> str:
    wire: Any = Wire(peer, request)
    gate.handle(wire)
    return wire.answer


def test_a_pass_takes_the_credential_of_the_zone(gate, tmp_path):
    found, opened = gate
    scope = T.SCOPE_NAMES[routes.GATE[T.Zone.SECURE]]
    good, wrong = (ticket(tmp_path, name, 60.0, 5) for name in (scope, "corp_user"))
    desk = ADDRESSES["5"]
    assert asked(found, desk, "CONNECT 22 2") == "denied"
    assert asked(found, desk, f"CONNECT 22 2 {wrong}") == "denied"
    assert asked(found, desk, f"CONNECT 22 2 {good[:-1]}x") == "denied"
    assert asked(found, desk, f"CONNECT 22 2 {ticket(tmp_path, scope, -1.0, 5)}") == "denied"
    assert opened == []
    assert asked(found, desk, f"CONNECT 22 2 {good}") == "open"
    assert opened == ["5 22 2\n"]


def test_a_credential_opens_no_port_that_the_rules_forbid(gate, tmp_path):
    found, opened = gate
    good = ticket(tmp_path, T.SCOPE_NAMES[routes.GATE[T.Zone.SECURE]], 60.0, 5)
    assert asked(found, ADDRESSES["5"], f"CONNECT 22 {int(T.Port.S7)} {good}") == "blocked"
    assert asked(found, ADDRESSES["255"], f"CONNECT 22 2 {good}") == "blocked"
    assert opened == []


def test_where_there_is_no_gate_nothing_is_opened(gate):
    found, opened = gate
    assert asked(found, ADDRESSES["255"], "CONNECT 0 0") == "open"
    assert asked(found, ADDRESSES["255"], "CONNECT 6 8") == "unreachable"
    assert asked(found, ADDRESSES["5"], "CONTROL") == "open"
    assert asked(found, "10.213.9.9", "CONNECT 0 0") == ""  # an address that no host has
    assert opened == []


def test_ways_with_a_gate(spec):
    secure, ot, guest = int(T.Zone.SECURE), int(T.Zone.OT), int(T.Zone.GUEST)
    assert scope_of(spec, 1, secure) == "secure_admin"
    assert scope_of(spec, secure, secure) == scope_of(spec, secure, 5) == ""
    assert scope_of(spec, guest, ot) != ""
    assert scope_of(spec | {"guest_to_ot": True}, guest, ot) == ""
