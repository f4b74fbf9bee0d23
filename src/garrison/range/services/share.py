"""File share whose modules may lack authentication (CWE-306); it lets holders of tickets in, too."""

from __future__ import annotations

from garrison.range.net import Stream
from garrison.range.services import logon
from garrison.range.services.host import Host

MODULES = {"ipc": 0, "print": 4}  #: module -> number of the weakness that stands for its flaw


def answer(host: Host, stream: Stream, service: dict, request: str) -> str:
    """Answer ``READ MODULE/FILE`` and ``TICKET CREDENTIAL``."""
    verb, _, words = request.partition(" ")
    if verb in logon.VERBS:
        return logon.answer(host, verb, words)
    module, _, name = words.partition("/")
    if verb != "READ" or module not in (*MODULES, "public"):
        return "400"
    status = "403"
    if module == "public":
        status = "200 generated text"
    elif MODULES[module] in service["flaws"] and name == "user":
        # the flaw: the module asks nobody who they are
        host.log("auth", "Accepted null session for anonymous")
        status = host.reveal("smbd")
    host.log("access", f"smbd_audit|{module}|{name[:40]}|{status[:3]}")
    return status
