"""Metrics logged to TensorBoard and Weights & Biases, in addition to ``metrics.jsonl``.

    with opened(("tensorboard",), run, done=0) as sinks:
        sinks.log(row)  # a row of metrics.jsonl

Curves are drawn over environment steps. The mean over seeds keeps the metric's name, so that runs of one
seed and of several share a chart; each of several seeds also has a curve of its own, such as ``return/seed0``
(its index).
"""

from __future__ import annotations

import logging
import math
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeGuard

from garrison.core import extras
from garrison.core.files import to_json, write
from garrison.runs.directory import RunDirectory

WANDB_ID = "wandb-id"  # file of a run directory


class Sink(Protocol):
    """Opened as ``Sink(run_path, config, env_steps)``: the steps that a resumed run has completed, else 0."""

    def log(self, row: dict[str, Any]) -> None:
        """Log a row of ``metrics.jsonl``."""

    def close(self) -> None:
        """Flush and close."""


def scalars(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a row by tag; a metric is a list with a number or None per seed."""
    found = {}
    for name, value in row.items():
        seeds = {f"{name}/seed{index}": x for index, x in enumerate(value)} if isinstance(value, list) else {}
        numbers = {tag: float(x) for tag, x in seeds.items() if _is_number(x)}
        if numbers:
            found[name] = sum(numbers.values()) / len(numbers)
        if len(seeds) > 1:
            found |= numbers
        if _is_number(value):
            found[name] = float(value)
    return found


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)


class TensorBoard:
    """Event files in ``tensorboard/`` of the run directory."""

    def __init__(self, run_path: Path, config: dict[str, Any], env_steps: int):
        # Not SummaryWriter: on a full disk its writing thread ends, and logging then blocks forever.
        from tensorboardX import summary
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto import event_pb2

        self._summary, self._proto = summary, event_pb2
        folder = run_path / "tensorboard"
        folder.mkdir(exist_ok=True)
        # TensorBoard reads files in the order of their names, which otherwise hold only seconds.
        self._file = EventsWriter(str(folder / "events"), filename_suffix=f".{time.time_ns()}")
        if env_steps == 0:
            text = f"```json\n{to_json(config)}\n```"
            self._write(0, summary=self._summary.text("config", text))
        else:
            # TensorBoard drops what it has from this step on: an earlier process went beyond its checkpoint.
            session = self._proto.SessionLog(status=self._proto.SessionLog.START)
            self._write(env_steps + 1, session_log=session)
        self._file.flush()

    def log(self, row: dict[str, Any]) -> None:
        for tag, value in scalars(row).items():
            self._write(row["env_steps"], summary=self._summary.scalar(tag, value))
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _write(self, step: int, **what: Any) -> None:
        self._file.write_event(self._proto.Event(wall_time=time.time(), step=step, **what))


class WeightsAndBiases:
    """A W&B run in ``wandb/`` of the run directory. Its id is kept there, so that resuming continues it.

    Offline unless ``WANDB_MODE=online`` is set; ``wandb sync`` uploads it later.
    """

    def __init__(self, run_path: Path, config: dict[str, Any], env_steps: int):
        import wandb

        identity = run_path / WANDB_ID
        if not identity.exists():
            write(identity, secrets.token_hex(8))
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "garrison"),
            name=run_path.name,
            id=identity.read_text(encoding="utf-8"),
            resume="allow",
            dir=str(run_path),
            config=config,
            mode=os.environ.get("WANDB_MODE", "offline"),
            settings=wandb.Settings(console="off", quiet=True),  # a progress bar is no log
        )
        # W&B's own step never goes back; a resumed run's does, to its checkpoint.
        self._run.define_metric("*", step_metric="env_steps")

    def log(self, row: dict[str, Any]) -> None:
        self._run.log(scalars(row))

    def close(self) -> None:
        self._run.finish()


#: By name, which is also that of the extra with the package.
SINKS: dict[str, Callable[[Path, dict[str, Any], int], Sink]] = {
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
}


class Sinks:
    """Several sinks as one. A sink that fails is named in a warning and closed."""

    def __init__(self) -> None:
        self._open: dict[str, Sink] = {}

    def add(self, name: str, sink: Sink) -> None:
        self._open[name] = sink

    def log(self, row: dict[str, Any]) -> None:
        """Log a row of ``metrics.jsonl`` to all."""
        for name in list(self._open):
            self._attempt(name, lambda sink: sink.log(row))

    def close(self) -> None:
        for name in list(self._open):
            self._attempt(name, lambda sink: sink.close())
            self._open.pop(name, None)

    def _attempt(self, name: str, action: Any) -> None:
        try:
            action(self._open[name])
        except Exception as error:  # training goes on without it
            del self._open[name]
            logging.getLogger(__name__).warning(
                "sink %r failed and gets no more metrics (metrics.jsonl has all of them): %r",
                name,
                error,
            )

    def __enter__(self) -> Sinks:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def check(names: Sequence[str]) -> None:
    """Raise ``ValueError`` for an unknown sink, and for one whose package is not installed."""
    for name in names:
        if name not in SINKS:
            raise ValueError(f"no sink {name!r}; sinks: {', '.join(SINKS)}")
        try:
            extras.require(name)
        except ValueError as error:
            raise ValueError(f"sink {name!r}: {error}") from error


def opened(names: Sequence[str], run: RunDirectory, done: int) -> Sinks:
    """Open the sinks with these names, for a run that has completed ``done`` iterations.

    Raises ``ValueError`` as :func:`check` does, and for a sink that does not open.
    """
    check(names)
    env_steps = run.metrics()[-1]["env_steps"] if done and names else 0
    sinks = Sinks()
    for name in dict.fromkeys(names):
        try:
            sinks.add(name, SINKS[name](run.path, run.config(), env_steps))
        except Exception as error:
            sinks.close()
            raise ValueError(f"sink {name!r} does not open: {error}") from error
    return sinks
