"""Implementations that train the seeds of a run: JAX, or another one by name.

A learner is a module or object with the members of :class:`Learner`. A run's configuration names it, so that
resuming uses the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import jax

from garrison.core.plugins import Plugins
from garrison.core.world import World
from garrison.training import seeds
from garrison.training.config import Training

_LEARNERS = Plugins(
    "learner",
    "garrison.learners",
    {"jax": "garrison.training.learner:JAX", "torch-ippo": "garrison.parity.torch.learner"},
)

get = _LEARNERS.get
names = _LEARNERS.names

#: Runs one iteration. The second argument is called with the fraction of the iteration that is done (0–1).
Iteration = Callable[[Any, Callable[[float], None]], tuple[Any, dict[str, Any]]]


@dataclass(frozen=True)
class Session:
    """A learner with everything it needs to train one run."""

    #: The first train states, stacked: leaves [seed, ...].
    init: Callable[[], Any]
    #: Compiles an iteration of such states.
    prepare: Callable[[Any], Iteration]


class Learner(Protocol):
    """What a learner offers."""

    def check(self, training: Training, world: World) -> None:
        """Raise ``ValueError`` for what it cannot train, before anything is created."""

    def facts(self, training: Training) -> dict[str, Any]:
        """Versions of what it trains with, for system.json."""
        ...

    def opened(self, training: Training, world: World) -> AbstractContextManager[Session]:
        """Hold what training needs, such as processes, for a block."""
        ...


class _Jax:
    def check(self, training: Training, world: World) -> None:
        if training.learner_options:
            raise ValueError(
                f"the JAX learner has no options; learner_options are {training.learner_options}"
            )

    def facts(self, training: Training) -> dict[str, Any]:
        return {}

    @contextmanager
    def opened(self, training: Training, world: World) -> Iterator[Session]:
        yield Session(partial(seeds.init, training, world), partial(_prepare, training, world))


def compiled(training: Training, world: World, states: Any) -> Callable[[Any], tuple[Any, dict[str, Any]]]:
    """One iteration of all seeds, compiled ahead of time so that the first takes no longer than others."""
    step = jax.jit(
        partial(seeds.iteration, training.algo), static_argnames="parallel", donate_argnames="states"
    )
    parallel = seeds.parallel(training, world)
    program = step.lower(training.settings, world, states, parallel=parallel).compile()
    return partial(program, training.settings, world)


def _prepare(training: Training, world: World, states: Any) -> Iteration:
    step = compiled(training, world, states)
    return lambda states, on_fraction: step(states)


JAX = _Jax()
