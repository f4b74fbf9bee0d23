"""``garrison runs``: all runs under a folder."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.box import SIMPLE_HEAD
from rich.table import Table

from garrison.cli.common import out, print_json, user_input
from garrison.runs import curves, directory
from garrison.runs.directory import RunDirectory
from garrison.training.config import Training, option_texts, read

_MARKS = {
    "config.json",
    "system.json",
    "metrics.jsonl",
}  # a folder with two of these is a (possibly incomplete) run
_NUMBERS_WIDTH = 53  # of all columns of the table but run and world, with the spaces between them
_FIELDS = (
    *("run", "path", "algorithm", "world", "options", "seed", "num_seeds", "iterations", "total_iterations"),
    *("env_steps", "return_last", "return_best", "steps_per_second", "started", "changed"),
    *("status", "problem"),
)


@dataclass(frozen=True)
class Runs:
    """List all runs under a folder, the newest last."""

    folder: tyro.conf.Positional[Path] = Path("runs")
    """Where to look, at any depth."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        with user_input():
            rows = table_rows(self.folder)
        if self.json:
            print_json(rows)
        elif rows:
            out.print(_table(rows, out.width))
            for row in rows:
                if row["problem"]:
                    out.print(
                        f"{row['run']} is {row['status']}: {row['problem']}", markup=False, soft_wrap=True
                    )
        else:
            out.print(f"There are no runs in {self.folder}.", markup=False, soft_wrap=True)
        return 0


def table_rows(folder: Path) -> list[dict[str, Any]]:
    """A row per run, JSON-ready, with the keys of ``FIELDS``; None for unknown values.

    Returns are means over seeds, smoothed over a tenth of the training; steps per second are those of all
    seeds together. No run is locked or changed. Raises ``FileNotFoundError`` for a missing folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}")
    rows = [_row(path, str(path.relative_to(folder))) for path in find(folder)]
    return sorted(rows, key=lambda row: (row["started"] or "", row["run"]))


def find(folder: Path) -> Iterator[Path]:
    """Run directories at any depth, ``folder`` itself included; links are not followed, runs not entered."""
    for path, folders, files in os.walk(folder):
        if len(_MARKS & set(files)) >= 2:
            folders.clear()
            yield Path(path)
        folders[:] = [name for name in folders if not name.startswith(".")]


def _row(path: Path, name: str) -> dict[str, Any]:
    row = dict.fromkeys(_FIELDS) | {"run": path.resolve().name if name == "." else name, "path": str(path)}
    try:
        row |= _times(path)
        run = directory.load(path)
        training = read(run)
        row |= _configuration(training)
        rows = run.metrics()
        row |= _figures(rows)
        row |= _state(run, training, rows)
    except Exception as error:  # one broken run must not hide the others
        row |= {"status": "broken", "problem": str(error) or repr(error)}
    return row


def _times(path: Path) -> dict[str, Any]:
    times = [(path / mark).stat().st_mtime for mark in sorted(_MARKS) if (path / mark).exists()]
    started = _iso(min(times))
    if (path / "system.json").exists():
        started = RunDirectory(path).system().get("time", started)
    return {"started": started, "changed": _iso(max(times))}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _configuration(training: Training) -> dict[str, Any]:
    return {
        "algorithm": training.algorithm,
        "world": training.world,
        "options": training.options,
        "vary": training.vary,
        "seed": training.seed,
        "num_seeds": training.num_seeds,
    }


def _figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    if not rows:
        return {"iterations": 0, "env_steps": 0}
    _, values = curves.per_seed(rows)
    smoothed = curves.smooth(curves.seed_mean(values))
    seconds = sum(row["seconds"] for row in rows)
    return {
        "iterations": rows[-1]["iteration"],
        "env_steps": rows[-1]["env_steps"],
        "return_last": float(smoothed[-1]) if len(smoothed) else None,
        "return_best": float(np.max(smoothed)) if len(smoothed) else None,
        "steps_per_second": values.shape[1] * rows[-1]["env_steps"] / seconds if seconds else None,
    }


def _state(run: RunDirectory, training: Training, rows: list[dict[str, Any]]) -> dict[str, Any]:
    world = training.usual_world()
    total = training.algo.num_iterations(training.settings, world)
    if rows and rows[-1]["iteration"] >= total:
        return {"total_iterations": total, "status": "complete"}
    return {"total_iterations": total, "status": "running" if run.in_training() else "stopped"}


def _table(rows: list[dict[str, Any]], width: int) -> Table:
    """The rows for a terminal of ``width`` columns; options of worlds only where their words fit."""
    texts = [option_texts(row["options"] or {}) for row in rows]
    names = max(len(row["run"]) for row in rows)
    words = max((len(word) for text in texts for word in text), default=0)
    fits = names + words + _NUMBERS_WIDTH <= width
    view = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    if not fits and words:
        view.caption = "Worlds have options: --json, or a wider terminal, shows them."
        view.caption_justify = "left"
    view.add_column("run", overflow="fold")
    view.add_column("world", overflow="fold")
    for name in ("seeds", "done", "steps", "return", "best", "steps/s", "age"):
        view.add_column(name, justify="right", no_wrap=True)
    view.add_column("status", no_wrap=True)
    for row, text in zip(rows, texts, strict=True):
        world = " ".join([row["world"] or "?", *(text if fits else ())])
        total = row["total_iterations"]
        view.add_row(
            row["run"],
            world,
            _short(row["num_seeds"]),
            f"{100 * row['iterations'] // total}%" if total else "",
            _short(row["env_steps"]),
            _short(row["return_last"]),
            _short(row["return_best"]),
            _short(row["steps_per_second"]),
            _age(row["changed"]),
            row["status"],
        )
    return view


def _short(value: float | None) -> str:
    """A number in at most five characters, plus its sign."""
    if value is None:
        return ""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.3g}{letter}"
    return str(value) if isinstance(value, int) else f"{value:.{0 if abs(value) >= 100 else 2}f}"


def _age(changed: str | None) -> str:
    if changed is None:
        return ""
    seconds = max(0.0, time.time() - datetime.fromisoformat(changed).timestamp())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
