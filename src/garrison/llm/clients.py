"""Clients of language models: of an OpenAI-compatible server, recordings of replies, limits.

A client completes a chat:

    reply = client.complete(messages, tools)

Keys come from environment variables alone and are never stored. A recording holds requests without headers.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal, Protocol

Messages = Sequence[Mapping[str, Any]]
Tools = Sequence[Mapping[str, Any]]
Mode = Literal["off", "record", "replay", "auto"]

RETRIED = frozenset((408, 409, 429)) | frozenset(range(500, 600))
MAX_REPLY = 1 << 20  # bytes
MAX_WAIT_S = 60.0


class ClientError(Exception):
    """The model could not be asked. The game is not scored: this says nothing about how the model plays."""


class LimitReached(ClientError):
    """A limit of :class:`Limits` would be exceeded."""


@dataclass(frozen=True)
class Reply:
    """What a model answered."""

    text: str
    calls: tuple[dict[str, Any], ...] = ()  # native tool calls, as action objects
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float = 0.0
    finish: str = ""

    @property
    def action(self) -> Any:
        """What a seat is given: the native calls if there are any, else the text."""
        return {"calls": list(self.calls)} if self.calls else self.text


class Client(Protocol):
    """Whoever completes chats."""

    model: str

    def complete(self, messages: Messages, tools: Tools) -> Reply:
        """The model's reply. Raises :class:`ClientError` where it cannot be had."""
        ...


@dataclass
class OpenAICompatible:
    """A server with the route ``/chat/completions``.

    Args:
        base_url: such as ``http://localhost:8000/v1``.
        key_env: environment variable that holds the key; None: no key is sent.
        params: further fields of requests, such as ``temperature``.
        timeout_s: of one try, for each wait on the network.
        tries: requests that are sent at most, with growing pauses between.
        seed: of the pauses' jitter.
        sleep: called with the seconds of each pause.
    """

    base_url: str
    model: str
    key_env: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float = 120.0
    tries: int = 5
    seed: int = 0
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")):
            raise ValueError(f"base_url is {self.base_url!r}; it must begin with http:// or https://")
        if self.tries < 1:
            raise ValueError(f"tries is {self.tries}; it must be at least 1")
        self._random = random.Random(self.seed)

    def complete(self, messages: Messages, tools: Tools) -> Reply:
        body = json.dumps(request_of(self.model, messages, tools, self.params)).encode()
        began = time.monotonic()
        for number in range(self.tries):
            try:
                answer = self._post(body)
            except _Again as error:
                if number == self.tries - 1:
                    raise ClientError(f"{self.base_url}: {error} (in {self.tries} tries)") from error
                self.sleep(self._pause(number, error.after))
            else:
                return parsed(answer, time.monotonic() - began)
        raise AssertionError("unreachable")

    def _post(self, body: bytes) -> Any:
        """The server's answer as JSON. Raises :class:`_Again` for what another try may mend."""
        headers = {"Content-Type": "application/json"}
        if self.key_env is not None:
            key = os.environ.get(self.key_env)
            if not key:
                raise ClientError(f"environment variable {self.key_env} holds no key; set it")
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(f"{self.base_url.rstrip('/')}/chat/completions", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as response:
                data = response.read(MAX_REPLY + 1)
        except urllib.error.HTTPError as error:
            if error.code in RETRIED:
                raise _Again(f"status {error.code}", error.headers.get("Retry-After")) from error
            raise ClientError(f"{self.base_url}: status {error.code}: {_start(error)}") from error
        except (OSError, HTTPException) as error:  # no connection, a timeout, or one that was cut
            raise _Again(f"{type(error).__name__}: {error}") from error
        if len(data) > MAX_REPLY:
            raise ClientError(f"{self.base_url}: a reply of more than {MAX_REPLY} bytes")
        try:
            return json.loads(data)
        except ValueError as error:
            raise _Again("the reply is not JSON") from error

    def _pause(self, number: int, after: str | None) -> float:
        """Seconds before the next try: what the server asks for, else growing with jitter."""
        try:
            return min(max(float(after or ""), 0.0), MAX_WAIT_S)
        except ValueError:
            return min(2.0**number * (0.5 + self._random.random()), MAX_WAIT_S)


class _Again(Exception):
    """A failure that another try may mend."""

    def __init__(self, message: str, after: str | None = None) -> None:
        super().__init__(message)
        self.after = after


def _start(error: urllib.error.HTTPError) -> str:
    return error.read(200).decode(errors="replace")


def request_of(model: str, messages: Messages, tools: Tools, params: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request. ``tools`` are the schemas of :class:`~garrison.llm.tools.Tool`."""
    body: dict[str, Any] = {"model": model, "messages": list(messages), **params}
    if tools:
        body["tools"] = as_functions(tools)
    return body


def as_functions(tools: Tools) -> list[dict[str, Any]]:
    """Schemas of tools, or calls of them, as chat models are given them."""
    return [{"type": "function", "function": dict(tool)} for tool in tools]


def parsed(answer: Any, latency_s: float = 0.0) -> Reply:
    """A reply from the body of an answer. Raises :class:`ClientError` for one without a message.

    The arguments of a native call that are not JSON are kept as a call that is malformed.
    """
    try:
        choice = answer["choices"][0]
        message = choice["message"]
        calls = tuple(_native(call["function"]) for call in message.get("tool_calls") or ())
        usage = answer.get("usage") or {}
        return Reply(
            text=str(message.get("content") or ""),
            calls=calls,
            prompt_tokens=usage.get("prompt_tokens"),
            completion_tokens=usage.get("completion_tokens"),
            latency_s=latency_s,
            finish=str(choice.get("finish_reason") or ""),
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ClientError(f"the answer holds no message: {json.dumps(answer)[:200]}") from error


def _native(function: Mapping[str, Any]) -> dict[str, Any]:
    arguments = function.get("arguments") or "{}"
    try:
        params = json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        params = arguments
    return {"tool_name": function["name"], "params": params}


# ---------------------------------------------------------------- recordings


def digest(request: Mapping[str, Any]) -> str:
    """SHA-256 of a request as canonical JSON."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Recorded:
    """A client whose replies are kept in a file of JSON lines, one per request.

    Args:
        client: asked where the file does not answer; None with ``"replay"``.
        path: the file; a missing one is empty, but with ``"replay"``.
        mode: ``"off"``: the file is not used; ``"record"``: always ask, and write; ``"replay"``: never ask,
            a request that is missing is an error; ``"auto"``: ask for what is missing, and write.

    Raises:
        ValueError: for a damaged file, a missing one with ``"replay"``, and a missing client without.
    """

    def __init__(self, client: Client | None, path: Path, mode: Mode = "auto", model: str = "") -> None:
        if client is None and mode != "replay":
            raise ValueError(f"mode {mode!r} needs a client to ask; only 'replay' does without")
        if mode == "replay" and not path.exists():
            raise ValueError(f"{path}: no such recording; record one with mode 'record' or 'auto'")
        self.client, self.path, self.mode = client, path, mode
        self.model = client.model if client is not None else model
        self._replies = _read(path) if mode in ("replay", "auto") and path.exists() else {}

    def complete(self, messages: Messages, tools: Tools) -> Reply:
        params = getattr(self.client, "params", {})
        key = digest(request_of(self.model, messages, tools, params))
        if key in self._replies:
            return self._replies[key]
        if self.mode == "replay" or self.client is None:
            raise ClientError(f"{self.path} has no reply to this request; record it, or use mode 'auto'")
        reply = self.client.complete(messages, tools)
        if self.mode != "off":
            self._replies[key] = reply
            with self.path.open("a") as file:
                file.write(json.dumps({"request": key, "reply": asdict(reply)}, sort_keys=True) + "\n")
        return reply


def _read(path: Path) -> dict[str, Reply]:
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            record = json.loads(line)
            reply = record["reply"]
            found[record["request"]] = Reply(**{**reply, "calls": tuple(reply["calls"])})
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}, line {number} is damaged: {error}; remove the line") from error
    return found


# ---------------------------------------------------------------- limits


@dataclass(frozen=True)
class Limits:
    """What a run may use at most; None: as much as it likes."""

    calls: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    money: float | None = None  # in the unit of the prices


@dataclass
class Usage:
    """What a run used."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


class Metered:
    """A client that counts what it uses, and stops before a limit.

    Args:
        prices: per million tokens of prompts and of completions; None: unknown, and so is the cost.

    Raises:
        ValueError: for a limit of money without prices.
    """

    def __init__(
        self,
        client: Client,
        limits: Limits | None = None,
        prices: tuple[float, float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client, self.limits, self.prices, self.usage = client, limits or Limits(), prices, Usage()
        if self.limits.money is not None and prices is None:
            raise ValueError("a limit of money needs the prices per million tokens")
        self.model, self._clock, self._began = client.model, clock, clock()

    @property
    def cost(self) -> float | None:
        """What was spent; None if prices are unknown."""
        if self.prices is None:
            return None
        used = (self.usage.prompt_tokens, self.usage.completion_tokens)
        return sum(price * tokens for price, tokens in zip(self.prices, used, strict=True)) / 1e6

    def complete(self, messages: Messages, tools: Tools) -> Reply:
        seconds = self._clock() - self._began
        used = {
            "calls": self.usage.calls,
            "tokens": self.usage.tokens,
            "seconds": seconds,
            "money": self.cost,
        }
        for name, value in used.items():
            limit = getattr(self.limits, name)
            if limit is not None and value is not None and value >= limit:
                raise LimitReached(f"limit of {name}: {value:g} of {limit:g} are used")
        reply = self.client.complete(messages, tools)
        self.usage.calls += 1
        self.usage.prompt_tokens += reply.prompt_tokens or 0
        self.usage.completion_tokens += reply.completion_tokens or 0
        self.usage.latencies.append(reply.latency_s)
        return reply
