"""Records of connections that pass the border of a zone (standard library only)."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from garrison.range.services.rules import INTERNET, OUTSIDE

#: what is taken for an attack
_SIGNATURES = (b"LOGON admin", b"READ ipc/", b"READ print/", b"BLOCK ")
KEPT = 2048  #: bytes of a connection that are looked at
_TCP, _FIN, _SYN, _RST, _ACK = 6, 1, 2, 4, 16
_MOST = 1024  #: connections that a sniffer keeps which were never answered


class Flows:
    """The log. What stays inside a zone is not seen."""

    def __init__(self, spec: dict[str, Any], folder: Path):
        self.zones = {int(node): zone for node, zone in spec["zones"].items()}
        self.file = (folder / "flows.log").open("a", buffering=1)

    def refused(self, src: int, dst: int, port: int, reach: str) -> None:
        """A connection that the rules forbid."""
        self._write(src, dst, "flow", f"{reach} {src} {dst} {port} 0")

    def ended(self, src: int, dst: int, port: int, size: int, seen: bytes) -> None:
        """A connection that has ended: bytes that its client sent, and the first of them."""
        kind = "scan" if seen.startswith(b"HELLO") else "flow"
        self._write(src, dst, "flow", f"{kind} {src} {dst} {port} {size}")
        if any(signature in seen for signature in _SIGNATURES):
            self._write(src, dst, "ids", f"signature {dst}")

    def _write(self, src: int, dst: int, family: str, text: str) -> None:
        if self.zones.get(src, OUTSIDE) != self.zones.get(dst, OUTSIDE):
            node = src if dst == INTERNET else dst
            self.file.write(f"{time.monotonic():.6f} {node} {family} {text}\n")


class _Connection:
    def __init__(self, first: int):
        self.first, self.answered, self.size, self.seen = first, False, 0, bytearray()


class Sniffer:
    """Connections as a router sees them pass, from raw packets.

    Args:
        nodes: address -> node.
        port_base: number of port class 0.
    """

    def __init__(self, flows: Flows, nodes: dict[str, int], port_base: int):
        self.flows, self.port_base = flows, port_base
        self.nodes = {bytes(map(int, address.split("."))): node for address, node in nodes.items()}
        self.connections: dict[tuple[int, int, int, int], _Connection] = {}

    def run(self, packets: Iterable[bytes]) -> None:
        for packet in packets:
            self.packet(packet)

    def packet(self, data: bytes) -> None:
        """Take in an IPv4 packet as it enters the router; what is no TCP between hosts is ignored."""
        start = (data[0] & 15) * 4 if data else 0
        src, dst = self.nodes.get(data[12:16]), self.nodes.get(data[16:20])
        if src is None or dst is None or data[9] != _TCP or len(data) < start + 20:
            return
        source, target, number, _, offset, flags = struct.unpack("!HHIIBB", data[start : start + 14])
        payload = data[start + (offset >> 4) * 4 : struct.unpack("!H", data[2:4])[0]]
        there, back = (src, source, dst, target), (dst, target, src, source)
        if flags & _SYN:
            self._opened(there, back, number, flags)
        elif (connection := self.connections.get(there)) is not None:
            place = (number - connection.first - 1) % 2**32
            if place == connection.size:  # not sent again
                connection.size += len(payload)
                connection.seen += payload[: max(KEPT - len(connection.seen), 0)]
        if flags & (_FIN | _RST):
            for key in (there, back):
                self._closed(key)

    def _opened(self, there: tuple, back: tuple, number: int, flags: int) -> None:
        if flags & _ACK:
            if back in self.connections:
                self.connections[back].answered = True
            return
        if len(self.connections) >= _MOST:
            self.connections = {key: one for key, one in self.connections.items() if one.answered}
        self.connections[there] = _Connection(number)

    def _closed(self, key: tuple[int, int, int, int]) -> None:
        connection = self.connections.pop(key, None)
        if connection is not None and connection.answered:
            src, _, dst, port = key
            self.flows.ended(src, dst, port - self.port_base, connection.size, bytes(connection.seen))
