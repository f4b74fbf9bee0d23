"""WebSockets: frames within limits, one at a time, each answered."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect

from garrison.serve import mcp
from garrison.serve.parse import Refused, parse, to_text
from garrison.serve.sessions import Session, Sessions
from garrison.serve.settings import Limits
from garrison.view.replay import packed

_log = logging.getLogger(__name__)
WATCH = 0.1  # seconds between looks at a game that is watched
POLICY, TOO_SLOW = 1008, 1013  # codes with which a connection is closed
Handle = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]]


class Closed(Exception):
    """The connection ends; ``code`` says why."""

    def __init__(self, code: int = 1000) -> None:
        self.code = code


class Connection:
    """A WebSocket that is read frame by frame."""

    def __init__(self, socket: WebSocket, limits: Limits) -> None:
        self.socket, self.limits = socket, limits
        self._next, self._bad = time.monotonic(), 0

    async def send(self, data: dict[str, Any]) -> None:
        """Send a frame. Raises ``Closed`` for a client that does not take it."""
        try:
            await asyncio.wait_for(self.socket.send_text(to_text(data)), self.limits.send)
        except TimeoutError:
            raise Closed(TOO_SLOW) from None

    async def serve(self, handle: Handle, refusal: Callable[[Refused], dict[str, Any]], life: float) -> None:
        """Answer frames until the client leaves, is idle, or sends too many that are refused.

        Args:
            life: seconds after which the connection is closed.
        """
        ends = time.monotonic() + life
        while True:
            try:
                text = await self._receive(ends)
                answer = await handle(parse(text, self.limits))
            except Refused as refused:
                await self.send(refusal(refused))
                self._bad += 1
                if self._bad >= self.limits.bad_frames:
                    raise Closed(POLICY) from None
                continue
            except (Closed, WebSocketDisconnect):
                raise
            except Exception:  # a fault of ours, which is not to end the game
                _log.exception("a frame could not be answered")
                await self.send(refusal(Refused("EXECUTION_ERROR", "internal error")))
                continue
            self._bad = 0
            if answer is not None:
                await self.send(answer)

    async def _receive(self, ends: float) -> str:
        """The next frame, no sooner than the rate allows."""
        now = time.monotonic()
        await asyncio.sleep(max(0.0, self._next - now))
        # After a pause some frames may follow at once: a second's worth.
        burst = 1 - 1 / self.limits.frames_per_second
        self._next = max(self._next, now - burst) + 1 / self.limits.frames_per_second
        try:
            message = await asyncio.wait_for(
                self.socket.receive(), max(0.0, min(self.limits.idle, ends - time.monotonic()))
            )
        except TimeoutError:
            raise Closed(POLICY) from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        if message.get("text") is None:
            raise Refused("VALIDATION_ERROR", "binary frames are not read; send JSON as text")
        return message["text"]


async def serve_openenv(socket: WebSocket, sessions: Sessions) -> None:
    """OpenEnv's frames: reset, step, state, close and mcp; also join, by which a second seat is taken."""
    await _serve(socket, sessions, socket.query_params.get("session_id"), _frame, _error)


async def serve_mcp(socket: WebSocket, sessions: Sessions) -> None:
    """JSON-RPC requests, all of one session."""
    await _serve(socket, sessions, None, _rpc, _rpc_error)


async def _serve(socket: WebSocket, sessions: Sessions, name: str | None, answer: Any, error: Any) -> None:
    """Answer frames in the session of that name; None: in one that ends with the connection."""
    await socket.accept()
    connection, limits, session = Connection(socket, sessions.settings.limits), sessions.settings.limits, None
    try:
        session = sessions.create() if name is None else sessions.get(name)
        await connection.serve(lambda frame: answer(sessions, session, frame), error, limits.life)
    except Refused as refused:  # there is no session for it
        await connection.send(error(refused))
        code = TOO_SLOW if refused.code == "CAPACITY_REACHED" else POLICY
    except Closed as closed:
        code = closed.code
    except WebSocketDisconnect:
        return
    finally:
        if name is None and session is not None:
            sessions.close(session)
    await _close(socket, code)


async def serve_watch(socket: WebSocket, sessions: Sessions, name: str) -> None:
    """A game as it is played, with all that is true, where spectators may; else the whole game at its end."""
    await socket.accept()
    connection, code = Connection(socket, sessions.settings.limits), 1000
    leaves = asyncio.ensure_future(socket.receive())  # nothing is read from spectators
    try:
        table, sent = sessions.tables().get(name), 0
        if table is None:
            raise Refused("SESSION_ERROR", "no such game; it may have ended")
        if table.truth is not None:
            await connection.send({"type": "header", "data": table.truth.header})
            while not leaves.done() and sessions.tables().get(name) is table:
                over, ticks = table.game.outcome is not None, table.truth.ticks[sent:]
                if ticks:
                    await connection.send({"type": "ticks", "data": ticks})
                sent += len(ticks)
                if over and sent == len(table.truth.ticks):
                    await connection.send({"type": "end", "data": table.truth.end()})
                    break
                await asyncio.wait([leaves], timeout=WATCH)
        else:
            while table.game.outcome is None and sessions.tables().get(name) is table and not leaves.done():
                await asyncio.wait([leaves], timeout=WATCH)
            if table.game.outcome is not None:
                replay = await sessions.replay_of(table)
                await connection.send({"type": "header", "data": replay.header})
                await connection.send({"type": "ticks", "data": replay.ticks})
                await connection.send({"type": "end", "data": replay.end})
    except Refused as refused:
        await connection.send(_error(refused))
        code = POLICY
    except Closed as closed:
        code = closed.code
    finally:
        leaves.cancel()
    await _close(socket, code)


async def _rpc(sessions: Sessions, session: Session, frame: dict[str, Any]) -> dict[str, Any] | None:
    return await mcp.answer(sessions, frame, session)


async def _frame(sessions: Sessions, session: Session, frame: dict[str, Any]) -> dict[str, Any]:
    kind = frame.get("type")
    known = _FRAMES.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise Refused("UNKNOWN_TYPE", f"Unknown message type: {str(kind)[:100]}")
    reply, needs_data, handle = known
    if unknown := sorted(frame.keys() - {"type", "data"}):
        raise Refused("VALIDATION_ERROR", f"unknown field {unknown[0][:100]!r}")
    if needs_data and "data" not in frame:
        raise Refused("VALIDATION_ERROR", "data is missing")
    data = frame.get("data", {})
    if not isinstance(data, dict):
        raise Refused("VALIDATION_ERROR", "data must be an object")
    return {"type": reply, "data": await handle(sessions, session, data)}


async def _state(sessions: Sessions, session: Session, data: dict[str, Any]) -> Any:
    return await sessions.state(session)


async def _look(sessions: Sessions, session: Session, data: dict[str, Any]) -> Any:
    return await sessions.look(session)


async def _hint(sessions: Sessions, session: Session, data: dict[str, Any]) -> Any:
    return await sessions.hint(session)


async def _replay(sessions: Sessions, session: Session, data: dict[str, Any]) -> Any:
    return {"replay": base64.b64encode(packed(await sessions.replay(session))).decode()}


async def _compare(sessions: Sessions, session: Session, data: dict[str, Any]) -> Any:
    return {
        "players": [
            {
                "player": one.player,
                **one.game.metadata(seat := next(iter(one.game.seats))),
                "outcome": one.game.outcome,
                "account": one.game.account(seat),
                "replay": base64.b64encode(packed(one.replay)).decode(),
            }
            for one in await sessions.compare(session)
        ]
    }


async def _mcp(sessions: Sessions, session: Session, data: dict[str, Any]) -> Any:
    return await mcp.answer(sessions, data, session) or {}


async def _end(sessions: Sessions, session: Session, data: dict[str, Any]) -> Any:
    sessions.close(session)  # also one that outlives its connections
    raise Closed


#: by type: the type of the answer, whether data has to be there, and what is done
_FRAMES: dict[str, tuple[str, bool, Callable[..., Awaitable[Any]]]] = {
    "reset": ("observation", False, Sessions.reset),
    "step": ("observation", True, Sessions.step),
    "join": ("observation", True, Sessions.join),
    "state": ("state", False, _state),
    "look": ("observation", False, _look),
    "hint": ("hint", False, _hint),
    "replay": ("replay", False, _replay),
    "compare": ("compare", False, _compare),
    "mcp": ("mcp", True, _mcp),
    "close": ("", False, _end),
}


def _error(refused: Refused) -> dict[str, Any]:
    return {"type": "error", "data": refused.row()}


def _rpc_error(refused: Refused) -> dict[str, Any]:
    code = mcp.PARSE_ERROR if refused.code == "INVALID_JSON" else mcp.INVALID_REQUEST
    if refused.code in ("CAPACITY_REACHED", "SESSION_ERROR"):
        code = mcp.SERVER_ERROR
    return mcp.failure(code, refused.message, data=refused.details or None)


async def _close(socket: WebSocket, code: int) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the client left first
        await socket.close(code)
