"""Tools by the Model Context Protocol: JSON-RPC over HTTP and WebSockets, with OpenEnv's sessions."""

from __future__ import annotations

from typing import Any

import garrison
from garrison.serve.parse import Refused
from garrison.serve.sessions import Session, Sessions

PROTOCOL = "2025-06-18"
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND = -32700, -32600, -32601
INVALID_PARAMS, SERVER_ERROR = -32602, -32000


class RpcError(Exception):
    """An error of JSON-RPC."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


def failure(code: int, message: str, number: Any = None, data: Any = None) -> dict[str, Any]:
    """An error as a response."""
    return {
        "jsonrpc": "2.0",
        "id": number,
        "error": {"code": code, "message": message, "data": data},
    }


async def answer(
    sessions: Sessions, request: dict[str, Any], session: Session | None = None
) -> dict[str, Any] | None:
    """The response to a request; None for a notification, which has none.

    Args:
        session: of the connection; None over HTTP, where ``params.session_id`` names one.
    """
    number = request.get("id")
    try:
        method, params = _checked(request)
        result = await _METHODS[method](sessions, params, session)
    except RpcError as error:
        return failure(error.code, error.message, number, error.data)
    except Refused as error:
        code = INVALID_PARAMS if error.code == "VALIDATION_ERROR" else SERVER_ERROR
        return failure(code, error.message, number, {"code": error.code, **error.details})
    if "id" not in request:
        return None
    return {"jsonrpc": "2.0", "id": number, "result": result}


def _checked(request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    method, params, number = request.get("method"), request.get("params", {}), request.get("id")
    if request.get("jsonrpc") != "2.0" or not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, 'a request has jsonrpc "2.0" and a method')
    if unknown := sorted(request.keys() - {"jsonrpc", "method", "params", "id"}):
        raise RpcError(INVALID_REQUEST, f"unknown field {unknown[0]!r}")
    if number is not None and (isinstance(number, bool) or not isinstance(number, str | int)):
        raise RpcError(INVALID_REQUEST, "id must be text or a whole number")
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "params must be an object")
    if method not in _METHODS:
        raise RpcError(METHOD_NOT_FOUND, f"no method {method!r}; there are: {', '.join(_METHODS)}")
    return method, params


async def _initialize(sessions: Sessions, params: dict[str, Any], session: Session | None) -> Any:
    return {
        "protocolVersion": PROTOCOL,
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "garrison", "version": garrison.__version__},
    }


async def _nothing(sessions: Sessions, params: dict[str, Any], session: Session | None) -> Any:
    return {}


async def _create(sessions: Sessions, params: dict[str, Any], session: Session | None) -> Any:
    """A session with a game; ``params.reset`` has the parameters of the reset."""
    created = sessions.create() if session is None else session
    try:
        sent = await sessions.reset(created, params.get("reset", {}))
    except Refused:
        if session is None:
            sessions.close(created)
        raise
    return {"session_id": created.id, **sent}


async def _close(sessions: Sessions, params: dict[str, Any], session: Session | None) -> Any:
    if "session_id" not in params:
        raise RpcError(INVALID_PARAMS, "session_id is missing")
    closed = sessions.get(params["session_id"])
    if closed is session:
        raise RpcError(INVALID_REQUEST, "a connection's own session ends with the connection")
    sessions.close(closed)
    return {"session_id": closed.id, "closed": True}


async def _list(sessions: Sessions, params: dict[str, Any], session: Session | None) -> Any:
    """Tools of the session's seat, or of a blue seat."""
    if session is None and "session_id" in params:
        session = sessions.get(params["session_id"])
    return {
        "tools": [
            {"name": row["name"], "description": row["description"], "inputSchema": row["parameters"]}
            for row in await sessions.tools(session)
        ]
    }


async def _call(sessions: Sessions, params: dict[str, Any], session: Session | None) -> Any:
    if session is None:
        if "session_id" not in params:
            raise RpcError(INVALID_PARAMS, "session_id is missing; openenv/session/create gives one")
        session = sessions.get(params["session_id"])
    name = params.get("name")
    if not isinstance(name, str):
        raise RpcError(INVALID_PARAMS, "name must be the name of a tool")
    if session.table is None:
        await sessions.reset(session, {})
    sent = await sessions.step(session, {"tool_name": name, "params": params.get("arguments", {})})
    text = sent["observation"]["text"]
    return {
        "content": [{"type": "text", "text": text}],
        "isError": bool(sent["observation"]["errors"]),
        "data": sent,
    }


_METHODS = {
    "initialize": _initialize,
    "notifications/initialized": _nothing,
    "ping": _nothing,
    "tools/list": _list,
    "tools/call": _call,
    "openenv/session/create": _create,
    "openenv/session/close": _close,
}
