"""A run directory: everything that one training leaves behind, and all that is needed to repeat it.

config.json      the configuration
system.json      hardware and versions, at the start and whenever it was resumed
metrics.jsonl    one line per iteration
checkpoint/      train states: latest, best, and those kept for good, as step-00000100
report/          pages, figures and tables
lock             held by the process that trains
"""

from __future__ import annotations

import importlib.metadata
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
from garrison.core.files import parse_object, read_object, to_json, write, write_json
from garrison.runs import lock
from garrison.runs.checkpoint import INDEX, is_sound

#: Run directories that come with Garrison.
PACKAGED = Path(__file__).with_name("packaged")
_COPY = "restore it from a copy of the run, or train again"


@dataclass(frozen=True)
class RunDirectory:
    """The files of a run directory."""

    path: Path

    def checkpoint(self, which: str = "latest") -> Path:
        """The directory of a checkpoint, which need not exist yet."""
        return self.path / "checkpoint" / which

    def checkpoints(self) -> list[str]:
        """Names of the existing checkpoints, oldest first."""
        found = [path.parent for path in self.path.glob(f"checkpoint/*/{INDEX}")]
        return [path.name for path in sorted(found, key=lambda path: (path / INDEX).stat().st_mtime)]

    def checkpoint_bytes(self) -> int:
        """Bytes of all checkpoints."""
        return sum(path.stat().st_size for path in self.path.glob("checkpoint/*/*"))

    def newest_sound(self) -> str | None:
        """The name of the newest checkpoint that can be read and matches its digests."""
        sound = (name for name in reversed(self.checkpoints()) if is_sound(self.checkpoint(name)))
        return next(sound, None)

    @property
    def report(self) -> Path:
        return self.path / "report"

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    def config(self) -> dict[str, Any]:
        """The configuration as it was written. Raises ``ValueError`` if the file is damaged."""
        return read_object(self.path / "config.json", _COPY)

    def system(self) -> dict[str, Any]:
        """Hardware and versions. Raises ``ValueError`` if the file is damaged."""
        return read_object(self.path / "system.json", _COPY)

    def log(self, metrics: dict[str, Any]) -> None:
        """Append a line of metrics; numbers that are not finite become null."""
        line = to_json(metrics, indent=None)
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All lines of metrics.jsonl, except a last one without a newline, which a killed process left.

        Raises ``FileNotFoundError`` if the file is missing, and ``ValueError`` naming a damaged line.
        """
        try:
            whole, _, _ = self.metrics_file.read_bytes().rpartition(b"\n")
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{self.metrics_file} is missing; {_COPY}, or create an empty file: the curve is lost"
            ) from error
        rows, before = [], 0
        for number, line in enumerate(whole.split(b"\n") if whole else [], start=1):
            try:
                row = parse_object(line)
                if not isinstance(iteration := row.get("iteration"), int) or iteration <= before:
                    raise ValueError(f"iteration is {iteration!r}, expected a number above {before}")
            except ValueError as error:
                raise ValueError(
                    f"{self.metrics_file} is damaged in line {number} ({error}); delete that line: the curve "
                    "will lack one iteration"
                ) from error
            before = iteration
            rows.append(row)
        return rows

    def rewind(self, iteration: int) -> list[dict[str, Any]]:
        """Drop the metrics of all later iterations, and return the others."""
        kept = [row for row in self.metrics() if row["iteration"] <= iteration]
        write(self.metrics_file, "".join(to_json(row, indent=None) + "\n" for row in kept))
        return kept

    def resumed(self, iteration: int) -> None:
        """Record in system.json that training continues from an iteration, and on what."""
        facts = self.system()
        facts.setdefault("resumed", []).append({"iteration": iteration} | system())
        write_json(self.path / "system.json", facts)

    def write_report(self, name: str, data: str | bytes) -> None:
        """Write ``report/<name>``."""
        self.report.mkdir(exist_ok=True)
        write(self.report / name, data)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training this run. Raises ``ValueError`` if one does already.

        The lock goes with the process: a killed one holds none.
        """
        with (self.path / "lock").open("a") as file:
            if not lock.acquire(file):
                raise ValueError(f"{self.path} is being trained by another process")
            yield

    def in_training(self) -> bool:
        """Whether a process trains this run now. Takes no lock, so that looking never disturbs."""
        try:
            with (self.path / "lock").open("rb") as file:
                return lock.is_held(file)
        except FileNotFoundError:
            return False


def create(path: Path, config: dict[str, Any], facts: dict[str, Any] | None = None) -> RunDirectory:
    """Make a run directory. Raises ``FileExistsError`` if there is one at ``path`` already.

    Args:
        facts: more for system.json.
    """
    if (path / "config.json").exists():
        raise FileExistsError(f"{path} holds a run already; resume that, or choose another directory")
    path.mkdir(parents=True, exist_ok=True)
    run = RunDirectory(path)
    write_json(path / "system.json", system() | (facts or {}))
    run.metrics_file.touch()
    write_json(path / "config.json", config)  # last: it marks a run
    return run


def find(name: str) -> Path | None:
    """A run directory by its path or, where there is none, by the name of a packaged one; else None."""
    for path in (Path(name), PACKAGED / name):
        if (path / "config.json").is_file():
            return path
    return None


def packaged() -> list[str]:
    """Names of the run directories that come with Garrison."""
    return sorted(path.parent.name for path in PACKAGED.glob("*/config.json"))


def load(path: Path) -> RunDirectory:
    """Open a run directory. Raises ``FileNotFoundError`` if ``path`` is not one."""
    if not (path / "config.json").is_file():
        raise FileNotFoundError(f"{path} is not a run directory: it has no config.json")
    return RunDirectory(path)


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
