"""What a client asks for: action objects, found in text, checked against the tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from garrison.core.plugins import did_you_mean
from garrison.llm.tools import TOOLS, Tool

#: Codes of errors, in the order in which a call is checked.
CODES = (
    "MALFORMED",
    "UNKNOWN_TOOL",
    "WRONG_SIDE",
    "BAD_PARAMS",
    "UNKNOWN_HOST",
    "UNKNOWN_ZONE",
    "NOT_YOURS",
    "NOT_KNOWN",
    "NOTHING_TO_DO",
    "QUEUE_FULL",
    "QUERY_BUDGET",
    "NOT_CURRENT",
    "OVER",
)
MAX_CALLS = 16  # in one action object
MAX_RATIONALE = 2_000  # characters
_KEYS = frozenset(("tool_name", "target", "params", "agent", "actor", "rationale"))


class CallError(Exception):
    """A call that is refused. It costs no tick, and is answered with ``code``, ``message`` and ``hint``."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        assert code in CODES
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint

    def row(self) -> dict[str, str]:
        """The error as JSON-ready data."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


@dataclass(frozen=True)
class Call:
    """A call of a tool with checked parameters; names in it are not resolved yet."""

    tool: Tool
    params: dict[str, Any]  # all of the tool's, with defaults; None for those that were left out
    rationale: str = ""


def actions_in(text: str) -> Any:
    """The last complete JSON object in a text that is an action object; None if there is none."""
    found = None
    for value in objects(text):
        if "tool_name" in value or "calls" in value:
            found = value
    return found


def objects(text: str) -> Iterator[dict[str, Any]]:
    """Outermost JSON objects in a text, in order."""
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(value, dict):
                yield value
        at = text.find("{", end)


def calls_of(action: Any) -> list[dict[str, Any]]:
    """The calls of an action object: itself, or those of its list ``calls``.

    Raises:
        CallError: ``MALFORMED`` for anything else.
    """
    if isinstance(action, str):
        action = actions_in(action)
    if not isinstance(action, dict):
        raise CallError("MALFORMED", "no action object found", 'write {"tool_name": ..., "params": {...}}')
    calls = action.get("calls", [action])
    if not isinstance(calls, list) or not 1 <= len(calls) <= MAX_CALLS:
        raise CallError("MALFORMED", f"calls must be a list of 1 to {MAX_CALLS} calls")
    if "calls" in action and len(action) > 1:
        raise CallError("MALFORMED", "calls stands alone", "put all else into the calls")
    for call in calls:
        if not isinstance(call, dict) or not isinstance(call.get("tool_name"), str):
            raise CallError("MALFORMED", "a call without tool_name", 'write {"tool_name": ..., ...}')
    return calls


def checked(call: dict[str, Any], side: str) -> Call:
    """A call object as a call of one of the side's tools.

    Raises:
        CallError: ``MALFORMED``, ``UNKNOWN_TOOL``, ``WRONG_SIDE`` or ``BAD_PARAMS``.
    """
    if unknown := sorted(call.keys() - _KEYS):
        raise CallError(
            "MALFORMED", f"unknown field {unknown[0]!r}", f"fields of a call: {', '.join(sorted(_KEYS))}"
        )
    name, other = call["tool_name"], "red" if side == "blue" else "blue"
    if name not in TOOLS[side]:
        if name in TOOLS[other]:
            raise CallError("WRONG_SIDE", f"{name} is a tool of {other}", f"this seat plays {side}")
        raise CallError("UNKNOWN_TOOL", f"no tool {name!r}{did_you_mean(name, TOOLS[side])}")
    tool, rationale = TOOLS[side][name], call.get("rationale", "")
    if not isinstance(rationale, str):
        raise CallError("BAD_PARAMS", f"rationale is {rationale!r}; it must be text")
    return Call(tool, _params(tool, call), rationale[:MAX_RATIONALE])


def _params(tool: Tool, call: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a call, with ``target`` and ``agent`` put in their places."""
    given = call.get("params")
    given = {} if given is None else given
    if not isinstance(given, dict):
        raise CallError("BAD_PARAMS", f"params is {given!r}; it must be an object")
    given, target = dict(given), call.get("target")
    if target is not None:
        if tool.target is None:
            raise CallError("BAD_PARAMS", f"{tool.name} takes no target", _signature(tool))
        if given.setdefault(tool.target, target) != target:
            raise CallError(
                "BAD_PARAMS", f"target is {target!r}, but {tool.target} is {given[tool.target]!r}"
            )
    agent = call.get("agent", call.get("actor"))
    if agent is not None:
        given.setdefault("agent", agent)
    for name in given:
        if name not in tool.parameters and name != "agent":
            raise CallError("BAD_PARAMS", f"{tool.name} has no parameter {name!r}", _signature(tool))
    params = {name: given.get(name) for name in (*tool.parameters, "agent")}
    for name, parameter in tool.parameters.items():
        if params[name] is None:
            if parameter.required:
                raise CallError("BAD_PARAMS", f"{tool.name} needs {name}", _signature(tool))
            params[name] = parameter.default
        else:
            params[name] = _value(tool.name, name, params[name], parameter.schema)
    if params["agent"] is not None and not isinstance(params["agent"], str):
        raise CallError("BAD_PARAMS", f"agent is {params['agent']!r}; it must be a name such as B0")
    return params


def _value(tool: str, name: str, value: Any, schema: dict[str, Any]) -> Any:
    """A value of the schema's type; a whole number may be written as text, or with a # before it."""
    kind = schema["type"]
    if kind == "integer":
        if isinstance(value, str) and value.removeprefix("#").isdecimal() and len(value) < 8:
            value = int(value.removeprefix("#"))
        low, high = schema["minimum"], schema["maximum"]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise CallError("BAD_PARAMS", f"{name} is {value!r}; it must be a whole number in {low}..{high}")
        return value
    if kind == "string":
        if not isinstance(value, str):
            raise CallError("BAD_PARAMS", f"{name} is {value!r}; it must be text")
        if value not in schema.get("enum", [value]):
            raise CallError("BAD_PARAMS", f"{name} is {value!r}; it must be one of {schema['enum']}")
        return value
    if not isinstance(value, dict):
        raise CallError("BAD_PARAMS", f"{name} is {value!r}; it must be an object")
    return {
        key: _value(tool, f"{name}[{key!r}]", one, schema["additionalProperties"])
        for key, one in value.items()
    }


def _signature(tool: Tool) -> str:
    """The parameters of a tool in short."""
    names = [name if p.required else f"{name}?" for name, p in tool.parameters.items()]
    return f"{tool.name}({', '.join(names)})"
