"""The loop around a compiled training step."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import jax

State = TypeVar("State")

#: One iteration: a state to the next one and metrics, which are scalars.
Step = Callable[[State], tuple[State, dict[str, jax.Array]]]
#: Told after each iteration: its number from 1 on, the state after it, its metrics, the seconds it took.
Report = Callable[[int, Any, dict[str, float], float], None]


def repeat(step: Step[State], state: State, done: int, iterations: int, report: Report) -> tuple[State, int]:
    """Call ``step`` until ``iterations`` are done, of which ``done`` are already; returns the same two anew.

    Ctrl-C lets the running iteration end and returns what there is then; a second one interrupts at once.
    Raises ``FloatingPointError`` if the losses stop being numbers.
    """
    with interruptible() as interrupted:
        while done < iterations and not interrupted():
            start = time.perf_counter()
            state, metrics = step(state)
            metrics = {name: float(value) for name, value in jax.device_get(metrics).items()}
            done += 1
            _check(done, metrics)
            report(done, state, metrics, time.perf_counter() - start)
    return state, done


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Within the block, the first Ctrl-C only makes the function that is yielded return True.

    Outside of the main thread, where Python lets nobody handle signals, Ctrl-C works as always.
    """
    caught: list[int] = []

    def handle(number: int, frame: Any) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    try:
        before = signal.signal(signal.SIGINT, handle)
    except ValueError:
        yield lambda: False
        return
    try:
        yield lambda: bool(caught)
    finally:
        signal.signal(signal.SIGINT, before)


def _check(iteration: int, metrics: dict[str, float]) -> None:
    for name, value in metrics.items():
        if name.endswith("loss") and not math.isfinite(value):
            raise FloatingPointError(
                f"{name} is {value} in iteration {iteration}: training has diverged; "
                "a lower learning rate or max_grad_norm may help"
            )
