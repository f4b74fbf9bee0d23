"""Mail desk: a model of a user who opens mails or reports them, by the chances of the plan."""

from __future__ import annotations

import secrets

from garrison.range.net import Stream
from garrison.range.services.host import Host

REPORT_CHANCE = 500  #: thousandths of the mails that were not opened


def answer(host: Host, stream: Stream, service: dict, request: str) -> str:
    """Answer ``MAIL TEXT``."""
    if not request.startswith("MAIL "):
        return "400"
    if secrets.randbelow(1000) < host.flag("phishability"):
        host.log("audit", 'type=CONNECT exe="mail client" uid=1000')
        host.log("dns", "query[A] updates.example from localhost")
        return f"200 {host.nonce('private/user')} {host.open_session('user', 'mail')}"
    if secrets.randbelow(1000) < REPORT_CHANCE:
        host.log("mail", "report: suspicious message")
    return "403"
