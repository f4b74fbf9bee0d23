"""Connections of a client: to nodes of the plan, never to addresses (standard library only)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from garrison.range import net
from garrison.range.namespaces import ROUTER
from garrison.range.services.host import CANARY

INTERNET = 255


class Dial:
    """Where a client connects from, and how.

    Args:
        spec: of the supervisor: addresses of the nodes, the proxy, the folder.
        source: node from which the client runs.
        credentials: what it shows at the gate.
        deadline: of ``time.monotonic()``.
    """

    def __init__(self, spec: dict[str, Any], source: int, credentials: list[str], deadline: float):
        self._spec, self.source, self._credentials, self._deadline = spec, source, credentials, deadline

    @property
    def left(self) -> float:
        return self._deadline - time.monotonic()

    def to(self, node: int, port: int) -> net.Stream:
        """A connection to a port class of a node. Raises ``NotOpen``."""
        words = [str(node), str(port), *self._credentials]
        if self._spec["proxy"] is not None:
            stream = net.connect(self._spec["proxy"], self._spec["port_base"] + 99, self.left)
            reach = stream.ask(" ".join(["CONNECT", str(self.source), *words]))
            if reach != "open":
                stream.close()
                raise net.NotOpen(reach or "refused")
            return stream
        # what the kernel would say of a forbidden connection it says too seldom: about once a second
        reach = self._gate(" ".join(["CONNECT", *words]))
        if reach != "open":
            raise net.NotOpen(reach)
        return self._connected(node, port)

    def unasked(self, node: int, port: int) -> net.Stream:
        """The same without asking the gate of a router first: its kernel decides. Raises ``NotOpen``."""
        if self._spec["proxy"] is not None:
            return self.to(node, port)
        try:
            return self._connected(node, port)
        except net.NotOpen as error:
            if error.reach == "blocked" and self._gate(f"CONNECT {node} {port}") == "denied":
                raise net.NotOpen("denied") from error  # the kernel does not know why
            raise

    def inside(self, node: int, program: str) -> net.Stream:
        """A connection to a local socket of a host on which red has a session. Raises ``NotOpen``."""
        if self._spec["proxy"] is not None:
            with net.connect(self._spec["proxy"], self._spec["port_base"] + 99, self.left) as control:
                reach = control.ask(f"CONTROL {node}") or "refused"
        else:
            reach = self._gate("CONTROL")  # the process is on the host: its link is what red comes by
        if reach != "open":
            raise net.NotOpen(reach)
        folder = Path(self._spec["folder"]) / "hosts" / str(node)
        return net.connect_local(str(folder / f"{program}.sock"), self.left)

    def _connected(self, node: int, port: int) -> net.Stream:
        return net.connect(self._spec["addresses"][str(node)], self._spec["port_base"] + port, self.left)

    def _gate(self, request: str) -> str:
        with net.connect(ROUTER, self._spec["port_base"] + 99, self.left) as gate:
            return gate.ask(request) or "refused"


class Result:
    """What a client brings back."""

    def __init__(self, privilege: str):
        self.privilege, self.nonce, self.session = privilege, "", ""
        self.outcome, self.tickets, self.transcript = "not_vulnerable", [], []
        self.extra: dict[str, Any] = {}

    def said(self, stream: net.Stream, request: str) -> str:
        """Send a request; the answer goes to the transcript without nonces."""
        answer = stream.ask(request)
        if not answer:
            raise net.NotOpen("no answer")
        self.transcript += [f"> {request.split()[0]}", f"< {answer[:3]}"]
        return answer

    def gained(self, answer: str) -> Result:
        """Read an answer ``200 NONCE SESSION``."""
        status, *words = answer.split()
        if status == "200" and words and words[0].startswith(CANARY):
            self.outcome = "trapped"
        elif status == "200" and words:
            self.outcome, self.nonce = "success", words[0]
            self.session = words[1] if len(words) > 1 else ""
        elif status in ("401", "402"):
            self.outcome = "denied"
        elif status == "499":
            self.outcome = "trapped"
        return self
