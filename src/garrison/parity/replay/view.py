"""Episodes that CybORG played and recorded, as they can be looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from garrison.parity.recording import trace
from garrison.parity.replay.replay import engine, replay
from garrison.view.record import Recorder
from garrison.view.replay import Replay


def recorded(path: Path) -> Replay:
    """The replay of a recording: Garrison does the same steps with the recorded chance.

    Raises:
        ValueError: for a file that is not a whole recording, or a step in which Garrison differs.
    """
    recording = trace.read(path)
    header = recording.header
    use = engine(header["red"], header.get("green", "enterprise"), header.get("options", {}))
    watcher = _Watcher(use.world)
    report = replay(recording, use, watcher=watcher)
    if not report.exact:
        first = report.differences[0]
        raise ValueError(f"{path} differs in {first.place} at {first.path}; garrison parity replay says more")
    recorder = watcher.recorder
    about = recorder.header(f"CybORG's {header['blue']}", against=header["red"], seed=None)
    total = sum(tick.get("reward", 0.0) for tick in recorder.ticks)
    end = {"end": True, "steps": report.steps, "return": round(total, 6)}
    return Replay(about, tuple(recorder.ticks), end)


class _Watcher:
    """Makes the lines of a replay while a recording is replayed."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self.recorder: Any = None

    def start(self, episode: Any) -> None:
        self.recorder = Recorder(self._world, episode)

    def add(self, before: Any, actions: np.ndarray, after: Any, step: Any) -> None:
        self.recorder.add(before, actions, after, step)
