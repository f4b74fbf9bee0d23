"""Replay files: one episode as it can be looked at, without the world that played it.

A file ``*.replay.jsonl.gz`` is JSON, a line each, packed by gzip: a header, one line per tick (tick 0 is the
state after the reset, tick t the state after step t), and a line with the end. Marks and orders of a tick are
given where they differ from the tick before. Unknown keys are ignored, so that later versions can add some.

Each line after the first has a key ``h``: 16 hex digits of a SHA-256 chain over all lines up to it, so that a
file which was changed afterwards is refused, with the first tick that does not fit.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from garrison.core import files

FORMAT, VERSION = "garrison-replay", 1
SUFFIX = ".replay.jsonl.gz"
COLUMNS = ("file", "world", "policy", "against", "seed", "steps", "return")  # of :func:`summary`
MAX_BYTES, MAX_TICKS, MAX_LINE = 64 * 2**20, 20_000, 2**20  # of what a reader takes


@dataclass(frozen=True)
class Replay:
    """A recorded episode.

    Attributes:
        header: what stays the same: world, policy, seed, scene.
        ticks: what changes, one entry per state.
        end: totals, such as the return.
    """

    header: dict[str, Any]
    ticks: tuple[dict[str, Any], ...]
    end: dict[str, Any]

    def __post_init__(self) -> None:
        if self.header.get("format") != FORMAT:
            raise ValueError(f"format is {self.header.get('format')!r}, expected {FORMAT!r}")
        version = self.header.get("version")
        if not isinstance(version, int) or version > VERSION:
            raise ValueError(f"version {version!r} is newer than {VERSION}; update Garrison to read it")

    def _repr_html_(self) -> str:
        """The page in a frame of a notebook, which keeps its scripts apart from the notebook's."""
        from garrison.view.page import page  # imported late: pages are made of replays

        text = html.escape(page([self]), quote=True)
        return (
            f'<iframe srcdoc="{text}" sandbox="allow-scripts" title="Garrison replay" '
            'width="100%" height="860" style="border: 0"></iframe>'
        )


def summary(name: str, replay: Replay) -> dict[str, Any]:
    """What a list of replays shows of the file ``name``."""
    facts = replay.header | replay.end
    return {column: facts.get(column) for column in COLUMNS} | {"file": name}


def packed(replay: Replay) -> bytes:
    """The contents of the file. Equal replays give equal bytes."""
    chain, lines = _Chain(), [_line(replay.header)]
    chain.add(lines[0])
    for part in (*replay.ticks, replay.end):
        lines.append(_line({**part, "h": chain.add(_line(part))}))
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


class _Chain:
    """Hashes of lines, each with the hash of those before it."""

    def __init__(self) -> None:
        self._hash = b""

    def add(self, line: str) -> str:
        self._hash = hashlib.sha256(self._hash + line.encode()).digest()
        return self._hash.hex()[:16]


def write(path: Path, replay: Replay) -> None:
    """Write a replay; the file is there whole or not at all."""
    files.write(path, packed(replay))


def read(path: Path) -> Replay:
    """Read a replay.

    Raises:
        ValueError: for a file that is damaged, changed, cut short, not a replay, of a later version, or too
            large.
    """
    try:
        return unpacked(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not a replay that can be shown: {error}") from error


def unpacked(data: bytes) -> Replay:
    """The replay in the contents of a file. Raises ``ValueError`` as :func:`read`."""
    lines = list(_lines(data))
    if len(lines) < 2 or not lines[-1].get("end"):
        raise ValueError("it is cut short; record it again")
    replay = Replay(lines[0], tuple(lines[1:-1]), lines[-1])
    _check(lines)
    return replay


def _check(lines: list[dict[str, Any]]) -> None:
    """Take the hashes out of the lines, and compare them. Files of before there were hashes have none."""
    hashes = [line.pop("h", None) for line in lines[1:]]
    if not any(hashes):
        return
    chain = _Chain()
    chain.add(_line(lines[0]))
    for line, stored in zip(lines[1:], hashes, strict=True):
        if chain.add(_line(line)) != stored:
            where = f"tick {line['t']}" if "t" in line else "the end"
            raise ValueError(f"it was changed after it was recorded: {where} does not fit its hash")


def _line(part: dict[str, Any]) -> str:
    return json.dumps(files.finite(part), separators=(",", ":"), allow_nan=False)


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    total = 0
    try:
        with gzip.open(io.BytesIO(data)) as file:
            for number in range(MAX_TICKS + 3):
                line = file.readline(MAX_LINE + 1)
                total += len(line)
                if not line:
                    return
                if len(line) > MAX_LINE or total > MAX_BYTES or number > MAX_TICKS + 1:
                    raise ValueError(f"it has more than {MAX_TICKS:,} ticks, or is too large")
                yield files.parse_object(line)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"it is damaged ({error})") from error
