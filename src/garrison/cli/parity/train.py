"""``garrison parity train``: the same training by an independent implementation, on either engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from garrison.cli.common import print_cyborg_version, user_input
from garrison.cli.train import Learner, Preset, report, train
from garrison.core import extras
from garrison.core.world import World
from garrison.presets import Training
from garrison.runs import run as runs
from garrison.train import seeds

if TYPE_CHECKING:
    from garrison.parity.torch.backend import Backend


@dataclass(frozen=True)
class ParityTrain:
    """Train teams by a preset with IPPO in PyTorch, which shares no code with Garrison's.

    The run directory is as `garrison train` leaves it: resume, runs, eval and report take it.
    """

    preset: Preset
    engine: Literal["garrison", "cyborg"] = "garrison"
    """Whose environments: Garrison's, stepped in this process, or CybORG's, in processes of their own."""
    workers: int = 2
    """Processes that step CybORG's environments."""
    out: Path | None = None
    """Run directory; by default a new one under runs/."""

    def run(self) -> int:
        from garrison.parity.torch.backend import Backend, write_backend

        backend = Backend(self.engine, self.workers)
        training = replace(self.preset, at_once=1)  # torch trains teams one after the other
        path = self.out or runs.default_path(f"{training.world}-torch-{self.engine}")
        with user_input():
            world = seeds.world_of(training)
        with torch_learner(backend, training, world) as learner:
            if not (path / "config.json").exists():
                write_backend(
                    path, backend
                )  # before the configuration: resume must never take it for a run of JAX
            run = runs.create(path, training.to_json())
            return report(run, train(training, world, run, learner)[1])


@contextmanager
def torch_learner(backend: Backend, training: Training, world: World) -> Iterator[Learner]:
    """The PyTorch learner with its environments, for the block.

    Raises:
        SystemExit: with a message, for what it cannot train, and where torch or CybORG is missing.
    """
    with user_input():
        extras.require("parity")
        from garrison.parity.torch import train
        from garrison.parity.torch.backend import environments

        train.check(training, world)
        with environments(backend, world, training.ippo.lanes) as lanes:
            if backend.engine == "cyborg":
                print_cyborg_version()
            yield Learner(
                train.init,
                lambda training, world, states: partial(train.iteration, training, world, lanes),
            )
