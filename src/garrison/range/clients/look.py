"""Looking: one port, the services of a host, who is there."""

from __future__ import annotations

import secrets
from typing import Any

from garrison.range import net
from garrison.range.clients.dial import Dial, Result

PORTS = range(8)  #: mail is no service that scans look for


def probe(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """Connect to one port, and read its banner if asked to."""
    result = Result("")
    with dial.unasked(target, task["port"]) as stream:
        result.outcome = "success"
        if task["unit"] >= 0:
            result.extra["banner"] = result.said(stream, f"HELLO {secrets.token_hex(4)}")
    return result


def scan(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """Try all ports of a host; the first that is open tells what the host offers."""
    result, number = Result(""), secrets.token_hex(4)
    found: dict[str, str] = {}
    for port in PORTS:
        try:
            with dial.to(target, port) as stream:
                found[str(port)] = "open"
                if "banner" not in result.extra:
                    result.extra["banner"] = result.said(stream, f"HELLO {number}")
        except net.NotOpen as error:
            found[str(port)] = error.reach
    result.extra["ports"] = found
    reasons = set(found.values())
    closed = ("timeout", "unreachable", "blocked", "denied")
    result.outcome = next((r for r in closed if r in reasons), "unreachable")
    if reasons & {"open", "refused"}:
        result.outcome = "success"
    return result
