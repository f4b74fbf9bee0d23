"""Several hosts: each runs the same command, and all of them train one run.

The host that is first writes the run directory; what the others write goes to temporary ones and is lost.
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

from garrison.runs import run as runs
from garrison.runs.run import Run


def join(where: str) -> None:
    """Join the other hosts, before anything is computed.

    Args:
        where: ``"auto"`` under Slurm, Open MPI and on TPUs, which tell each process what it has to know;
            else ``"ADDRESS:PORT,COUNT,INDEX"``: where the first host listens, how many there are, and which
            one this is, from 0 on.

    Raises:
        ValueError: if ``where`` is neither.
    """
    if where == "auto":
        jax.distributed.initialize()
        return
    try:
        address, count, index = where.split(",")
        hosts = int(count), int(index)
    except ValueError as error:
        raise ValueError(f"hosts is {where!r}; it must be auto or ADDRESS:PORT,COUNT,INDEX") from error
    jax.distributed.initialize(address, *hosts)


def check(lanes: int, whole_episodes: bool) -> None:
    """Raise ``ValueError`` for what several hosts cannot train together; one host can train anything."""
    if jax.process_count() == 1:
        return
    if lanes % jax.device_count():
        raise ValueError(
            f"lanes is {lanes}; the {jax.device_count()} devices of all hosts must share them evenly"
        )
    if not whole_episodes:
        raise ValueError(
            "several hosts train together only where rollouts are whole episodes, as one cannot save the "
            "environments of another: leave out rollout_steps, in a world whose episodes have one length"
        )


def first() -> bool:
    """Whether this host is the one that writes."""
    return jax.process_index() == 0


def temporary(config: dict[str, Any]) -> Run:
    """A run directory that goes when this process ends."""
    path = Path(tempfile.mkdtemp(prefix="garrison-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return runs.create(path, config)


@contextmanager
def written(run: Run) -> Iterator[Run]:
    """Within the block, the run directory that this host alone writes: the run's own, or a temporary one.

    Raises ``ValueError`` if another process trains the run already.
    """
    own = run if first() else temporary(run.config())
    with own.locked():
        yield own
