"""Language models as players of CAGE Challenge 4: tools, plans, texts and scores over its two sides."""

from __future__ import annotations

__all__ = ["Arena", "ArenaBatch", "SCENARIOS", "SEATS", "TOOLS"]

_LAZY = {
    "Arena": "arena",
    "ArenaBatch": "arena",
    "SCENARIOS": "scenarios",
    "SEATS": "seat",
    "TOOLS": "tools",
}


def __getattr__(name: str):
    import importlib

    if name in _LAZY:
        return getattr(importlib.import_module(f"garrison.llm.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
