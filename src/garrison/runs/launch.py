"""Processes of this Python, on this machine or on a Ray cluster, so many at a time."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from garrison.core import extras
from garrison.runs.signals import interruptible

Task = TypeVar("Task")

POLL = 0.5  # seconds between looks at what runs
PATIENCE = 10.0  # seconds that a Ray worker has to end a process
SHOWN = 12  # lines of a log that tell an error


class Job(Protocol):
    """A process that was launched."""

    def poll(self) -> int | None:
        """The exit status; None while it runs."""

    def interrupt(self) -> None:
        """Ask it to end, as Ctrl-C does."""

    def kill(self) -> None:
        """End it."""


#: Runs this Python with these arguments; what it prints is appended to the file.
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
    """What a Ray worker does; being cancelled, it asks the process to end and waits for it."""
    job = Local(arguments, log)
    while True:
        try:
            while job.poll() is None:
                time.sleep(POLL)  # Ray's interrupt reaches Python code alone, not a system call that waits
            return job.poll()
        except KeyboardInterrupt:
            job.interrupt()


class Ray:
    """Launches on a Ray cluster: that of ``RAY_ADDRESS``, else one that is started on this machine.

    All nodes must see the same files. Where the cluster has GPUs, each process has one. Raises ``ValueError``
    with the remedy if Ray is not installed.
    """

    def __init__(self) -> None:
        extras.require("ray")
        import ray

        self._ray = ray
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere unasked
        ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.WARNING)
        gpus = 1 if ray.cluster_resources().get("GPU") else 0
        self._task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0)(_remote)

    def __call__(self, arguments: Sequence[str], log: Path) -> Job:
        return _RayJob(self._ray, self._task.remote(list(arguments), log.resolve()), log)

    def slots(self) -> int:
        """How many processes the cluster runs at a time."""
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
        self._ray.cancel(self._reference)  # a worker that is killed could not stop what it has started
        self._ray.wait([self._reference], timeout=PATIENCE)


def work(
    tasks: Sequence[Task],
    jobs: int,
    start: Callable[[Task], Job],
    ended: Callable[[Task, int], None],
    look: Callable[[Sequence[Task]], None],
) -> bool:
    """Start all tasks, at most ``jobs`` at a time, and tell how each ended; False if they were interrupted.

    The first Ctrl-C (or SIGTERM) asks those that run to end, and waits for that; a second one kills them and
    raises ``KeyboardInterrupt``. ``look`` is told every now and then what runs.
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
    """The end of what a process printed: what it says of its error."""
    if not log.exists():
        return ""
    lines = [line.rstrip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return "\n".join([line for line in lines if line][-SHOWN:])
