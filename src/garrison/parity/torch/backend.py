"""The environments of the PyTorch learner: Garrison's, or CybORG's in processes."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg.world import on_cyborg
from garrison.core.world import World
from garrison.parity.torch.vector_envs import LiveEnvironment, ProcessEnvs, VectorEnvs, WorldEnvs
from garrison.training.config import Training

_ENGINES = ("garrison", "cyborg")


@dataclass(frozen=True)
class Backend:
    """Options of the PyTorch learner."""

    engine: str  # one of _ENGINES
    workers: int  # processes that step those of CybORG


def backend_of(training: Training) -> Backend:
    """The learner's options in a configuration. Raises ``ValueError`` if they are wrong."""
    options = training.learner_options
    if options.keys() != {"engine", "workers"}:
        raise ValueError(f"learner_options are {options}, expected engine and workers")
    if options["engine"] not in _ENGINES:
        raise ValueError(f"engine is {options['engine']!r}; engines: {', '.join(_ENGINES)}")
    if not isinstance(options["workers"], int) or options["workers"] < 1:
        raise ValueError(f"workers is {options['workers']!r}; it must be at least 1")
    return Backend(**options)


def facts(backend: Backend) -> dict[str, Any]:
    """Versions of torch and CybORG, JSON-ready."""
    cyborg = engine.about() if backend.engine == "cyborg" else None
    return {"torch": importlib.metadata.version("torch"), "cyborg": cyborg}


@contextmanager
def environments(backend: Backend, world: World, count: int) -> Iterator[VectorEnvs]:
    """``count`` environments of a world, closed after the block.

    Raises ``ValueError`` for what CybORG does not have, where it is missing, and for too many workers.
    """
    if backend.engine == "garrison":
        yield WorldEnvs(world)
        return
    there = on_cyborg(world)
    engine.cyborg()  # so that a missing CybORG is an error here and not in a worker
    with ProcessEnvs(partial(LiveEnvironment, there), count, backend.workers) as envs:
        yield envs
