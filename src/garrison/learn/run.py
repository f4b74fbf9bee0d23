"""A run directory: everything that one training leaves behind, and all that is needed to repeat it.

config.json      what was asked for
system.json      what it ran on
metrics.jsonl    one line per iteration
checkpoint/      the latest train state
report/          what people read
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax

import garrison
from garrison.learn.checkpoint import write


@dataclass(frozen=True)
class Run:
    """The files of a run directory."""

    path: Path

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint"

    @property
    def report(self) -> Path:
        return self.path / "report"

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    def config(self) -> dict[str, Any]:
        """What the run was asked for."""
        return json.loads((self.path / "config.json").read_text(encoding="utf-8"))

    def log(self, metrics: dict[str, Any]) -> None:
        """Append a line of metrics; numbers that are not finite become null, as JSON has no word for them."""
        clean = {name: None if _not_finite(value) else value for name, value in metrics.items()}
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(clean, allow_nan=False) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All lines logged so far."""
        return [json.loads(line) for line in self.metrics_file.read_text(encoding="utf-8").splitlines()]

    def write_report(self, name: str, data: str | bytes) -> None:
        """Write ``report/<name>``."""
        self.report.mkdir(exist_ok=True)
        write(self.report / name, data)


def create(path: Path, config: dict[str, Any]) -> Run:
    """Make a run directory. Raises ``FileExistsError`` if there is one at ``path`` already."""
    if (path / "config.json").exists():
        raise FileExistsError(f"{path} holds a run already; choose another directory")
    path.mkdir(parents=True, exist_ok=True)
    run = Run(path)
    write(path / "system.json", json.dumps(system(), indent=2) + "\n")
    run.metrics_file.touch()
    write(path / "config.json", json.dumps(config, indent=2) + "\n")  # last: it marks a run
    return run


def load(path: Path) -> Run:
    """Open a run directory. Raises ``FileNotFoundError`` if ``path`` is none."""
    if not (path / "config.json").is_file():
        raise FileNotFoundError(f"{path} is no run directory: it has no config.json")
    return Run(path)


def default_path(name: str) -> Path:
    """``runs/<name>-<UTC time>``, in the working directory."""
    return Path("runs") / f"{name.replace('/', '-')}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def system() -> dict[str, Any]:
    """Versions and hardware, JSON-ready."""
    packages = ("jax", "jaxlib", "numpy", "equinox", "optax", "safetensors")
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "devices": [device.device_kind for device in jax.devices()],
        "packages": {
            "garrison": garrison.__version__,
            **{name: importlib.metadata.version(name) for name in packages},
        },
    }


def _not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
