"""The page on which people play and watch: a fixed table of packaged files."""

from __future__ import annotations

from importlib import resources
from typing import Any

from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import HTMLResponse

from garrison.llm.scenarios import SCENARIOS
from garrison.llm.seat import SEATS
from garrison.llm.simulation import BLUES, REDS
from garrison.serve import sockets
from garrison.serve.parse import Refused
from garrison.serve.sessions import Sessions
from garrison.view.css import CSS
from garrison.view.page import MODULES as OF_FILES
from garrison.view.page import SERVED

MODULES = (*(name for name in OF_FILES if name != "main"), *SERVED)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_PAGE = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>Garrison</title>\n'
    '<link rel="icon" href="data:,">\n<link rel="stylesheet" href="ui/style.css">\n</head>\n<body>\n'
    '<main id="app"><noscript>This page needs JavaScript.</noscript></main>\n'
    '<script type="module" src="ui/lobby.js"></script>\n</body>\n</html>\n'
)


def add_page(app: FastAPI, sessions: Sessions) -> None:
    """The page, what it asks for, and the socket of spectators."""
    files = {f"{name}.js": (_text(f"{name}.js"), "text/javascript") for name in MODULES}
    files["style.css"] = (CSS + _text("style.css"), "text/css")

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        return HTMLResponse(_PAGE, headers=_HEADERS)

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
                "tick": table.game.tick,
                "ticks": table.game.scenario.ticks,
                "outcome": table.game.outcome,
            }
            for name, table in sessions.tables().items()
        ]

    @app.post("/api/sessions", tags=["Viewer"])
    async def session() -> dict[str, str]:
        """A session for ``/ws?session_id=``, which outlives its connections."""
        return {"session_id": sessions.create().id}

    @app.websocket("/watch/{name}")
    async def watch(socket: WebSocket, name: str) -> None:
        await sockets.serve_watch(socket, sessions, name)


def _text(name: str) -> str:
    return resources.files("garrison.view").joinpath("ui", name).read_text(encoding="utf-8")
