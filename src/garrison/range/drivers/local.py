"""Tier ``local``: processes on addresses of 127.0.0.0/8 behind a proxy that holds the rules."""

from __future__ import annotations

import platform
import random

from garrison.range import net
from garrison.range.drivers.processes import Processes
from garrison.range.plan import Plan
from garrison.range.protocol import RangeUnavailable


class Local(Processes):
    """Real sockets, timeouts and teardown, without privileges. Rules are the proxy's, not the kernel's."""

    tier = "local"

    def check(self) -> None:
        if platform.system() != "Linux":
            needs = "Linux (addresses of 127.0.0.0/8, /proc, prctl)"
            raise RangeUnavailable(f"tier local needs {needs}; this is {platform.system()}")

    def addresses(self, plan: Plan) -> tuple[dict[int, str], str | None, list[str]]:
        number = _free_network()
        found = {host.node: f"127.{number}.{1 + host.zone}.{10 + host.node}" for host in plan.hosts}
        proxy = f"127.{number}.0.1"
        return found | {255: f"127.{number}.9.1"}, proxy, [proxy]


def _free_network() -> int:
    """Second byte of a network that no episode uses now."""
    numbers = random.SystemRandom().sample(range(1, 255), 254)
    for number in numbers:
        lock = net.claim(number)
        if lock is not None:
            lock.close()  # the supervisor takes it at once
            return number
    raise RangeUnavailable("all networks of 127.0.0.0/8 are taken by other episodes")
