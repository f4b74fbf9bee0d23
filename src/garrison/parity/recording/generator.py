"""A generator for CybORG that draws as NumPy's and records every draw on a tape."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import Enum
from ipaddress import IPv4Address, IPv4Network
from pathlib import PurePath
from types import FrameType
from typing import Any

import numpy as np

# draws in it are of ephemeral ports, which nothing reads
_WITHOUT_EFFECT = "get_ephemeral_port"
_IN_WORDS = (str, int, np.generic, Enum, IPv4Address, IPv4Network, dict)


class RecordingGenerator:
    """Draws bit for bit as ``numpy.random.default_rng(seed)``; records each draw and its place in the code.

    It has the methods that CybORG calls, with the arguments that it uses. The tape leaves out what cannot
    change an episode: choices with one option, shuffles, and ephemeral ports.

    Attributes:
        tape: rows with the fields of :class:`~garrison.parity.recording.trace.Draw`, in order; JSON-ready.
        agent: who draws; set by the caller.
        native: the generator inside.
    """

    def __init__(self, seed: int):
        self.native = np.random.default_rng(seed)
        self.tape: list[list] = []
        self.agent: str | None = None

    @property
    def state(self) -> dict[str, Any]:
        """The state of the generator, JSON-ready; assign it to continue from there."""
        return dict(self.native.bit_generator.state)

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.native.bit_generator.state = state

    def cut(self) -> list[list]:
        """The tape since the last cut."""
        tape, self.tape = self.tape, []
        return tape

    # ------------------------------------------------------------ what CybORG calls

    def choice(self, a: Any, replace: bool = True, p: Sequence[float] | None = None) -> Any:
        options = np.asarray(a)
        count = int(options) if options.ndim == 0 else len(options)
        index = self.native.choice(count, replace=replace, p=p)
        chosen = index if options.ndim == 0 else options.take(index, axis=0)
        if count > 1:
            label = None if options.ndim == 0 else _named(chosen)
            chances = None if p is None else [round(float(chance), 6) for chance in p]
            kind, spread = ("choice", count) if chances is None else ("choice_p", chances)
            self._record(kind, spread, int(index), label)
        return chosen

    def integers(self, low: int, high: int | None = None, endpoint: bool = False) -> Any:
        value = self.native.integers(low, high, endpoint=endpoint)
        first, end = (0, low) if high is None else (low, high)
        end += endpoint
        if end - first > 1:
            self._record("integers", [int(first), int(end)], int(value), None)
        return value

    def random(self) -> float:
        value = self.native.random()
        self._record("random", None, value, None)
        return value

    def shuffle(self, x: list) -> None:
        self.native.shuffle(x)

    def _record(self, kind: str, spread: Any, outcome: Any, label: Any) -> None:
        caller = sys._getframe(2)
        code = caller.f_code
        if code.co_name != _WITHOUT_EFFECT:
            site = f"{PurePath(code.co_filename).name}:{caller.f_lineno}"
            self.tape.append([site, self.agent, _host(caller), kind, spread, outcome, label])


def _host(caller: FrameType) -> str | None:
    """The host that draws, if it is one."""
    who: Any = caller.f_locals.get("self")
    return who.hostname if type(who).__name__ == "Host" else None


def _named(chosen: Any) -> Any:
    """A chosen thing by name, JSON-ready: classes by their own, objects of CybORG by that of their class."""
    if isinstance(chosen, type):
        return chosen.__name__
    if isinstance(chosen, np.ndarray):
        return [str(part) for part in chosen]
    return str(chosen) if isinstance(chosen, _IN_WORDS) else type(chosen).__name__
