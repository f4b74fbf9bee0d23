"""The simulator on which the PyTorch learner trains a run: Garrison in this process, or CybORG in others."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg.world import on_cyborg
from garrison.core.files import write
from garrison.core.world import World
from garrison.parity.torch.vector_envs import Lanes, LiveEnvironment, ProcessLanes, WorldLanes
from garrison.runs.run import Run

ENGINES = ("garrison", "cyborg")
FILE = "torch.json"  # in the directory of a run that torch trains


@dataclass(frozen=True)
class Backend:
    """Where the environments of a run live."""

    engine: str  # one of ENGINES
    workers: int  # processes that step those of CybORG


def write_backend(path: Path, backend: Backend) -> None:
    """Write a run's backend into its directory, with the versions of torch and CybORG."""
    path.mkdir(parents=True, exist_ok=True)
    cyborg = engine.about() if backend.engine == "cyborg" else None
    facts = asdict(backend) | {"torch": importlib.metadata.version("torch"), "cyborg": cyborg}
    write(path / FILE, json.dumps(facts, indent=2) + "\n")


def read_backend(run: Run) -> Backend | None:
    """The backend of a run; None for a run that torch does not train."""
    path = run.path / FILE
    if not path.exists():
        return None
    facts = json.loads(path.read_text(encoding="utf-8"))
    return Backend(facts["engine"], facts["workers"])


@contextmanager
def environments(backend: Backend, world: World, count: int) -> Iterator[Lanes]:
    """``count`` environments of a world, closed after the block.

    Raises ``ValueError`` for what CybORG does not have, where it is missing, and for too many workers.
    """
    if backend.engine == "garrison":
        yield WorldLanes(world)
        return
    there = on_cyborg(world)
    engine.cyborg()  # so that a missing CybORG is an error here and not in a worker
    with ProcessLanes(partial(LiveEnvironment, there), count, backend.workers) as lanes:
        yield lanes
