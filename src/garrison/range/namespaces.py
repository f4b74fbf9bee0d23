"""Network namespaces of one episode: a router and one host each, joined by veth (standard library only).

Rules are policy routing of the router's kernel; no packet filter is needed. Nothing links a namespace to the
machine's own network, and none has a default route. What the rules forbid is answered as prohibited by
administration, what has no link as "network unreachable". A rule for a port lets packets *from* it back.
No rule leads into a zone with a gate: :mod:`garrison.range.services.gate` has passes opened.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path
from typing import Any

from garrison.range import net
from garrison.range.services.rules import scope_of

PREFIX = "garrison-"
NETWORK = str(net.NAMESPACES)
ROUTER = "10.213.255.254"
INTERNET, ZONES = 255, 5
CLOSED, MAIL, PORTS = 2, 8, 9
_CLONE_NEWNET = 0x40000000


def names_of(folder: Path) -> str:
    """What the names of an episode's namespaces begin with."""
    return f"{PREFIX}{folder.name.rpartition('-')[2]}-"


def left(folder: Path) -> tuple[str, ...]:
    """Namespaces of an episode that still exist."""
    there = Path("/run/netns")
    if not there.exists():
        return ()
    return tuple(sorted(path.name for path in there.glob(f"{names_of(folder)}*")))


def delete(names: tuple[str, ...]) -> None:
    for name in names:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def address(node: int, zone: int) -> str:
    return f"10.213.{1 + zone}.{10 + node}" if node != INTERNET else "10.213.9.1"


class Links:
    """The network of an episode.

    Args:
        spec: of the supervisor.
    """

    def __init__(self, spec: dict[str, Any]):
        self.spec, self.folder = spec, Path(spec["folder"])
        self.prefix = names_of(self.folder)
        self.router = self.name("r")
        self.nodes = [int(node) for node in spec["addresses"]]
        self.passes: list[str] = []

    def name(self, node: int | str) -> str:
        """Namespace of a host, or of the router, which is ``r``."""
        return f"{self.prefix}{node}"

    def make(self) -> None:
        """Make namespaces, links and rules."""
        spaces = [self.router, *map(self.name, self.nodes)]
        _ip("", [f"netns add {space}" for space in spaces])
        veth = f"netns {self.router} type veth peer name range netns"
        _ip("", [f"link add h{node} {veth} {self.name(node)}" for node in self.nodes])
        _ip(self.router, ["link set lo up", f"addr add {ROUTER}/32 dev lo"])
        in_namespace(self.router, _forward)
        for node in self.nodes:
            _ip(self.name(node), ["link set lo up", f"addr add {self._address(node)}/32 dev range"])
            self.set(node, up=True)
        self.levels([0] * ZONES)

    def remove(self) -> None:
        """Remove all of it; may be called again."""
        delete(left(self.folder))

    def set(self, node: int, up: bool) -> None:
        """Connect a host, or pull its cable."""
        if not up:
            _ip(self.name(node), ["link set range down"])
            _ip(self.router, [f"link set h{node} down"])
            return
        _ip(self.router, [f"link set h{node} up", f"route replace {self._address(node)}/32 dev h{node}"])
        _ip(
            self.name(node),
            ["link set range up", f"route replace {NETWORK} via {ROUTER} dev range onlink"],
        )

    def levels(self, level: list[int]) -> None:
        """Write the rules for these levels of the zones."""
        base = self.spec["port_base"]
        pairs: list[tuple[str, str, str, str]] = []  # from, to, selector of a connection, of its answers
        for source in range(ZONES + 1):
            for target in range(ZONES + 1):
                if source == target == ZONES or source < ZONES and level[source] == CLOSED:
                    continue
                at = level[source] if target == ZONES else level[target]
                bits = self.spec["allow"][at][source][target]
                if source == ZONES and target < ZONES:
                    bits |= 1 << MAIL
                if source == target and bits:
                    pairs.append((_zone(source), _zone(target), "", ""))
                    continue
                if scope_of(self.spec, source, target):
                    continue  # only by a pass
                for port in range(PORTS):
                    if bits >> port & 1:
                        tcp = f"ipproto tcp dport {base + port}", f"ipproto tcp sport {base + port}"
                        pairs.append((_zone(source), _zone(target), *tcp))
        rules = ["rule add pref 900 iif lo lookup main"]
        selectors = {f"from {here} to {there} {forth}": 0 for here, there, forth, _ in pairs}
        selectors |= {f"from {there} to {here} {back}": 0 for here, there, _, back in pairs}
        for selector in selectors:
            rules.append(f"rule add pref 1000 {selector} lookup main")
            # a host without a link has no route: then this one answers
            rules.append(f"rule add pref 1001 {selector} unreachable")
        rules.append(f"rule add pref 2000 to {NETWORK} prohibit")
        # in one batch: first what is new, under a number that what is old does not have
        _ip(self.router, ["rule flush", "rule add pref 32766 lookup main", *rules])

    def open_pass(self, src: int, dst: int, port: int) -> None:
        """Let one host connect to a port class of another, until :meth:`close_passes`."""
        here, there, number = self._address(src), self._address(dst), self.spec["port_base"] + port
        for selector in (
            f"from {here} to {there} ipproto tcp dport {number}",
            f"from {there} to {here} ipproto tcp sport {number}",
        ):
            rules = f"rule add pref 950 {selector} lookup main", f"rule add pref 951 {selector} unreachable"
            self.passes += [rule for rule in rules if rule not in self.passes]
        _ip(self.router, self.passes[-4:])

    def close_passes(self) -> None:
        """Close what was opened for one technique."""
        if self.passes:
            _ip(self.router, [rule.replace("rule add", "rule del", 1) for rule in self.passes])
            self.passes = []

    def _address(self, node: int) -> str:
        return self.spec["addresses"][str(node)]


def _forward() -> None:
    """Have this namespace route, and say each time what it does not let through."""
    settings = Path("/proc/sys/net/ipv4")
    (settings / "ip_forward").write_text("1")
    (settings / "icmp_ratelimit").write_text("0")


def _zone(zone: int) -> str:
    return f"10.213.{1 + zone}.0/24" if zone < ZONES else "10.213.9.0/24"


def _ip(namespace: str, commands: list[str]) -> None:
    """Run ``ip`` on a batch of commands. Raises ``RuntimeError`` with its message."""
    where = ["-n", namespace] if namespace else []
    done = subprocess.run(
        ["ip", *where, "-batch", "-"], input="\n".join(commands) + "\n", capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(where)}: {done.stderr.strip()[:300]}")


def enter(name: str) -> None:
    """Move this process into a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{name}") as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns({name}) failed")


def in_namespace(name: str, run: Any) -> None:
    """Run a function in a child that is in a namespace."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            enter(name)
            run()
            code = 0
        finally:
            os._exit(code)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        raise RuntimeError(f"nothing could be set in namespace {name}")
