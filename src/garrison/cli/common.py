"""Shared by several commands."""

from __future__ import annotations

import codecs
import io
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


#: What stands for characters that the terminal's encoding lacks.
_ASCII = dict(zip("−–—±·×→µ", ("-", "-", "-", "+-", "*", "x", "->", "u"), strict=True)) | {"…": "..."}
_SUPERSCRIPT = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))


def print_json(data: Any) -> None:
    """Print strict JSON: null in place of NaN and infinity, which JSON does not have."""
    print(to_json(data))


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Error handler of encoders: ASCII in place of what cannot be encoded."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    text = re.sub(f"[{''.join(_SUPERSCRIPT)}]+", lambda match: "^" + match[0], text)
    known = _ASCII | _SUPERSCRIPT | {"^": "^"}
    return "".join(known.get(char, "?") for char in text), error.end


def print_in_any_encoding() -> None:
    """Let the standard streams replace characters that their encoding lacks, instead of failing."""
    codecs.register_error("garrison-ascii", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="garrison-ascii")


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


def seed_range(text: str) -> range:
    """The seeds that ``7`` or ``0-9`` names. Raises ``ValueError`` for anything else."""
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    seeds = range(int(match[1]), int(match[2] or match[1]) + 1) if match else range(0)
    if not seeds:
        raise ValueError(f"--episode-seeds is {text!r}; write it as FIRST-LAST, as in 0-99")
    return seeds


def print_cyborg_version() -> None:
    """Print the version of the installed CybORG on standard error."""
    from garrison.adapters.cyborg import engine

    log.print(engine.described(engine.about()), highlight=False, soft_wrap=True)
