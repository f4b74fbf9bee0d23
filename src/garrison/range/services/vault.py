"""Vault of a database: data units for whoever has a session on the host."""

from __future__ import annotations

from garrison.range.net import Stream
from garrison.range.services.host import Host


def handle(host: Host, stream: Stream) -> None:
    """Answer ``UNIT NUMBER SESSION`` on the local socket."""
    verb, _, words = stream.line().partition(" ")
    number, _, session = words.partition(" ")
    if verb != "UNIT" or not number.isdigit() or int(number) >= int(host.spec["data"]):
        stream.send("404")
    elif host.flag("encrypted") or not host.session(session):
        stream.send("401")
    else:
        stream.send(f"200 {host.nonce(f'private/data:{number}')}")
