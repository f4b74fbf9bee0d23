"""Register server of a plant, which anybody may write to (CWE-306)."""

from __future__ import annotations

from garrison.range.net import Stream
from garrison.range.services import plant
from garrison.range.services.host import Host

BLOCKS = {"config": 4, "system": 5}  #: block -> number of the weakness that stands for its flaw


def answer(host: Host, stream: Stream, service: dict, request: str) -> str:
    """Answer ``READ``, ``BLOCK NAME`` and ``OVERLOAD SESSION``."""
    verb, _, words = request.partition(" ")
    if verb == "READ":
        return "200 " + " ".join(f"{value:.0f}" for value in plant.values(host.episode))
    if verb == "BLOCK":
        open_block = BLOCKS.get(words, -1) in service["flaws"]
        status = host.reveal("plc_runtime") if open_block else "403"
        host.log("access", f"s7 block {words[:20]} {status[:3]}")
        return status
    if verb == "OVERLOAD":
        # the session is that of soc's rules; that the write itself needs no password is the flaw
        if host.session(words) != "root":
            return "401"
        host.log("plant", "write setpoints from engineering client")
        plant.overload(host.episode)
        return f"200 {host.nonce('private/register')}"
    return "400"
