"""What several commands share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

#: Exit status after Ctrl-C, as shells have it.
INTERRUPTED = 130

#: Results go to standard output, all else to standard error, so that ``--json`` can be piped.
out = Console()
log = Console(stderr=True)


def print_json(data: Any) -> None:
    print(json.dumps(data, indent=2))


@contextmanager
def user_input() -> Iterator[None]:
    """Within the block, errors are mistakes in what was asked for: they end the program with a message."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise SystemExit(f"garrison: {error}") from error
