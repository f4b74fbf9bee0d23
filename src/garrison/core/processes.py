"""Worker processes: the same function on many tasks, several at a time."""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context
from typing import Any

import jax

Task = tuple[Any, ...]


class WorkerError(RuntimeError):
    """A worker process failed or exited; the message names the task and the reason."""


def run(
    function: Callable[..., Any],
    tasks: Sequence[Task],
    workers: int = 1,
    watch: Callable[[int], None] = lambda done: None,
) -> list[Any]:
    """``[function(*task) for task in tasks]``, computed by ``workers`` processes that use JAX on the CPU.

    Args:
        function: importable by its name; it, its arguments and its results are pickled.
        watch: receives, after each task, the number of completed ones.

    Raises:
        ValueError: for fewer than one worker.
        WorkerError: when a task fails, or its process exits. All others are ended.
    """
    results: list[Any] = [None] * len(tasks)
    for done, (number, result) in enumerate(finished(function, tasks, workers), start=1):
        results[number] = result
        watch(done)
    return results


def finished(
    function: Callable[..., Any],
    tasks: Sequence[Task],
    workers: int = 1,
    follow_up: Callable[[int, Any], Task | None] = lambda number, result: None,
    begin: Callable[[], None] | None = None,
) -> Iterator[tuple[int, Any]]:
    """As :func:`run`, but yields each task's number and result as soon as it is complete.

    Args:
        follow_up: gives the next task of a number from its result, or None after the last one.
        begin: called in each worker before its first task; importable by its name.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}; it must be at least 1")
    waiting = iter(enumerate(tasks))
    with worker_pool(function, min(workers, len(tasks)), begin) as pool:
        assigned = {worker: _assign(worker, next(waiting, None)) for worker in pool}
        while busy := {worker: number for worker, number in assigned.items() if number is not None}:
            for worker in connection.wait(list(busy)):
                number = busy[worker]
                result = answer_of(worker, number)
                following = follow_up(number, result)
                task = next(waiting, None) if following is None else (number, following)
                assigned[worker] = _assign(worker, task)
                yield number, result


def _assign(worker: Any, task: tuple[int, Task] | None) -> int | None:
    """Send a worker its next task and return the task's number; None if there is none."""
    if task is None:
        return None
    with suppress(ConnectionError):  # it exited; receiving its answer raises the error
        worker.send(task[1])
    return task[0]


def answer_of(worker: Any, number: int) -> Any:
    """The result of task ``number`` from a worker of :func:`worker_pool`.

    Raises ``WorkerError`` if the task failed or the worker exited.
    """
    try:
        succeeded, answer = worker.recv()
    except (EOFError, ConnectionError) as error:
        raise WorkerError(
            f"worker running task {number} exited unexpectedly (possibly out of memory: try fewer workers)"
        ) from error
    if not succeeded:
        raise WorkerError(f"task {number} failed:\n{answer}")
    return answer


@contextmanager
def worker_pool(
    function: Callable[..., Any], size: int, begin: Callable[[], None] | None = None
) -> Iterator[list[Any]]:
    """Processes that call ``function`` on what is sent to them; yields this side's ends of their pipes.

    They are terminated after the block.
    """
    context = get_context("spawn")
    workers, processes = [], []
    try:
        with _ignore_sigint():
            for _ in range(size):
                here, there = context.Pipe()
                process = context.Process(target=_serve, args=(there, function, begin), daemon=True)
                process.start()
                there.close()  # so that our end reports when the process is gone
                workers.append(here)
                processes.append(process)
        yield workers
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


@contextmanager
def _ignore_sigint() -> Iterator[None]:
    """Processes started in the block ignore SIGINT; the parent terminates them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: Any, function: Callable[..., Any], begin: Callable[[], None] | None) -> None:
    jax.config.update("jax_platforms", "cpu")
    if begin is not None:
        begin()
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            answer = True, function(*task)
        except Exception as error:  # of whatever kind: the parent raises it
            answer = False, "".join(traceback.format_exception(error))
        pipe.send(answer)
