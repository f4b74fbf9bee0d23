"""Token service of a domain controller, whose tickets are good wherever they are shown (CWE-294)."""

from __future__ import annotations

from garrison.range.net import Stream
from garrison.range.services.host import Host


def answer(host: Host, stream: Stream, service: dict, request: str) -> str:
    """Answer ``LIST``: the name of the domain. Tickets are checked by the hosts (``broker.py``)."""
    return "200 domain" if request == "LIST" else "400"
