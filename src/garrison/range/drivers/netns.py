"""Tier ``netns``: a network namespace per host, and a router whose kernel holds the rules.

The kernel does not see credentials, so the router has a gate, a program that has passes through it opened.
Flows are recorded from the packets that enter the router.
"""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from garrison.range import namespaces
from garrison.range.drivers.processes import Processes
from garrison.range.plan import Plan
from garrison.range.protocol import Handle, Leftovers, RangeUnavailable

_CAP_NET_ADMIN, _CAP_SYS_ADMIN = 12, 21


class Namespaces(Processes):
    """Routing, isolation and rules by the kernel. Needs root, or its capabilities, and ``ip``."""

    tier = "netns"

    def check(self) -> None:
        if platform.system() != "Linux":
            raise RangeUnavailable(f"tier netns needs Linux; this is {platform.system()}")
        if shutil.which("ip") is None:
            raise RangeUnavailable("tier netns needs the program ip (Debian, Ubuntu: apt install iproute2)")
        lines = Path("/proc/self/status").read_text().splitlines()
        have = int(next(line for line in lines if line.startswith("CapEff")).split()[1], 16)
        for name, bit in (("CAP_NET_ADMIN", _CAP_NET_ADMIN), ("CAP_SYS_ADMIN", _CAP_SYS_ADMIN)):
            if not have >> bit & 1:
                raise RangeUnavailable(f"tier netns needs {name}, as root has it; this process lacks it")
        if os.geteuid() != 0:
            raise RangeUnavailable("tier netns needs root, to give up its privileges in every process")

    def addresses(self, plan: Plan) -> tuple[dict[int, str], str | None, list[str]]:
        found = {host.node: namespaces.address(host.node, host.zone) for host in plan.hosts}
        return found | {255: namespaces.address(255, 5)}, None, []

    def teardown(self, handle: Handle) -> Leftovers:
        left = super().teardown(handle)
        if left.namespaces:  # the supervisor was killed
            namespaces.delete(left.namespaces)
            left = super().teardown(handle)
        return left

    def namespaces_of(self, folder: Path) -> tuple[str, ...]:
        return namespaces.left(folder)
