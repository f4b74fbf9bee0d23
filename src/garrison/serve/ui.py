"""The page on which people play and watch: a fixed table of packaged files."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import HTMLResponse

from garrison.llm.scenarios import SCENARIOS
from garrison.llm.seat import SEATS
from garrison.llm.simulation import BLUES, REDS
from garrison.serve import sockets
from garrison.serve.parse import Refused
from garrison.serve.sessions import Sessions
from garrison.view.page import POLICY, SERVED, module, served, style

_HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def add_page(app: FastAPI, sessions: Sessions) -> None:
    """The page, what it asks for, and the socket of spectators."""
    files = {f"{name}.js": (module(name), "text/javascript") for name in SERVED}
    files["style.css"] = (style(), "text/css")

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        return HTMLResponse(served("lobby"), headers=_HEADERS)

    @app.get("/ui/{name}", include_in_schema=False)
    async def file(name: str) -> Response:
        if name not in files:
            raise Refused("SESSION_ERROR", "no such file")
        text, kind = files[name]
        return Response(text, media_type=kind, headers=_HEADERS)

    @app.get("/api/choices", tags=["Viewer"])
    async def choices() -> dict[str, Any]:
        """What can be chosen for a game."""
        return {
            "scenarios": {name: SCENARIOS[name].ticks for name in sessions.settings.scenarios},
            "seats": list(SEATS),
            "players": {"blue": BLUES, "red": REDS},
            "spectators": sessions.settings.spectators,
        }

    @app.get("/api/games", tags=["Viewer"])
    async def games() -> list[dict[str, Any]]:
        """Games that are being played."""
        return [
            {
                "id": name,
                "scenario": table.game.scenario.name,
                "seats": list(table.game.seats),
                "players": list(table.game.players.values()),
                "tick": table.game.tick,
                "ticks": table.game.scenario.ticks,
                "outcome": table.game.outcome,
            }
            for name, table in sessions.tables().items()
        ]

    @app.get("/api/board", tags=["Viewer"])
    async def board() -> list[dict[str, Any]]:
        """Leaderboards by kind of game."""
        return await asyncio.to_thread(sessions.board.tables)

    @app.get("/api/replays", tags=["Viewer"])
    async def replays() -> list[dict[str, Any]]:
        """Replays that are saved here."""
        return await asyncio.to_thread(sessions.board.replays)

    @app.get("/replays/{name}", tags=["Viewer"])
    async def replay(name: str) -> Response:
        """A replay file."""
        data = await asyncio.to_thread(sessions.board.replay, name)
        if data is None:
            raise Refused("SESSION_ERROR", "no such replay")
        return Response(data, media_type="application/gzip", headers=_HEADERS)

    @app.post("/api/sessions", tags=["Viewer"])
    async def session() -> dict[str, str]:
        """A session for ``/ws?session_id=``, which outlives its connections."""
        return {"session_id": sessions.create().id}

    @app.websocket("/watch/{name}")
    async def watch(socket: WebSocket, name: str) -> None:
        await sockets.serve_watch(socket, sessions, name)
