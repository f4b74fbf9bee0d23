"""Remote desk whose flaw is a default password (CWE-1392); it lets holders of tickets in, too."""

from __future__ import annotations

from garrison.range.net import Stream
from garrison.range.services import logon
from garrison.range.services.host import Host

DEFAULT = "admin admin"


def answer(host: Host, stream: Stream, service: dict, request: str) -> str:
    """Answer ``LOGON NAME PASSWORD`` and ``TICKET CREDENTIAL``."""
    verb, _, words = request.partition(" ")
    if verb in logon.VERBS:
        return logon.answer(host, verb, words)
    if verb != "LOGON":
        return "400"
    if words == DEFAULT and service["flaws"]:
        host.log("auth", "Accepted password for admin")
        return host.reveal("desk")
    if words == "user generated":  # people of the range
        host.log("auth", "Accepted password for user")
        return "200 hello"
    host.log("auth", "Failed password for admin")
    return "403"
