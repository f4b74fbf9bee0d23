"""``garrison train PRESET`` and ``garrison resume RUN``."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from garrison.cli import progress
from garrison.cli.common import INTERRUPTED, log, print_cyborg_version, user_input
from garrison.cli.flags import PresetFlags
from garrison.runs import hosts
from garrison.training import run as runs
from garrison.training import start
from garrison.training.run import Run
from garrison.training.train import Diverged, create, extend, train


@dataclass(frozen=True)
class Train:
    """Train policies by a preset, any field of which can be changed."""

    preset: PresetFlags
    out: Path | None = None
    """Run directory; by default a new one under runs/."""
    start_from: Annotated[str | None, tyro.conf.arg(name="from", metavar="RUN[:SEED]")] = None
    """Start from the networks of another run (seeds are counted from 0); the optimizer is fresh."""
    hosts: str | None = None
    """Train on several hosts: auto under Slurm, Open MPI and on TPUs, else ADDRESS:PORT,COUNT,INDEX."""

    def run(self) -> int:
        with user_input():
            if self.hosts is not None:
                hosts.join(self.hosts)
            training = self.preset.training()
            if self.start_from is not None:
                training = dataclasses.replace(training, start_from=start.from_run(self.start_from))
            run = create(training, self.out)
        return report(run, trained(run))


@dataclass(frozen=True)
class Resume:
    """Continue a run that was stopped or killed, bit by bit as if it had not been."""

    path: tyro.conf.Positional[Path]
    """Run directory."""
    total_steps: int | None = None
    """Train until this many environment steps, also if the run is finished."""
    hosts: str | None = None
    """Train on several hosts: auto under Slurm, Open MPI and on TPUs, else ADDRESS:PORT,COUNT,INDEX."""

    def run(self) -> int:
        with user_input():
            if self.hosts is not None:
                hosts.join(self.hosts)
            run = runs.load(self.path)
            if self.total_steps is not None:
                run = extend(run, self.total_steps)
        return report(run, trained(run))


def trained(run: Run) -> bool:
    """Train a run with a progress bar; returns whether it is finished.

    Raises ``SystemExit`` with a message where training fails.
    """
    if run.training.learner_options.get("engine") == "cyborg":
        print_cyborg_version()
    with user_input(), _exit_with_checkpoint_hint(run), progress.training() as on_progress:
        return train(run, on_progress)


def report(run: Run, finished: bool) -> int:
    """Print where the run is and the next command; returns the exit status."""
    if not finished:
        log.print(
            f"Stopped after iteration {run.iterations_done} of {run.iterations}; the checkpoint is saved."
        )
    path = shlex.quote(str(run.path))
    command = (
        f"evaluate it with: garrison eval {path}" if finished else f"resume with: garrison resume {path}"
    )
    log.print(f"The run is in {run.path}; {command}", soft_wrap=True, markup=False, highlight=False)
    return 0 if finished else INTERRUPTED


@contextlib.contextmanager
def _exit_with_checkpoint_hint(run: Run) -> Iterator[None]:
    """Exit on error and report the last saved checkpoint."""
    try:
        yield
    except (Diverged, OSError) as error:
        notes = getattr(error, "__notes__", [])
        resume = f"; resume with: garrison resume {shlex.quote(str(run.path))}" if run.checkpoints() else ""
        raise SystemExit("\n".join([f"garrison: {error}", *notes]) + resume) from error
