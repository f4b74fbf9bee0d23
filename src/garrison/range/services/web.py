"""Web server whose flaw is a path traversal (CWE-22)."""

from __future__ import annotations

from garrison.range.net import Stream
from garrison.range.services.host import Host


def answer(host: Host, stream: Stream, service: dict, request: str) -> str:
    """Answer ``GET PATH``."""
    verb, _, path = request.partition(" ")
    if verb != "GET":
        return "400"
    parts = [part for part in path.split("/") if part]
    outside = ".." in parts
    status = "404"
    if not parts or parts == ["index.html"]:
        status = "200 welcome"
    elif outside and service["flaws"]:
        # the flaw: dots are followed, though only to the one file that is there to be found
        if parts[-2:] == ["private", "user"]:
            status = host.reveal("httpd")
            host.log("dns", "query[A] updates.example from localhost")
    elif outside:
        status = "403"
    host.log("access", f'- "GET {"/".join(parts)[:80]}" {status[:3]}')
    return status
