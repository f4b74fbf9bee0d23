"""What several commands share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text

from garrison.core.files import to_json

#: Exit status after Ctrl-C, as shells have it.
INTERRUPTED = 130

#: Results go to standard output, all else to standard error, so that ``--json`` can be piped.
out = Console()
log = Console(stderr=True)


def print_json(data: Any) -> None:
    """Print JSON; numbers that are not finite become null."""
    print(to_json(data))


def print_cyborg_version() -> None:
    """Print on standard error which CybORG runs."""
    from garrison.adapters.cyborg import engine

    log.print(engine.described(engine.about()), highlight=False, soft_wrap=True)


class _Elapsed:
    """A text, and the seconds since it was first shown."""

    def __init__(self, text: str):
        self.text, self.start = text, time.monotonic()

    def __rich__(self) -> Text:
        return Text(f"{self.text}, {time.monotonic() - self.start:.0f} s")


@contextmanager
def waiting(text: str) -> Iterator[Callable[[str], None]]:
    """Show a spinner with elapsed time; yields a function that sets its text."""
    shown = _Elapsed(text)

    def show(text: str) -> None:
        shown.text = text

    with log.status(shown):
        yield show


@contextmanager
def user_input() -> Iterator[None]:
    """End the program with a message on errors that the user can correct."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise SystemExit(f"garrison: {error}") from error
