"""The application: routes of OpenEnv's protocol, of the task routes, and of tools."""

from __future__ import annotations

import asyncio
import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import HTMLResponse, JSONResponse

import garrison
from garrison.llm.tools import TOOLS
from garrison.serve import mcp, sockets
from garrison.serve.guards import Guards
from garrison.serve.models import Action, Observation, Reset, Split, State, Task, TaskRange, checked, schema
from garrison.serve.parse import Refused, parse
from garrison.serve.sessions import Session, Sessions
from garrison.serve.settings import Settings
from garrison.serve.stepper import Stepper
from garrison.serve.tasks import NAME
from garrison.serve.ui import add_page

DESCRIPTION = (
    "CAGE Challenge 4 by named tools: defend a network against an attacker, or attack it; "
    "blue has a recovery plan beside the incident, and a game ends with a score in 0..1."
)
SWEEP = 5.0  # seconds between looks for sessions that have expired
STATUS = {"CAPACITY_REACHED": 503, "SESSION_ERROR": 404, "EXECUTION_ERROR": 409, "INVALID_JSON": 400}


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application. Its thread and its compilation start with its lifespan, not here."""
    settings = Settings() if settings is None else settings
    stepper = Stepper(settings.batch_size)
    sessions = Sessions(settings, stepper)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        stepper.start(settings.compiled)
        sweep = asyncio.create_task(_sweep(sessions))
        yield
        sweep.cancel()
        await asyncio.to_thread(stepper.stop)

    app = FastAPI(
        title="Garrison",
        version="1.0.0",  # of OpenEnv's protocol, by which its validator chooses its profile
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # its page would load scripts from another host
        redoc_url=None,
    )
    app.state.sessions = sessions
    app.add_middleware(Guards, settings=settings)
    app.add_exception_handler(Refused, _refused)
    _add_information(app, sessions)
    _add_games(app, sessions)
    _add_tasks(app, sessions)
    if settings.ui:
        add_page(app, sessions)

    @app.websocket("/ws")
    async def play(socket: WebSocket) -> None:
        await sockets.serve_openenv(socket, sessions)

    @app.websocket("/mcp")
    async def play_by_mcp(socket: WebSocket) -> None:
        await sockets.serve_mcp(socket, sessions)

    return app


def _add_information(app: FastAPI, sessions: Sessions) -> None:
    @app.get("/health", tags=["Health"])
    async def health() -> JSONResponse:
        """Healthy once the programs of games are compiled, and until the server shuts down."""
        compiled = sessions.settings.compiled
        ready = not sessions.draining and all(sessions.stepper.compiled(blue) for blue in compiled)
        return JSONResponse({"status": "healthy" if ready else "unhealthy"}, 200 if ready else 503)

    @app.get("/metadata", tags=["Environment Info"])
    async def metadata() -> dict[str, Any]:
        """Name and description."""
        return {
            "name": NAME,
            "description": DESCRIPTION,
            "readme_content": None,
            "version": garrison.__version__,
            "author": "The Garrison contributors",
            "documentation_url": None,
        }

    @app.get("/schema", tags=["Schema"])
    async def schemas() -> dict[str, Any]:
        """JSON schemas of what is sent and received."""
        observation = schema(Observation)
        return {
            "action": schema(Action),
            "observation": observation,
            "reset_observation": observation,
            "state": schema(State),
        }

    @app.get("/tools", tags=["Environment Info"])
    async def tools(side: str = "blue") -> list[dict[str, Any]]:
        """The tools of a side, with their schemas."""
        if side not in TOOLS:
            raise Refused("VALIDATION_ERROR", f"no side {side[:20]!r}; there are: {', '.join(TOOLS)}")
        return [tool.row() for tool in TOOLS[side].values()]

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(_listing(app))


def _add_games(app: FastAPI, sessions: Sessions) -> None:
    tags: Any = ["Environment Control"]

    @app.post("/reset", tags=tags, openapi_extra=_body(Reset))
    async def reset(request: Request) -> dict[str, Any]:
        """The first observation of a game. Without the header X-Session the game is forgotten at once."""
        data = await _json(request, empty=True)
        return await _with_session(request, sessions, lambda session: sessions.reset(session, data))

    @app.post("/step", tags=tags, openapi_extra=_body(Action, "action"))
    async def step(request: Request) -> dict[str, Any]:
        """An action in the session of the header X-Session; without it in a new game, which is forgotten."""
        data = await _json(request)
        if unknown := sorted(data.keys() - {"action", "timeout_s", "request_id"}):
            raise Refused("VALIDATION_ERROR", f"unknown field {unknown[0][:100]!r}")

        async def act(session: Session) -> dict[str, Any]:
            if session.table is None:
                await sessions.reset(session, {})
            return await sessions.step(session, data.get("action"))

        return await _with_session(request, sessions, act)

    @app.get("/state", tags=["State Management"])
    async def state(request: Request) -> dict[str, Any]:
        """Where the game of the header X-Session stands; without it that of no game."""
        name = request.headers.get("x-session")
        return (
            {"episode_id": None, "step_count": 0}
            if name is None
            else await sessions.state(sessions.get(name))
        )

    @app.post("/mcp", tags=["Model Context Protocol"], openapi_extra=_body(None))
    async def by_mcp(request: Request) -> Response:
        """A JSON-RPC request: tools/list, tools/call, openenv/session/create and close."""
        try:
            answer = await mcp.answer(sessions, await _json(request))
        except Refused as refused:
            code = mcp.PARSE_ERROR if refused.code == "INVALID_JSON" else mcp.INVALID_REQUEST
            answer = mcp.failure(code, refused.message)
        return Response(status_code=202) if answer is None else JSONResponse(answer)


def _add_tasks(app: FastAPI, sessions: Sessions) -> None:
    tags: Any = ["Task API"]
    tasks = sessions.tasks

    @app.get("/list_environments", tags=tags)
    async def list_environments() -> list[str]:
        """The environment of this server."""
        return [NAME]

    @app.get(f"/{NAME}/splits", tags=tags)
    async def splits() -> list[dict[str, Any]]:
        """Splits of tasks."""
        return tasks.splits()

    @app.post(f"/{NAME}/tasks", tags=tags, openapi_extra=_body(Split))
    async def list_tasks(request: Request) -> dict[str, Any]:
        """The first thousand tasks of a split."""
        split = checked(Split, await _json(request)).split
        return {"tasks": tasks.range(split, None, None), "env_name": NAME}

    @app.post(f"/{NAME}/num_tasks", tags=tags, openapi_extra=_body(Split))
    async def num_tasks(request: Request) -> dict[str, int]:
        """How many tasks a split has."""
        return {"num_tasks": tasks.number(checked(Split, await _json(request)).split)}

    @app.post(f"/{NAME}/task", tags=tags, openapi_extra=_body(Task))
    async def task(request: Request) -> dict[str, Any]:
        """A task by its place."""
        given = checked(Task, await _json(request))
        return {"task": tasks.task(given.split, given.index)}

    @app.post(f"/{NAME}/task_range", tags=tags, openapi_extra=_body(TaskRange))
    async def task_range(request: Request) -> dict[str, Any]:
        """Tasks from start up to stop, at most a thousand."""
        given = checked(TaskRange, await _json(request))
        return {"tasks": tasks.range(given.split, given.start, given.stop)}


# ---------------------------------------------------------------- parts


async def _json(request: Request, empty: bool = False) -> dict[str, Any]:
    """The object in a request's body; with ``empty`` no body is an empty one."""
    body = await request.body()
    return {} if empty and not body else parse(body, request.app.state.sessions.settings.limits)


async def _with_session(request: Request, sessions: Sessions, ask: Any) -> dict[str, Any]:
    """Ask in the session that the request names, or in one that ends with the request."""
    name = request.headers.get("x-session")
    session = sessions.create() if name is None else sessions.get(name)
    try:
        return await ask(session)
    finally:
        if name is None:
            sessions.close(session)


async def _sweep(sessions: Sessions) -> None:
    """Close sessions that no request has touched for long."""
    while True:
        await asyncio.sleep(SWEEP)
        for session in sessions.expired():
            if not session.lock.locked():
                sessions.close(session)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return JSONResponse({"detail": error.row()}, STATUS.get(error.code, 422))


def _body(model: Any, within: str | None = None) -> dict[str, Any]:
    """What OpenAPI says of a request's body, which is parsed within limits."""
    described = {"type": "object"} if model is None else schema(model)
    if within is not None:
        described = {"type": "object", "properties": {within: described}, "required": [within]}
    return {"requestBody": {"content": {"application/json": {"schema": described}}}}


def _listing(app: FastAPI) -> str:
    """The routes as a page without scripts."""
    rows = "".join(
        f"<tr><td><code>{method.upper()} {html.escape(path)}</code></td>"
        f"<td>{html.escape(route.get('description', ''))}</td></tr>"
        for path, methods in app.openapi()["paths"].items()
        for method, route in methods.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Garrison: routes</title>'
        f"<h1>Routes</h1><p>{html.escape(DESCRIPTION)} Schemas: <a href='openapi.json'>openapi.json</a>, "
        f"<a href='schema'>schema</a>. WebSockets: /ws, /mcp.</p><table>{rows}</table></html>"
    )
