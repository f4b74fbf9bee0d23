"""Shared by several commands."""

from __future__ import annotations

import codecs
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text

from garrison.core.files import to_json

#: Exit status after Ctrl-C, as shells have it.
INTERRUPTED = 130

#: Results go to standard output, everything else to standard error, so that ``--json`` can be piped.
out = Console()
log = Console(stderr=True)

#: Characters of tables and messages, and what replaces them where the encoding of a stream lacks them.
PLAIN = {"−": "-", "–": "-", "—": "-", "×": "x", "·": "|", "…": "...", "±": "+-", "ε": "eps", "γ": "gamma"}


def print_json(data: Any) -> None:
    """Print strict JSON in ASCII."""
    print(to_json(data))


def use_plain_characters() -> None:
    """Let standard output and error replace characters that their encoding lacks, instead of raising."""
    codecs.register_error("garrison-plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="garrison-plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, "?") for character in characters), error.end


class _Elapsed:
    """A text, and the seconds since it was first shown."""

    def __init__(self, text: str):
        self.text, self.start = text, time.monotonic()

    def __rich__(self) -> Text:
        return Text(f"{self.text}, {time.monotonic() - self.start:.0f} s")


@contextmanager
def waiting(text: str) -> Iterator[Callable[[str], None]]:
    """Show a spinner with elapsed time; yields a function that sets its text."""
    status = _Elapsed(text)

    def set_text(text: str) -> None:
        status.text = text

    with log.status(status):
        yield set_text


@contextmanager
def user_input() -> Iterator[None]:
    """Exit with a message on errors within the block, which are mistakes in the user's input."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise SystemExit(f"garrison: {error}") from error


def seed_range(text: str, option: str = "--episode-seeds") -> range:
    """The seeds of ``FIRST-LAST``, or of a single number. Raises ``ValueError`` for any other text."""
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, -1)
    if last < first:
        raise ValueError(f"{option} is {text!r}; write it as FIRST-LAST, as in 0-99")
    return range(first, last + 1)
