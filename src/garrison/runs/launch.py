"""Launch worker processes locally or on a Ray cluster, with a concurrency limit."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from garrison.core import extras
from garrison.runs.signals import interruptible

Task = TypeVar("Task")

POLL = 0.5  # seconds between looks at what runs
_PATIENCE = 10.0  # seconds that a Ray worker has to end a process
SHOWN = 12  # lines of a log that are shown with an error


class Job(Protocol):
    """A launched process."""

    def poll(self) -> int | None:
        """The exit status; None while it runs."""
        ...

    def interrupt(self) -> None:
        """Interrupt it, as Ctrl-C does."""

    def kill(self) -> None:
        """End it."""


#: Runs this Python with these arguments and appends its output to the file.
Launch = Callable[[Sequence[str], Path], Job]


class Local:
    """A process on this machine, in a session of its own: the terminal's Ctrl-C does not reach it."""

    def __init__(self, arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None):
        # Ray blocks SIGINT in its workers, and a process inherits that.
        blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        try:
            with log.open("ab") as file:
                self._process = subprocess.Popen(
                    [sys.executable, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env=environment,
                )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def poll(self) -> int | None:
        return self._process.poll()

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def _remote(arguments: Sequence[str], log: Path) -> int:
    """Run a process in a Ray worker; when cancelled, interrupt it and wait for it."""
    job = Local(arguments, log)
    while True:
        try:
            while (code := job.poll()) is None:
                time.sleep(POLL)  # Ray's interrupt reaches Python code alone, not a system call that waits
            return code
        except KeyboardInterrupt:
            job.interrupt()


class Ray:
    """Launches on the Ray cluster at ``RAY_ADDRESS``, else on a new one on this machine.

    All nodes must see the same files. Where the cluster has GPUs, each process gets one. Raises
    ``ValueError`` with the remedy if Ray is not installed.
    """

    def __init__(self) -> None:
        extras.require("ray")
        import ray

        self._ray = ray
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no usage statistics are sent
        ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.WARNING)
        gpus = 1 if ray.cluster_resources().get("GPU") else 0
        self._task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0)(_remote)

    def __call__(self, arguments: Sequence[str], log: Path) -> Job:
        return _RayJob(self._ray, self._task.remote(list(arguments), log.resolve()), log)

    def slots(self) -> int:
        """Number of processes that the cluster runs at the same time."""
        resources = self._ray.cluster_resources()
        return max(1, int(resources.get("GPU") or resources.get("CPU", 1)))

    def close(self) -> None:
        self._ray.shutdown()


class _RayJob:
    def __init__(self, ray: Any, reference: Any, log: Path):
        self._ray, self._reference, self._log = ray, reference, log

    def poll(self) -> int | None:
        if not self._ray.wait([self._reference], timeout=0)[0]:
            return None
        try:
            return self._ray.get(self._reference)
        except self._ray.exceptions.TaskCancelledError:
            return -signal.SIGINT
        except self._ray.exceptions.RayError as error:  # a node was lost, say
            with self._log.open("a", encoding="utf-8") as file:
                file.write(f"{error}\n")
            return 1

    def interrupt(self) -> None:
        self._ray.cancel(self._reference)

    def kill(self) -> None:
        self._ray.cancel(self._reference)  # a killed worker could not stop its process
        self._ray.wait([self._reference], timeout=_PATIENCE)


@contextmanager
def launcher(ray: bool, jobs: int | None) -> Iterator[tuple[Launch, int]]:
    """A function that starts processes, and the number to run at the same time."""
    if ray:
        cluster = Ray()
        try:
            yield cluster, jobs or cluster.slots()
        finally:
            cluster.close()
        return
    jobs = jobs or 1
    # JAX takes three quarters of an accelerator's memory unless limited.
    share = {"XLA_PYTHON_CLIENT_MEM_FRACTION": f"{0.9 / jobs:.2f}"} if jobs > 1 else {}
    yield partial(Local, environment={**share, **os.environ}), jobs


def work(
    tasks: Sequence[Task],
    jobs: int,
    start: Callable[[Task], Job],
    ended: Callable[[Task, int], None],
    look: Callable[[Sequence[Task]], None],
) -> bool:
    """Run all tasks, at most ``jobs`` at the same time; False if they were interrupted.

    The first Ctrl-C (or SIGTERM) interrupts the running processes and waits for them; a second one kills them
    and raises ``KeyboardInterrupt``.

    Args:
        start: starts a task.
        ended: called with each task that ended and its exit status.
        look: called about twice a second with the running tasks.
    """
    waiting: deque[Task] = deque(tasks)
    running: list[tuple[Task, Job]] = []
    asked = False
    with interruptible() as interrupted:
        try:
            while running or (waiting and not asked):
                while waiting and len(running) < jobs and not interrupted():
                    running.append((waiting[0], start(waiting.popleft())))
                if interrupted() and not asked:
                    asked = True
                    for _, job in running:
                        job.interrupt()
                for task, job in list(running):
                    if (status := job.poll()) is not None:
                        running.remove((task, job))
                        ended(task, status)
                look([task for task, _ in running])
                time.sleep(POLL)
        finally:
            for _, job in running:
                job.kill()
    return not asked


def last_lines(log: Path) -> str:
    """The last lines that a process printed, which describe its error."""
    if not log.exists():
        return ""
    lines = [line.rstrip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return "\n".join([line for line in lines if line][-SHOWN:])
