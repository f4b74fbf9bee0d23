"""What a tier of the range offers: hosts that can be probed, attacked and defended.

All deadlines are values of ``time.monotonic()``. A call that is not done by then is cancelled and reported
as a timeout; none waits longer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType, Protocol

from garrison.range.nonces import Secrets
from garrison.range.plan import Plan

Node = NewType("Node", int)  #: number of a host in the plan; only a plan makes one
INTERNET = Node(255)  #: where red comes from when it has no session

#: what results of a tier are called
LABELS = {
    "mock": "simulated",
    "local": "local processes",
    "netns": "emulated network",
    "containers": "API contract",  # its driver was tested against an imitation of the API: nothing is claimed
}


class RangeUnavailable(RuntimeError):
    """This machine cannot provide a tier; the message says what is missing. No other tier takes its place."""


class InfrastructureError(RuntimeError):
    """The range itself failed: the episode is void."""


class Reach(StrEnum):
    """What a probe of a port finds."""

    OPEN = "open"
    REFUSED = "refused"  # the host answers; nothing listens
    BLOCKED = "blocked"  # a rule forbids it
    DENIED = "denied"  # the zone asks for a credential
    UNREACHABLE = "unreachable"  # source or target has no link
    TIMEOUT = "timeout"


class Outcome(StrEnum):
    """What came of a technique."""

    SUCCESS = "success"
    NOT_VULNERABLE = "not_vulnerable"
    UNREACHABLE = "unreachable"
    BLOCKED = "blocked"
    DENIED = "denied"
    TRAPPED = "trapped"
    TIMEOUT = "timeout"
    INFRASTRUCTURE = "infrastructure"


@dataclass(frozen=True)
class Technique:
    """A technique and what it is aimed with.

    Attributes:
        name: of a client, one of :data:`garrison.range.plan.TECHNIQUES`.
        port: class of the port that it uses; -1 for a technique that works on the host of its session.
        flaw: number of the weakness that it is made for; -1 for none.
        session: handle of the session on the source that it needs; empty for none.
        tickets: credentials that it may present.
        unit: number of a data unit.
    """

    name: str
    port: int = -1
    flaw: int = -1
    session: str = ""
    tickets: tuple[str, ...] = ()
    unit: int = -1


@dataclass(frozen=True)
class Probe:
    """One port seen from one host."""

    reach: Reach
    banner: str
    seconds: float


@dataclass(frozen=True)
class Evidence:
    """What a technique brought back.

    Attributes:
        outcome: as the client saw it. ``success`` is a claim: the judge compares the nonce.
        nonce: that of (target, privilege), if any; empty otherwise.
        privilege: that the nonce is claimed to prove: ``user``, ``root``, ``data:N`` or ``register``.
        session: handle of the session on the target, for techniques that need one.
        tickets: credentials taken.
        transcript: what was sent and received, without nonces.
        started: of ``time.monotonic()``.
        ended: likewise.
    """

    outcome: Outcome
    nonce: str
    privilege: str
    session: str
    tickets: tuple[str, ...]
    transcript: tuple[str, ...]
    started: float
    ended: float


@dataclass(frozen=True)
class BlueAction:
    """An action of blue.

    Attributes:
        name: of a kind of ``soc`` in small letters, or ``take_down`` and ``bring_up``, the two ends of
            re-imaging, and ``foothold``, the session with which red begins.
        target: host, zone or scope, as the action has it.
        value: number of the decoy service to deploy, or thousandths of phishability.
    """

    name: str
    target: int
    value: int = 0


@dataclass(frozen=True)
class Applied:
    """What an action of blue did.

    Attributes:
        done: whether it took effect.
        reason: why not, otherwise empty.
        found: of inspections, per host: ``privilege`` (0 none, 1 user, 2 root), ``encrypted``, ``sensor``,
            ``suspicious`` (lines of its logs); of ``foothold``: ``session``.
        seconds: real time that it took.
    """

    done: bool
    reason: str
    found: dict[int, dict[str, Any]]
    seconds: float


@dataclass(frozen=True)
class Event:
    """One line of a log.

    Attributes:
        time: of ``time.monotonic()`` of the line; of the mock tier in its own seconds.
        host: where it was recorded.
        family: of the log, as in :data:`garrison.range.tokens.RULES`.
        text: of the line.
    """

    time: float
    host: int
    family: str
    text: str


@dataclass(frozen=True)
class Health:
    """State of the range.

    Attributes:
        dead: names of processes that should run and do not.
        privileged: names of processes that run as root and should not.
        processes: their number.
        memory: bytes of private memory of all of them.
    """

    dead: tuple[str, ...] = ()
    privileged: tuple[str, ...] = ()
    processes: int = 0
    memory: int = 0

    @property
    def good(self) -> bool:
        return not self.dead and not self.privileged


@dataclass(frozen=True)
class Leftovers:
    """What teardown left behind, by name."""

    processes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    sockets: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        return not any(vars(self).values())


@dataclass
class Handle:
    """A provisioned episode. What is in it belongs to the driver."""

    plan: Plan
    seed: int
    state: dict[str, Any] = field(default_factory=dict)


class Driver(Protocol):
    """A tier."""

    tier: str
    version: str

    def provision(self, plan: Plan, secrets: Secrets, seed: int, deadline: float) -> Handle:
        """Start everything and plant the nonces.

        The driver hands them to the services and keeps none. Whatever it started is torn down on errors.
        """
        ...

    def probe(self, handle: Handle, src: Node, dst: Node, port: int, deadline: float) -> Probe:
        """Connect from a host to a port class of another one."""
        ...

    def scan(
        self, handle: Handle, src: Node, dst: Node, tickets: tuple[str, ...], deadline: float
    ) -> dict[str, Any]:
        """Try all ports of a host: ``outcome``, ``ports`` (port class -> reach), ``banner``."""
        ...

    def launch(self, handle: Handle, technique: Technique, src: Node, dst: Node, deadline: float) -> Evidence:
        """Run a technique from a host against another one, or on the host itself."""
        ...

    def apply(self, handle: Handle, action: BlueAction, fresh: Secrets | None, deadline: float) -> Applied:
        """Carry out an action of blue; ``fresh`` are the nonces of a host that gets new ones."""
        ...

    def act(self, handle: Handle, what: str, host: Node, other: Node, port: int, deadline: float) -> None:
        """Have a user of a host do something benign; ``what`` is the name of a token."""
        ...

    def plant(self, handle: Handle, deadline: float) -> list[float]:
        """Readings of the plant in thousandths."""
        ...

    def heartbeats(self, handle: Handle, within: float, deadline: float) -> list[int]:
        """Hosts whose sensor gave a sign of life within so many seconds."""
        ...

    def collect(self, handle: Handle, since: float) -> list[Event]:
        """Lines of logs recorded after ``since``, in order."""
        ...

    def health(self, handle: Handle) -> Health: ...

    def teardown(self, handle: Handle) -> Leftovers:
        """End everything. May be called again, and after a failure."""
        ...
