"""What studies leave behind: figures as JSON, and the same for people, with how they came about."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax

from garrison.core.files import write


def origin(command: str) -> dict[str, Any]:
    """The command that makes a study again, and when and on what it was made, JSON-ready."""
    return {
        "command": command,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "device": jax.devices()[0].device_kind,
        "python": platform.python_version(),
        "jax": jax.__version__,
    }


def told(origin: dict[str, Any]) -> str:
    """:func:`origin` in a line of Markdown."""
    return (
        f"`{origin['command']}` on {origin['cores']} cores ({origin['machine']}, {origin['device']}), "
        f"Python {origin['python']}, jax {origin['jax']}, {origin['date']}."
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table: the first column of words, the others of numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return ["| " + " | ".join(row) + " |" for row in (header, rule, *rows)]


def save(out: Path, figures: dict[str, Any], lines: Iterable[str]) -> None:
    """Write ``<out>.json`` and ``<out>.md``."""
    out.parent.mkdir(parents=True, exist_ok=True)
    write(out.with_name(out.name + ".json"), json.dumps(figures, indent=1, allow_nan=False) + "\n")
    write(out.with_name(out.name + ".md"), "\n".join(lines) + "\n")
