"""A run directory: everything that one training leaves behind, and all that is needed to repeat it.

config.json      what was asked for
system.json      what it ran on, and when it was resumed
metrics.jsonl    one line per iteration
checkpoint/      train states: latest, best, and those kept for good, as step-00000100
report/          what people read
lock             held by the process that trains
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import math
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax

import garrison
from garrison.core.files import write
from garrison.runs.checkpoint import INDEX


@dataclass(frozen=True)
class Run:
    """The files of a run directory."""

    path: Path

    def checkpoint(self, which: str = "latest") -> Path:
        """The directory of a checkpoint, which may not be there yet."""
        return self.path / "checkpoint" / which

    def checkpoints(self) -> list[str]:
        """Names of the checkpoints that are there, oldest first."""
        found = [path.parent for path in self.path.glob(f"checkpoint/*/{INDEX}")]
        return [path.name for path in sorted(found, key=lambda path: (path / INDEX).stat().st_mtime)]

    @property
    def report(self) -> Path:
        return self.path / "report"

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    def config(self) -> dict[str, Any]:
        """What the run was asked for. Raises ``ValueError`` if the file is damaged."""
        return _read(self.path / "config.json")

    def system(self) -> dict[str, Any]:
        """What the run was started on. Raises ``ValueError`` if the file is damaged."""
        return _read(self.path / "system.json")

    def log(self, metrics: dict[str, Any]) -> None:
        """Append a line of metrics; numbers that are not finite become null, as JSON has no word for them."""
        line = json.dumps({name: _clean(value) for name, value in metrics.items()}, allow_nan=False)
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All lines logged so far; a last one that was cut off in writing is left out."""
        whole, _, _ = self.metrics_file.read_text(encoding="utf-8").rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def rewind(self, iteration: int) -> list[dict[str, Any]]:
        """Drop the metrics of all later iterations, and return the others."""
        kept = [row for row in self.metrics() if row["iteration"] <= iteration]
        write(self.metrics_file, "".join(json.dumps(row) + "\n" for row in kept))
        return kept

    def resumed(self, iteration: int) -> None:
        """Note in system.json that training goes on from an iteration, and on what."""
        facts = self.system()
        facts.setdefault("resumed", []).append({"iteration": iteration} | system())
        write(self.path / "system.json", json.dumps(facts, indent=2) + "\n")

    def write_report(self, name: str, data: str | bytes) -> None:
        """Write ``report/<name>``."""
        self.report.mkdir(exist_ok=True)
        write(self.report / name, data)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Within the block no other process can train this run. Raises ``ValueError`` if one does already.

        The lock goes with the process: one that was killed holds none.
        """
        with (self.path / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ValueError(f"{self.path} is being trained by another process") from error
            yield

    def in_training(self) -> bool:
        """Whether a process trains this run now."""
        if not (self.path / "lock").exists():
            return False
        try:
            with self.locked():
                return False
        except ValueError:
            return True


def create(path: Path, config: dict[str, Any]) -> Run:
    """Make a run directory. Raises ``FileExistsError`` if there is one at ``path`` already."""
    if (path / "config.json").exists():
        raise FileExistsError(
            f"{path} holds a run already; go on with it by: garrison resume {path}, "
            "or choose another directory"
        )
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


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def _clean(value: Any) -> Any:
    if isinstance(value, list):
        return [_clean(x) for x in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
