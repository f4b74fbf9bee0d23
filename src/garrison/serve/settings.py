"""Settings and limits of the server as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from garrison.llm.scenarios import SCENARIOS
from garrison.llm.simulation import check_player

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Limits:
    """What one client may cost. Times are in seconds."""

    frame_bytes: int = 64 * 1024  # of a frame or a request's body
    depth: int = 32  # of nested JSON
    nodes: int = 10_000  # values in a frame
    bad_frames: int = 20  # in a row; then the connection is closed
    frames_per_second: float = 50.0  # of a connection; more are read more slowly
    idle: float = 300.0  # without a frame
    life: float = 7_200.0  # of a session
    step: float = 30.0  # until a game has to answer
    turn: float = 30.0  # that other seats have for their turns; 0: no limit
    send: float = 10.0  # until a client has to have taken a reply
    handshake: float = 10.0  # until a connection has to have sent a request
    drain: float = 10.0  # that sessions have to end after SIGTERM


@dataclass(frozen=True)
class Settings:
    """How a server is set up.

    Args:
        scenarios: sizes that may be played.
        compiled: blue players of :data:`~garrison.llm.simulation.BLUES` whose programs are compiled before
            the server reports itself healthy; others are compiled when a game first needs them. ``"idle"``
            is used where a seat has all blue agents, ``"guard"`` against red.
        batch_size: games that advance in one compiled step; more games take more steps.
        ui: serve the page on which people play.
        spectators: let clients watch running games with all that is true; else they see a game at its end.
        results: folder for the games of named players and the replays of finished games; None: games are
            kept in memory, and no replays.
        token: that clients have to show; None: none.

    Raises:
        ValueError: for an unknown name or a number out of range.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    scenarios: tuple[str, ...] = ("small", "medium", "large", "mission")  # their tasks have numbers
    compiled: tuple[str, ...] = ("idle",)
    max_sessions: int = 32
    batch_size: int = 8
    ui: bool = True
    spectators: bool = False
    results: Path | None = None
    token: str | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for name in self.scenarios:
            if name not in SCENARIOS:
                raise ValueError(f"no scenario {name!r}; there are: {', '.join(SCENARIOS)}")
        if not self.scenarios:
            raise ValueError(f"no scenarios; name some of: {', '.join(SCENARIOS)}")
        for name in self.compiled:
            check_player("blue", name)
        if not 1 <= self.max_sessions <= 1024:
            raise ValueError(f"max_sessions is {self.max_sessions}; it must be in 1..1024")
        if not 1 <= self.batch_size <= 128:
            raise ValueError(f"batch_size is {self.batch_size}; it must be in 1..128")

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host in LOOPBACK
