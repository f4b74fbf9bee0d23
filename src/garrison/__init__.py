"""Garrison: worlds, learners, opponents and judges for multi-agent autonomous cyber defence.

>>> import garrison
>>> world = garrison.make("cc4", red="fsm")
>>> run = garrison.train("cc4-ippo", num_seeds=3)
>>> garrison.evaluate(world, {"mine": run.policies()})

Importing this package loads neither JAX nor any world: both come with the first use.
"""

from __future__ import annotations

import importlib
from typing import Any

from garrison.core.registry import available_worlds, make, register

__version__ = "0.2.0"

__all__ = [
    "__version__",
    "available_worlds",
    "compare",
    "evaluate",
    "load_run",
    "make",
    "policies",
    "register",
    "resume",
    "train",
]

#: Imported when they are first used; ``__init__.pyi`` declares them for type checkers.
_LAZY = {
    "train": "garrison.api",
    "resume": "garrison.api",
    "load_run": "garrison.api",
    "evaluate": "garrison.judge.api",
    "compare": "garrison.judge.api",
    "policies": "garrison.judge.api",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'garrison' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
