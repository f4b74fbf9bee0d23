"""What stands before every request: its host and origin, the token, and the size of its body."""

from __future__ import annotations

import asyncio
import hmac
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from garrison.serve.parse import to_text
from garrison.serve.settings import LOOPBACK, Settings

COOKIE = "garrison-token"
OPEN = ("/health",)  # needs no token


class Guards:
    """ASGI middleware that refuses requests with 400, 401, 403, 408 and 413, and WebSockets with 403.

    - The host of a request has to be this machine's where only it can connect: another one is a page that
      had its name point here.
    - The origin, which browsers send, has to be this server.
    - Where the server has a token, a request shows it as bearer or as the cookie that the page sets.
    - A body is read up to the limit of frames, within the time of a handshake.
    """

    def __init__(self, app: Any, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["type"] == "http" and scope["path"] == "/" and self._named(scope):
            return await self._remember(send)
        if refusal := self._refusal(scope, headers):
            return await _refuse(scope, send, *refusal)
        if scope["type"] == "websocket":
            return await self._app(scope, receive, send)
        limit = self._settings.limits.frame_bytes
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            return await _refuse(scope, send, 413, f"a body has at most {limit} bytes")
        try:
            body = await asyncio.wait_for(_body(receive, limit), self._settings.limits.handshake)
        except TimeoutError:
            return await _refuse(scope, send, 408, "the body did not arrive in time")
        if body is None:
            return await _refuse(scope, send, 413, f"a body has at most {limit} bytes")
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again() -> Any:
            return next(messages, None) or await receive()

        return await self._app(scope, again, send)

    def _named(self, scope: Any) -> bool:
        """Whether the page is opened as /?token=TOKEN."""
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        known = self._settings.token
        return known is not None and hmac.compare_digest(token.encode(), known.encode())

    async def _remember(self, send: Any) -> None:
        """Give the browser the token as a cookie, and the page without it in the address."""
        cookie = f"{COOKIE}={self._settings.token}; HttpOnly; SameSite=Strict; Path=/"
        headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _refusal(self, scope: Any, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if self._settings.local and _name(host) not in LOOPBACK:
            return 400, "this server answers to localhost only"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "requests of other sites are refused"
        token = self._settings.token
        if token is not None and scope["path"] not in OPEN and not _shown(scope, headers, token):
            return 401, "a token is needed: Authorization: Bearer TOKEN"
        return None


def _name(host: str) -> str:
    """A host without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _shown(scope: Any, headers: dict[str, str], token: str) -> bool:
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        cookie = None
    shown = [bearer, "" if cookie is None else cookie.value]
    return any(hmac.compare_digest(one.encode(), token.encode()) for one in shown)


async def _body(receive: Any, limit: int) -> bytes | None:
    """The body of a request; None if it is too long, or the client left."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body"):
            return body


async def _refuse(scope: Any, send: Any, status: int, message: str) -> None:
    if scope["type"] == "websocket":
        return await send({"type": "websocket.close", "code": 1008, "reason": message})
    body = to_text({"detail": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
