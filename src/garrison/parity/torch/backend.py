"""On which engine the PyTorch learner trains a run: Garrison's, or CybORG in processes."""

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
MARK = "torch.json"  # file of a run directory: it is trained by torch, and by these means


@dataclass(frozen=True)
class Means:
    """What a run of the PyTorch learner needs to know beside its training."""

    engine: str  # whose environments: one of ENGINES
    workers: int  # processes that step those of CybORG


def mark(path: Path, means: Means) -> None:
    """Put down in a run directory by what means it is trained, and which torch and CybORG those are."""
    path.mkdir(parents=True, exist_ok=True)
    cyborg = engine.about() if means.engine == "cyborg" else None
    facts = asdict(means) | {"torch": importlib.metadata.version("torch"), "cyborg": cyborg}
    write(path / MARK, json.dumps(facts, indent=2) + "\n")


def means_of(run: Run) -> Means | None:
    """The means that :func:`mark` put down; None for a run that torch does not train."""
    path = run.path / MARK
    if not path.exists():
        return None
    facts = json.loads(path.read_text(encoding="utf-8"))
    return Means(facts["engine"], facts["workers"])


@contextmanager
def opened(means: Means, world: World, count: int) -> Iterator[Lanes]:
    """So many environments, for the block.

    Raises ``ValueError`` for what CybORG does not have, where it is missing, and for too many workers.
    """
    if means.engine == "garrison":
        yield WorldLanes(world)
        return
    there = on_cyborg(world)
    engine.cyborg()  # here, where who has asked is told what is missing, and not in a worker
    with ProcessLanes(partial(LiveEnvironment, there), count, means.workers) as lanes:
        yield lanes
