"""The plant: values relax towards setpoints in real time (``soc-rules.md §3.6``), without noise."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

from garrison.range.services.host import write


def _read(folder: Path) -> dict:
    return json.loads((folder / "plant" / "state").read_text())


def _write(folder: Path, values: list[float], setpoints: list[float], old: dict) -> None:
    state = old | {"since": time.monotonic(), "values": values, "setpoints": setpoints}
    write(folder / "plant" / "state", json.dumps(state))


def start(folder: Path, nominal: list[int], tau: list[float], overloaded: list[float], speed: float) -> None:
    """A plant at its nominal setpoints; ``tau`` in seconds of ``soc``."""
    fixed = {"nominal": nominal, "tau": tau, "overloaded": overloaded, "speed": speed}
    _write(folder, list(map(float, nominal)), list(map(float, nominal)), fixed)


def values(folder: Path) -> list[float]:
    """Readings in thousandths."""
    state = _read(folder)
    passed = (time.monotonic() - state["since"]) * state["speed"]
    return [
        setpoint + (value - setpoint) * math.exp(-passed / tau)
        for value, setpoint, tau in zip(state["values"], state["setpoints"], state["tau"], strict=True)
    ]


def overload(folder: Path) -> None:
    """Write the setpoints that the plant does not bear."""
    state = _read(folder)
    _write(folder, values(folder), state["overloaded"], state)


def restore(folder: Path) -> None:
    """Write the nominal setpoints."""
    state = _read(folder)
    _write(folder, values(folder), list(map(float, state["nominal"])), state)
