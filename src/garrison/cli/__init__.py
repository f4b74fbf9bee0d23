"""The command line: ``garrison NOUN ...``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import garrison

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, from ``sys.argv`` if no arguments are given. Returns the exit status.

    Raises ``SystemExit`` with a message for wrong arguments.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if list(arguments) == ["--version"]:  # needs no extra, and does not wait for JAX
        print(f"garrison {garrison.__version__}")
        return 0
    try:
        from garrison.cli.commands import run
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("garrison"):
            raise
        print(
            f"garrison: the command line needs {error.name}, which is not installed. "
            "Install it, and what else training needs, with: pip install 'garrison[train]'",
            file=sys.stderr,
        )
        return 1
    return run(arguments)
