"""Techniques against listening programs: a foothold on a host."""

from __future__ import annotations

from typing import Any

from garrison.range.clients.dial import Dial, Result
from garrison.range.services.desk import DEFAULT
from garrison.range.services.registers import BLOCKS
from garrison.range.services.share import MODULES

WRONG = 99  #: number of a flaw that no program has: what a false picture leads to


def web(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """Path traversal (CWE-22)."""
    return _ask(dial, target, task, f"GET ../private/{_file(task)}")


def runner(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """Injection into a task (CWE-77)."""
    return _ask(dial, target, task, f"RUN echo; show private/{_file(task)}")


def desk(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """Default password (CWE-1392)."""
    return _ask(dial, target, task, f"LOGON {DEFAULT if task['flaw'] != WRONG else 'admin guess'}")


def share(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """Module without authentication (CWE-306)."""
    return _ask(dial, target, task, f"READ {_named(MODULES, task)}/{_file(task)}")


def registers(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """Block without authentication (CWE-306)."""
    return _ask(dial, target, task, f"BLOCK {_named(BLOCKS, task)}")


def mail(dial: Dial, target: int, task: dict[str, Any]) -> Result:
    """A mail to the user of a host."""
    return _ask(dial, target, task, "MAIL please open")


def _file(task: dict[str, Any]) -> str:
    return "user" if task["flaw"] != WRONG else "none"


def _named(names: dict[str, int], task: dict[str, Any]) -> str:
    """The part of a program that a weakness is in, the first one for a technique without a number."""
    if task["flaw"] == WRONG and "config" in names:
        return "none"
    return next((name for name, flaw in names.items() if flaw == task["flaw"]), next(iter(names)))


def _ask(dial: Dial, target: int, task: dict[str, Any], request: str) -> Result:
    result = Result("user")
    with dial.to(target, task["port"]) as stream:
        return result.gained(result.said(stream, request))
