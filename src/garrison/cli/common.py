"""What several commands share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text

#: Exit status after Ctrl-C, as shells have it.
INTERRUPTED = 130

#: Results go to standard output, all else to standard error, so that ``--json`` can be piped.
out = Console()
log = Console(stderr=True)


def print_json(data: Any) -> None:
    print(json.dumps(data, indent=2))


class _Elapsed:
    """Words, and the seconds since they were first said."""

    def __init__(self, told: str):
        self.told, self.start = told, time.monotonic()

    def __rich__(self) -> Text:
        return Text(f"{self.told}, {time.monotonic() - self.start:.0f} s")


@contextmanager
def waiting(told: str) -> Iterator[Callable[[str], None]]:
    """Within the block it is shown what is going on and for how long; yields what changes the words."""
    words = _Elapsed(told)

    def say(told: str) -> None:
        words.told = told

    with log.status(words):
        yield say


@contextmanager
def user_input() -> Iterator[None]:
    """Within the block, errors are mistakes in what was asked for: they end the program with a message."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise SystemExit(f"garrison: {error}") from error
