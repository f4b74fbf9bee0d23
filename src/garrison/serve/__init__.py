"""A server of games with tools: OpenEnv's protocol over HTTP and WebSockets, by the same Arena as in process.

Importing it starts nothing. It needs the extra ``serve``.
"""

from __future__ import annotations

from garrison.core import extras

__all__ = ["Settings", "create_app"]

extras.require("serve")


def __getattr__(name: str):
    import importlib

    if name in __all__:
        module = "garrison.serve.app" if name == "create_app" else "garrison.serve.settings"
        return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
