"""The rules of the network as the proxy and the gate of a router know them (standard library only)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from garrison.range.services.host import valid

INTERNET, OUTSIDE = 255, 5  #: node and zone
_MAIL, _CLOSED, _GUEST, _OT = 8, 2, 2, 4


class Rules:
    """Permitted routes by zone, port class and level; isolated hosts; the gates of zones.

    Args:
        spec: of the supervisor.
        folder: of the episode, where the supervisor writes the present ``policy``.
    """

    def __init__(self, spec: dict[str, Any], folder: Path):
        self.spec, self.folder = spec, folder
        self.zones = {int(node): zone for node, zone in spec["zones"].items()}

    def zone(self, node: int) -> int:
        return self.zones.get(node, OUTSIDE)

    def scope(self, here: int, there: int) -> str:
        """Scope of the credential that the way from a zone to another one takes; empty for none."""
        return scope_of(self.spec, here, there)

    def decide(self, src: int, dst: int, port: int, credentials: list[str]) -> str:
        """Whether the rules let a connection through, as the value of a ``Reach``."""
        policy = self._policy()
        away, level = policy["isolated"] + policy["down"], policy["level"]
        if src in away or dst in away:
            return "unreachable"
        here, there = self.zone(src), self.zone(dst)
        if here < OUTSIDE and level[here] == _CLOSED:
            return "blocked"
        if port == _MAIL and src == INTERNET:  # mail is relayed
            return "open"
        at = level[here] if there == OUTSIDE else level[there]
        if not self.spec["allow"][at][here][there] >> port & 1:
            return "blocked"
        scope = self.scope(here, there)
        if scope and not self._passes(policy, scope, there, credentials):
            return "denied"
        return "open"

    def control(self, node: int) -> str:
        """Whether red still reaches a session on a host."""
        policy = self._policy()
        if node in policy["isolated"] or node in policy["down"]:
            return "unreachable"
        return "blocked" if policy["level"][self.zones[node]] == _CLOSED else "open"

    def _policy(self) -> dict[str, Any]:
        return json.loads((self.folder / "policy").read_text())

    def _passes(self, policy: dict[str, Any], scope: str, there: int, credentials: list[str]) -> bool:
        """Whether a credential opens the gate of a zone, or a session on an engineering workstation."""
        for credential in credentials:
            if credential.startswith("session.") and there == _OT:
                _, node, handle = credential.split(".")
                file = self.folder / "hosts" / node / "sessions" / handle
                open_zone = policy["level"][self.zones[int(node)]] < _CLOSED
                usable = int(node) not in policy["isolated"] and open_zone
                if int(node) in self.spec["engineering"] and handle.isalnum() and file.exists() and usable:
                    return True
            elif credential.count(".") >= 5 and valid(self.folder, credential) == scope:
                return True
        return False


def scope_of(spec: dict[str, Any], here: int, there: int) -> str:
    """Scope of the credential that the way from a zone to another one takes; empty for none."""
    if here == there or there == OUTSIDE or spec["guest_to_ot"] and (here, there) == (_GUEST, _OT):
        return ""
    return spec["gates"][there]
