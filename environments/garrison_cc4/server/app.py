"""CAGE Challenge 4 by named tools, as an application: ``uvicorn server.app:app``, or ``server``.

Settings come from the environment: ``GARRISON_SCENARIOS`` (such as ``small medium``),
``GARRISON_MAX_SESSIONS``, and ``GARRISON_TOKEN``, which clients then have to show.
"""

from __future__ import annotations

import os

from garrison.serve.app import create_app
from garrison.serve.run import listen, serve
from garrison.serve.settings import Settings


def settings(host: str = "127.0.0.1", port: int = 8000) -> Settings:
    """The settings of the environment's variables. Raises ``ValueError`` for wrong ones."""
    given = {"compiled": ("idle", "guard")}  # so that neither side's first game waits for a compiler
    if scenarios := os.environ.get("GARRISON_SCENARIOS"):
        given["scenarios"] = tuple(scenarios.split())
    if sessions := os.environ.get("GARRISON_MAX_SESSIONS"):
        given["max_sessions"] = int(sessions)
    return Settings(host=host, port=port, token=os.environ.get("GARRISON_TOKEN"), **given)


app = create_app(settings())


def main(host: str = "0.0.0.0", port: int = 8000) -> None:
    """Serve until a signal."""
    chosen = settings(host, port)
    serve(chosen, listen(chosen))


if __name__ == "__main__":
    main()
