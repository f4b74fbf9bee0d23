"""The learner ``torch-ippo`` of :mod:`garrison.training.learner`. Imports torch only to train."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from garrison.core import extras
from garrison.core.world import World
from garrison.training.config import Training
from garrison.training.learner import Session


def check(training: Training, world: World) -> None:
    """Raise ``ValueError`` for what the learner cannot train, and where torch or CybORG is missing."""
    extras.require("parity")
    from garrison.adapters.cyborg import engine
    from garrison.adapters.cyborg.world import on_cyborg
    from garrison.parity.torch import train
    from garrison.parity.torch.backend import backend_of

    backend = backend_of(training)
    train.check(training, world)
    if backend.engine == "cyborg":
        on_cyborg(world)
        engine.cyborg()


def facts(training: Training) -> dict[str, Any]:
    """Versions of torch and CybORG, JSON-ready."""
    from garrison.parity.torch import backend

    return backend.facts(backend.backend_of(training))


@contextmanager
def opened(training: Training, world: World) -> Iterator[Session]:
    """The learner with its environments, for the block."""
    check(training, world)
    from garrison.parity.torch import train
    from garrison.parity.torch.backend import backend_of, environments

    with environments(backend_of(training), world, training.settings.num_envs) as lanes:
        yield Session(
            partial(train.init, training, world),
            lambda states: partial(train.iteration, training, world, lanes),
        )
