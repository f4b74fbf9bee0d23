"""Several hosts: each runs the same command, and together they train one run.

The first host writes the run directory; the others write to temporary directories, which are deleted.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

from garrison.runs import directory
from garrison.runs.directory import RunDirectory


def join(where: str) -> None:
    """Join the other hosts, before anything is computed.

    Args:
        where: ``"auto"`` under Slurm, Open MPI and on TPUs, which describe the hosts to each process; else
            ``"ADDRESS:PORT,COUNT,INDEX"``: where the first host listens, the number of hosts, and the index
            of this one, from 0.

    Raises:
        ValueError: if ``where`` is neither.
    """
    if where == "auto":
        jax.distributed.initialize()
        return
    try:
        address, count, index = where.split(",")
        hosts = int(count), int(index)
        if not (":" in address and 0 <= hosts[1] < hosts[0]):
            raise ValueError("no port, or an index that is not in 0 .. COUNT - 1")
    except ValueError as error:
        raise ValueError(
            f"hosts is {where!r}; it must be auto or ADDRESS:PORT,COUNT,INDEX, with INDEX from 0 to COUNT - 1"
        ) from error
    jax.distributed.initialize(address, *hosts)


def check(num_envs: int, holds_environments: bool) -> None:
    """Raise ``ValueError`` for trainings that several hosts cannot share; one host can train anything."""
    if jax.process_count() == 1:
        return
    if num_envs % jax.device_count():
        raise ValueError(
            f"num_envs is {num_envs}; the {jax.device_count()} devices of all hosts must share them evenly"
        )
    if holds_environments:
        raise ValueError(
            "several hosts train together only where rollouts are whole episodes, because one host cannot "
            "save the environments of another: leave out rollout_steps, in a world with episodes of one "
            "length"
        )


def first() -> bool:
    """Whether this host is the one that writes."""
    return jax.process_index() == 0


def temporary(config: dict[str, Any]) -> RunDirectory:
    """A run directory that is deleted when this process ends."""
    path = Path(tempfile.mkdtemp(prefix="garrison-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return directory.create(path, config)


@contextmanager
def written(run: RunDirectory) -> Iterator[RunDirectory]:
    """Lock and yield the run directory that this host writes: the run's own, or a temporary one.

    Raises ``ValueError`` if another process trains the run already.
    """
    own = run if first() else temporary(run.config())
    with own.locked():
        yield own
