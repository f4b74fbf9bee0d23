"""Connections of a client: to nodes of the plan, never to addresses (standard library only)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from garrison.range import net
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
        if self._spec["proxy"] is None:  # the network itself decides
            return net.connect(self._spec["addresses"][str(node)], self._spec["port_base"] + port, self.left)
        stream = net.connect(self._spec["proxy"], self._spec["port_base"] + 99, self.left)
        reach = stream.ask(" ".join(["CONNECT", str(self.source), str(node), str(port), *self._credentials]))
        if reach != "open":
            stream.close()
            raise net.NotOpen(reach or "refused")
        return stream

    def inside(self, node: int, program: str) -> net.Stream:
        """A connection to a local socket of a host on which red has a session. Raises ``NotOpen``."""
        if self._spec["proxy"] is not None:
            with net.connect(self._spec["proxy"], self._spec["port_base"] + 99, self.left) as control:
                reach = control.ask(f"CONTROL {node}")
            if reach != "open":
                raise net.NotOpen(reach or "refused")
        folder = Path(self._spec["folder"]) / "hosts" / str(node)
        return net.connect_local(str(folder / f"{program}.sock"), self.left)


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
