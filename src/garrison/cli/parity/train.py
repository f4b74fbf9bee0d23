"""``garrison parity train``: the same training by an independent implementation, on either engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from garrison.cli.common import user_input
from garrison.cli.parity.record import say_which
from garrison.cli.train import Learner, Preset, report, train
from garrison.core import extras
from garrison.core.world import World
from garrison.presets import Training
from garrison.runs import run as runs
from garrison.training import seeds

if TYPE_CHECKING:
    from garrison.parity.torch.backend import Means


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
        from garrison.parity.torch.backend import Means, mark

        means = Means(self.engine, self.workers)
        training = replace(self.preset, at_once=1)  # torch trains teams one after the other
        path = self.out or runs.default_path(f"{training.world}-torch-{self.engine}")
        with user_input():
            world = seeds.world_of(training)
        with torch_learner(means, training, world) as learner:
            if not (path / "config.json").exists():
                mark(path, means)  # first, so that whoever resumes the run never takes it for one of JAX
            run = runs.create(path, training.to_json())
            return report(run, train(training, world, run, learner)[1])


@contextmanager
def torch_learner(means: Means, training: Training, world: World) -> Iterator[Learner]:
    """The PyTorch learner with its environments, for the block.

    Raises:
        SystemExit: with a message, for what it cannot train, and where torch or CybORG is missing.
    """
    with user_input():
        extras.require("parity")
        from garrison.parity.torch import train
        from garrison.parity.torch.backend import opened

        train.check(training, world)
        with opened(means, world, training.ippo.lanes) as lanes:
            if means.engine == "cyborg":
                say_which()
            yield Learner(
                train.init,
                lambda training, world, states: partial(train.iteration, training, world, lanes),
            )
