"""Running the application: sockets, signals and their ends."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from garrison.serve.app import create_app
from garrison.serve.settings import Settings

HARD_FRAME_BYTES = 2**20  # of a frame; a longer one ends the connection instead of being answered


class Server(uvicorn.Server):
    """A server that drains: SIGTERM ends new sessions, and gives those there are some seconds to end."""

    def __init__(self, settings: Settings) -> None:
        self.app = create_app(settings)
        self.settings = settings
        self._ends: float | None = None
        super().__init__(_config(self.app, settings))

    def drain(self) -> None:
        """Take no new sessions, and stop once there are none, or after a while. May be called twice."""
        self.app.state.sessions.draining = True
        if self._ends is None:
            self._ends = time.monotonic() + self.settings.limits.drain

    def handle_exit(self, sig: int, frame: Any) -> None:
        if sig == signal.SIGTERM and self._ends is None:
            self.drain()
        elif sig == signal.SIGTERM:
            self.should_exit = True
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if self._ends is not None and (not len(self.app.state.sessions) or time.monotonic() >= self._ends):
            self.should_exit = True
        return await super().on_tick(counter)


def listen(settings: Settings) -> socket.socket:
    """The socket of a server. Raises ``ValueError`` if the address cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise ValueError(
            f"{settings.host}:{settings.port} cannot be listened to ({error.strerror}); choose another --port"
        ) from error


def _config(app: Any, settings: Settings) -> uvicorn.Config:
    limits = settings.limits

    class Protocol(H11Protocol):
        """HTTP that closes a connection without a request in time."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.loop.call_later(limits.handshake, self._close_if_silent)

        def _close_if_silent(self) -> None:
            if self.scope is None and not self.transport.is_closing():
                self.transport.close()

    return uvicorn.Config(
        app,
        http=Protocol,
        ws="websockets-sansio",
        ws_max_size=HARD_FRAME_BYTES,
        ws_per_message_deflate=False,
        h11_max_incomplete_event_size=16 * 1024,
        timeout_graceful_shutdown=5,
        access_log=False,  # addresses may hold tokens
        log_level="warning",
        server_header=False,
        lifespan="on",
        loop="asyncio",
    )


def serve(settings: Settings, listening: socket.socket) -> None:
    """Serve until a signal. Returns after SIGTERM; SIGINT raises ``KeyboardInterrupt``."""
    asyncio.run(Server(settings).serve(sockets=[listening]))
