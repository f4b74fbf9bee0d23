"""Techniques on a host of which red has a session: the broker's flaw, and what Root can do."""

from __future__ import annotations

from typing import Any

from garrison.range.clients.dial import INTERNET, Dial, Result


def grant(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """Name a role that the caller does not have (CWE-441)."""
    return _broker(dial, target, f"GRANT admin {task['session'] or '-'}")


def impersonate(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """The same, of a web server's account."""
    return _broker(dial, target, f"IMPERSONATE admin {task['session'] or '-'}")


def driver(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """The same, of a device."""
    return _broker(dial, target, f"DRIVER admin {task['session'] or '-'}")


def dump(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """Take the credentials that a host has in memory."""
    result = Result("root")
    with dial.inside(target, "broker") as stream:
        answer = result.said(stream, f"DUMP {task['session'] or '-'}")
    status, *words = answer.split()
    if status == "200" and words:
        result.outcome, result.nonce, result.tickets = "success", words[0], words[1:]
    elif status == "401":
        result.outcome = "denied"
    return result


def encrypt(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """Lock the volume of a host."""
    return _broker(dial, target, f"ENCRYPT {task['session'] or '-'}")


def kill(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """End the sensor of a host."""
    return _broker(dial, target, f"KILL {task['session'] or '-'}")


def overload(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """Write setpoints from a session on the PLC (CWE-306)."""
    result = Result("register")
    with dial.to(target, task["port"]) as stream:
        return result.gained(result.said(stream, f"OVERLOAD {task['session'] or '-'}"))


def vault(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """Take a data unit, and carry it out to the internet."""
    result = Result(f"data:{task['unit']}")
    with dial.inside(target, "vault") as stream:
        result.gained(result.said(stream, f"UNIT {task['unit']} {task['session'] or '-'}"))
    if result.outcome != "success":
        return result
    nonce, result.nonce, result.outcome = result.nonce, "", "blocked"
    with dial.to(INTERNET, 0) as stream:
        for _ in range(2):
            result.said(stream, "PUT " + "x" * 1000)
    result.nonce, result.outcome = nonce, "success"
    return result


def _broker(dial: Dial, target: int, request: str) -> Result:
    result = Result("root")
    with dial.inside(target, "broker") as stream:
        return result.gained(result.said(stream, request))
