"""Gate of a router: it sees credentials, which the kernel does not (standard library only).

It says what the rules say of a connection. For one that shows the credential of a gated zone it has the
supervisor open the way, from this host to that one and port, until the technique has ended. The kernel lets
nothing else into a gated zone, whatever is asked here. Who asks is known by the address of the connection.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from garrison.range import net
from garrison.range.services.rules import Rules


class Gate:
    """The program.

    Args:
        spec: of the supervisor.
        address: of the router.
        ask, answer: file descriptors of pipes to and from the supervisor.
    """

    def __init__(self, spec: dict[str, Any], folder: Path, address: str, ask: int, answer: int):
        self.rules, self.address, self.port = Rules(spec, folder), address, spec["port_base"] + 99
        self.nodes = {address: int(node) for node, address in spec["addresses"].items()}
        self.ask, self.answer, self.lock = ask, answer, threading.Lock()

    def run(self) -> None:
        """Serve for ever."""
        listener = net.listen(self.address, self.port)
        net.serve([(listener, self.handle)], lambda: None, 60.0)

    def handle(self, stream: net.Stream) -> None:
        """Answer ``CONNECT NODE PORT CREDENTIAL...``, and ``CONTROL`` of the host that asks."""
        src = self.nodes.get(stream.peer)
        verb, *words = stream.line().split()
        if src is None:
            return
        if verb == "CONTROL":
            stream.send(self.rules.control(src))
            return
        dst, port = int(words[0]), int(words[1])
        reach = self.rules.decide(src, dst, port, words[2:])
        gated = self.rules.scope(self.rules.zone(src), self.rules.zone(dst))
        if reach == "open" and gated and not self._opened(src, dst, port):
            reach = "timeout"
        stream.send(reach)

    def _opened(self, src: int, dst: int, port: int) -> bool:
        with self.lock:
            os.write(self.ask, f"{src} {dst} {port}\n".encode())
            return os.read(self.answer, 1) == b"1"
