"""Nonces: what proves that a technique worked.

The judge draws them and keeps digests; a driver plants them and keeps nothing. The plan has none.
"""

from __future__ import annotations

import hashlib
import secrets as random
from collections.abc import Mapping
from dataclasses import dataclass, field

from garrison.range.plan import HostPlan, Plan

BITS = 128


@dataclass(frozen=True)
class Secrets:
    """Nonces on their way to the services: host -> privilege -> nonce.

    Privileges are ``user``, ``root``, ``data:N`` of databases and ``register`` of PLCs.
    """

    nonces: Mapping[int, Mapping[str, str]] = field(repr=False)


class NonceError(RuntimeError):
    """Evidence with a nonce that is not the one it claims: the run has failed."""


def _privileges(host: HostPlan) -> tuple[str, ...]:
    data = tuple(f"data:{unit}" for unit in range(host.data))
    return ("user", "root", *data, *(("register",) if host.is_plc else ()))


def _digest(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()


class Ledger:
    """Digests of an episode's nonces, and who proved which one when."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.proofs: list[tuple[float, int, str]] = []  # time, host, privilege
        self._current: dict[tuple[int, str], str] = {}
        self._known: dict[str, tuple[int, str]] = {}  # every digest ever drawn

    def draw(self) -> Secrets:
        """Nonces for every host."""
        return Secrets({host.node: self._drawn(host, _privileges(host)) for host in self.plan.hosts})

    def redraw(self, node: int, privileges: tuple[str, ...] | None = None) -> Secrets:
        """New nonces of one host, whose old ones are stale from now on."""
        host = self.plan.host(node)
        return Secrets({node: self._drawn(host, privileges or _privileges(host))})

    def _drawn(self, host: HostPlan, privileges: tuple[str, ...]) -> dict[str, str]:
        drawn = {privilege: random.token_hex(BITS // 8) for privilege in privileges}
        for privilege, nonce in drawn.items():
            key = _digest(nonce)
            self._current[host.node, privilege] = key
            self._known[key] = host.node, privilege
        return drawn

    def prove(self, node: int, privilege: str, nonce: str, time: float) -> None:
        """Enter a proof. Raises ``NonceError`` for a nonce that is not the present one of these."""
        key = _digest(nonce)
        if self._current.get((node, privilege)) == key:
            self.proofs.append((time, node, privilege))
            return
        known = self._known.get(key)
        if known == (node, privilege):
            raise NonceError(f"stale nonce: host {node} has a new one for {privilege}")
        if known is not None:
            raise NonceError(
                f"nonce of host {known[0]} ({known[1]}) where host {node} ({privilege}) is claimed"
            )
        raise NonceError(f"unknown nonce where host {node} ({privilege}) is claimed: not of this episode")
