"""Techniques with stolen credentials (CWE-294)."""

from __future__ import annotations

from typing import Any

from garrison.range import net
from garrison.range.clients.dial import Dial, Result

LOGON_PORTS = (2, 3, 4)  #: port classes whose programs let holders of tickets in: smb, rdp, ssh


def ticket(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """Show a ticket again; a false one first, as it looks best."""
    result = Result("root")
    tickets = [one for one in task["tickets"] if not one.startswith("session.")]
    stream = _open(dial, target)
    if stream is None:
        return result
    with stream:
        result.outcome = "denied"
        for one in sorted(tickets, key=lambda one: not one.startswith("honey.")):
            answer = result.said(stream, f"TICKET {one}")
            if answer.startswith("200"):
                if not one.startswith(("corp_admin", "secure_admin", "ot_operator")):
                    result.privilege = "user"
                return result.gained(answer)
            if result.gained(answer).outcome == "trapped":
                return result
    return result


def _open(dial: Dial, target: int) -> net.Stream | None:
    """The first port that lets in; None where the host listens on none. Raises ``NotOpen``."""
    reasons = []
    for port in LOGON_PORTS:
        try:
            return dial.to(target, port)
        except net.NotOpen as error:
            reasons.append(error.reach)
    worst = [reason for reason in reasons if reason != "refused"]
    if worst and "refused" not in reasons:
        raise net.NotOpen(worst[0])
    return None


def hash(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """Have a controller, on which red has Root, give away the hash of a host of its zone."""
    result = Result("root")
    with dial.inside(dial.source, "broker") as stream:
        answer = result.said(stream, f"FORGE {task['session'] or '-'} {target}")
    if not answer.startswith("200"):
        result.outcome = "denied"
        return result
    with dial.to(target, task["port"]) as stream:
        return result.gained(result.said(stream, f"HASH {answer.split()[1]}"))
