"""Logon by credential: the listening program hands it to the broker of its host."""

from __future__ import annotations

from garrison.range.net import connect_local
from garrison.range.services.host import Host

VERBS = ("TICKET", "HASH")


def answer(host: Host, verb: str, credential: str) -> str:
    """What the broker says of a credential."""
    with connect_local(str(host.folder / "broker.sock"), 2.0) as broker:
        answer = broker.ask(f"ADMIT {verb} {credential}")
    if answer.startswith("202"):  # a user of the domain, without administration
        return f"200 {host.nonce('private/user')} {host.open_session('user', 'ticket')}"
    return answer
