"""Many episodes in CybORG, in as many processes as one likes to spare.

What an episode gives depends on its world, player and seed alone, not on the process that plays it.
"""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from multiprocessing import connection, get_context
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.adapters.cyborg.world import CybORGWorld
from garrison.core.world import Step


class WorkerError(RuntimeError):
    """A process that played for us failed or died; the message says in which task, and why."""


def play(world: CybORGWorld, player: Any, seed: int) -> dict[str, Any]:
    """One episode of a player, from :mod:`garrison.core.policy` or the like.

    A player with a method ``episode(world, seed)`` plays by itself; it yields what :func:`_episode` does.

    Returns:
        ``returns`` and ``scores``, the sums of all rewards and of those that the official score counts;
        ``lengths``; ``parts``, sums of the reward's parts by name, ``float[phase]``; ``decisions``,
        ``int[*axes]``: see :mod:`garrison.worlds.cc4.behavior`.
    """
    behavior = world.behavior()
    decisions = np.zeros(tuple(map(len, behavior.axes.values())), np.int32)
    rewards: list[float] = []
    parts: dict[str, np.ndarray] = {}
    own = getattr(player, "episode", None)
    for step, phase in _episode(world, player, seed) if own is None else own(world, seed):
        rewards.append(float(np.mean(step.reward)))
        for name, part in step.info["reward_parts"].items():
            parts.setdefault(name, np.zeros(len(behavior.phases)))[phase] += part
        decided = step.info["decided"]
        np.add.at(decisions, tuple(place[decided] for place in step.info["places"]), 1)
    return {
        "returns": sum(rewards),
        "scores": sum(rewards[: world.score_steps]),
        "lengths": len(rewards),
        "parts": parts,
        "decisions": decisions,
    }


def _episode(world: CybORGWorld, player: Any, seed: int) -> Iterator[tuple[Step, int]]:
    """Each step of an episode, and the phase that it is in."""
    begin_key, act_key = jax.random.split(jax.random.key(seed))
    memory = player.init(begin_key, world.num_agents)
    obs, state = world.reset(seed)
    for t in count():
        read = obs[:, : getattr(player, "observation_size", None)]
        actions, memory = _act(player, act_key, t, read, world.legal(state), memory)
        obs, state, step = world.step(None, state, np.asarray(actions))
        yield step, state.phase
        if state.done:
            return


def _act(player: Any, key: jax.Array, t: int, obs: np.ndarray, mask: np.ndarray, memory: Any) -> Any:
    return _compiled(player, jax.random.fold_in(key, jnp.uint32(t)), obs, mask, memory)


@eqx.filter_jit
def _compiled(player: Any, key: jax.Array, obs: jax.Array, mask: jax.Array, memory: Any) -> Any:
    """Compiled once for all players of one structure."""
    return player.act(key, obs, mask, memory)


# ---------------------------------------------------------------- processes


def run(
    function: Callable[..., Any],
    tasks: Sequence[tuple[Any, ...]],
    workers: int = 1,
    watch: Callable[[int], None] = lambda done: None,
) -> list[Any]:
    """``[function(*task) for task in tasks]``, computed by ``workers`` processes that use JAX on the CPU.

    Args:
        function: importable by its name; it, its arguments and its results are pickled.
        watch: told, after each task, how many are done.

    Raises:
        ValueError: for fewer than one worker.
        WorkerError: when a task fails, or the process that does it dies. All others are ended.
    """
    results: list[Any] = [None] * len(tasks)
    for done, (number, result) in enumerate(finished(function, tasks, workers), start=1):
        results[number] = result
        watch(done)
    return results


def finished(
    function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], workers: int = 1
) -> Iterator[tuple[int, Any]]:
    """As :func:`run`, but gives each task's number and result as soon as it is there."""
    if workers < 1:
        raise ValueError(f"workers is {workers}; it must be at least 1")
    waiting, done = iter(range(len(tasks))), 0
    with crew(function, min(workers, len(tasks))) as mates:
        doing = {mate: _give(mate, tasks, waiting) for mate in mates}
        while done < len(tasks):
            for mate in connection.wait([mate for mate, task in doing.items() if task is not None]):
                number = doing[mate]
                answer = answer_of(mate, number)
                doing[mate] = _give(mate, tasks, waiting)
                done += 1
                yield number, answer


def _give(mate: Any, tasks: Sequence[tuple[Any, ...]], waiting: Iterator[int]) -> int | None:
    """Give a worker its next task, and return its number; None if there is none."""
    number = next(waiting, None)
    if number is not None:
        with suppress(ConnectionError):  # it died; the answer will tell
            mate.send(tasks[number])
    return number


def answer_of(mate: Any, number: int) -> Any:
    """What a worker of :func:`crew` made of task ``number``; ``WorkerError`` if it failed or died."""
    try:
        good, answer = mate.recv()
    except (EOFError, ConnectionError) as error:
        raise WorkerError(
            f"the process that did task {number} died without a word; it may have been killed for its "
            "memory: try fewer workers"
        ) from error
    if not good:
        raise WorkerError(f"task {number} failed:\n{answer}")
    return answer


@contextmanager
def crew(function: Callable[..., Any], size: int) -> Iterator[list[Any]]:
    """Processes that serve tasks, as our ends of their pipes; they are gone after the block."""
    context = get_context("spawn")
    ours, processes = [], []
    try:
        with _deaf():
            for _ in range(size):
                here, there = context.Pipe()
                process = context.Process(target=_serve, args=(there, function), daemon=True)
                process.start()
                there.close()  # so that our end tells when the process is gone
                ours.append(here)
                processes.append(process)
        yield ours
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that are started in the block ignore Ctrl-C: it is ours to end them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(theirs: Any, function: Callable[..., Any]) -> None:
    jax.config.update("jax_platforms", "cpu")
    while True:
        try:
            task = theirs.recv()
        except EOFError:
            return
        try:
            answer = True, function(*task)
        except Exception as error:  # whatever it is, the other side tells
            answer = False, "".join(traceback.format_exception(error))
        theirs.send(answer)
