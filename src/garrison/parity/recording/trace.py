"""Recorded CybORG episodes (format ``cc4-trace/1``): a header line, then one JSON line per step."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from garrison.worlds.cc4 import tables as T

FORMAT = "cc4-trace/1"
#: The red of recordings in which a policy chose from red's list of actions.
LISTED = "listed"
_OPEN = {".gz": gzip.open, ".xz": lzma.open}
_HEADER = ("format", "red", "blue", "steps", "phases", "hosts", "subnets", "blue_parent", "green_hosts",
           "action_labels", "action_mask", "observations", "tape_fields", "snapshot")  # fmt: skip
_EXTRA = ("raw", "listed", "knowledge")
_STEP = ("t", "actions", "tape", "executed", "snapshot", "observations", "reward", "done")


class TraceError(ValueError):
    """A file that is not a whole, well-formed recording; the message names file and line."""


class Draw(NamedTuple):
    """One number that CybORG drew; the fields are those of ``header["tape_fields"]``."""

    site: str  # file:line in CybORG
    agent: str  # who acts
    host: str | None  # for draws that a host makes (pids)
    kind: str  # choice, choice_p, integers, random
    range: Any  # n of a choice, its chances or n of a choice_p, [low, high) of integers, None of random
    outcome: Any  # index or value
    label: Any  # the chosen thing by name, None where there is none


@dataclass(frozen=True)
class TraceStep:
    """One recorded step. ``snapshot`` is the whole state after it; steps share what did not change."""

    t: int
    actions: dict[str, int]
    tape: list[Draw]
    executed: dict[str, list]
    snapshot: dict[str, Any]
    observations: dict[str, list[int]]
    reward: list[float]
    done: bool
    raw: dict[str, dict] | None = None  # CybORG's raw observation of each blue agent, if recorded
    listed: list[int] | None = None  # red's indices in its list of actions, if it chose by that
    knowledge: dict[str, Any] | None = None  # with them: what red's agents know afterwards


@dataclass(frozen=True)
class Trace:
    """An episode: its header, and its steps when they are asked for."""

    path: Path
    header: dict[str, Any]
    lines: Callable[[], Iterator[tuple[int, dict]]]  # all lines with their numbers, the header first

    def steps(self) -> Iterator[TraceStep]:
        """Read the steps one by one.

        Raises:
            TraceError: for a line that is not the next step, and for an episode that ends early or late.
        """
        snapshot, count = self.header["snapshot"], 0
        lines = self.lines()
        next(lines)  # the header
        for number, record in lines:
            if missing := [key for key in _STEP if key not in record]:
                raise TraceError(f"{self.path}:{number}: step without {', '.join(missing)}")
            if record["t"] != count:
                raise TraceError(f"{self.path}:{number}: step {record['t']} where {count} is due")
            snapshot = accumulate(snapshot, record["snapshot"])
            tape = _tape(record["tape"], f"{self.path}:{number}")
            whole = {key: record[key] for key in _STEP} | {"tape": tape, "snapshot": snapshot}
            more: dict[str, Any] = {key: record.get(key) for key in _EXTRA}
            yield TraceStep(**whole, **more)
            count += 1
        if count != self.header["steps"]:
            raise TraceError(f"{self.path}: {count} steps where the header says {self.header['steps']}")


def read(path: str | os.PathLike) -> Trace:
    """Open a recording (``.jsonl.gz`` or ``.jsonl.xz``) and read its header.

    Raises:
        TraceError: when the file is missing, of another kind, damaged, or lacks a part; names file and line.
    """
    path = Path(path)
    if path.suffix not in _OPEN:
        raise TraceError(f"{path}: a recording ends in .jsonl.gz or .jsonl.xz")
    if not path.is_file():
        raise TraceError(f"{path}: no such file")
    return opened(path, partial(_lines, path))


def opened(path: Path, lines: Callable[[], Iterator[tuple[int, dict]]]) -> Trace:
    """The episode that ``lines()`` gives, the header first; ``path`` is what messages call it.

    Raises:
        TraceError: when the header is of another kind or lacks a part.
    """
    _, header = next(lines(), (1, {}))
    if header.get("format") != FORMAT:
        raise TraceError(f"{path}:1: format is {header.get('format')!r}, not {FORMAT!r}")
    if missing := [key for key in _HEADER if key not in header]:
        raise TraceError(f"{path}:1: header without {', '.join(missing)}")
    if tuple(header["tape_fields"]) != Draw._fields:
        raise TraceError(f"{path}:1: tape fields {header['tape_fields']}, not {list(Draw._fields)}")
    return Trace(path, header, lines)


def actions_of(step: TraceStep) -> np.ndarray:
    """The submitted action indices, ``int32[blue]``; agents without an entry slept."""
    sleep = T.FIRST_BLUE_ACTION[T.Blue.SLEEP]
    chosen = [step.actions.get(agent, sleep[b]) for b, agent in enumerate(T.BLUE_AGENTS)]
    return np.array(chosen, np.int32)


def joint_actions_of(step: TraceStep) -> np.ndarray:
    """:func:`actions_of`, then red's indices if it chose from its list, ``int32[agent]``."""
    return np.array([*actions_of(step), *(step.listed or ())], np.int32)


def accumulate(state: dict, delta: dict) -> dict:
    """The state after a delta: nested keys merge, lists are replaced whole, null removes.

    Nothing is changed in place, so that parts without a change stay the same objects.
    """
    after = dict(state)
    for key, value in delta.items():
        if value is None:
            after.pop(key, None)
        elif isinstance(value, dict) and isinstance(state.get(key), dict):
            after[key] = accumulate(state[key], value)
        else:
            after[key] = value
    return after


def _lines(path: Path) -> Iterator[tuple[int, dict]]:
    number = 0
    try:
        with _OPEN[path.suffix](path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise TraceError(f"{path}:{number}: not a JSON object")
                yield number, record
    except json.JSONDecodeError as error:
        raise TraceError(f"{path}:{number}: not JSON: {error}; record the episode again") from error
    except (OSError, EOFError, lzma.LZMAError, zlib.error, UnicodeDecodeError) as error:
        raise TraceError(f"{path}:{number + 1}: unreadable: {error}; record the episode again") from error


def _tape(rows: list, where: str) -> list[Draw]:
    try:
        return [Draw(*row) for row in rows]
    except TypeError as error:
        raise TraceError(f"{where}: a draw does not have the fields {', '.join(Draw._fields)}") from error
