"""The loop around a compiled training step."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np

from garrison.runs.signals import interruptible

State = TypeVar("State")

#: What one iteration tells: a number, or a list of them, one per team.
Metrics = dict[str, Any]
#: One iteration: a state to the next one and metrics.
Step = Callable[[State], tuple[State, dict[str, jax.Array]]]
#: Told after each iteration: its number from 1 on, the state after it, its metrics, the seconds it took.
Report = Callable[[int, Any, Metrics, float], None]

_SHOWN = 3  # leaves named when numbers stop being finite


def repeat(step: Step[State], state: State, done: int, iterations: int, report: Report) -> tuple[State, int]:
    """Call ``step`` until ``iterations`` are done, of which ``done`` are already; returns the same two anew.

    Ctrl-C or SIGTERM let the running iteration end and return what there is then; a second Ctrl-C interrupts
    at once. Raises ``FloatingPointError`` if the losses stop being numbers; ``report`` is not told of that
    iteration.
    """
    with interruptible() as interrupted:
        while done < iterations and not interrupted():
            start = time.perf_counter()
            state, metrics = step(state)
            metrics = {name: np.asarray(value).tolist() for name, value in jax.device_get(metrics).items()}
            _check(done + 1, state, metrics)
            done += 1
            report(done, state, metrics, time.perf_counter() - start)
    return state, done


def _check(iteration: int, state: Any, metrics: Metrics) -> None:
    broken = [
        name for name, value in metrics.items() if name.endswith("loss") and not np.isfinite(value).all()
    ]
    if not broken:
        return
    teams = np.flatnonzero(~np.isfinite(np.atleast_1d(metrics[broken[0]])))
    where = f"iteration {iteration}" + (f", team {teams[0]}" if np.ndim(metrics[broken[0]]) else "")
    about = [f"{name} is {np.atleast_1d(metrics[name])[teams[0]]}" for name in broken]
    if np.any(metrics.get("nonfinite_inputs", 0)):
        raise FloatingPointError(
            f"{', '.join(about)} in {where}: the world gave observations or rewards that are not finite"
        )
    if "finite_updates" in metrics:
        about.append(f"first in update {int(np.atleast_1d(metrics['finite_updates'])[teams[0]]) + 1}")
    leaves = jax.tree_util.tree_leaves_with_path(state)
    bad = [jax.tree_util.keystr(path) for path, leaf in leaves if _not_finite(leaf)]
    if bad:
        about.append(f"not finite any more: {', '.join(bad[:_SHOWN])}{' …' if len(bad) > _SHOWN else ''}")
    raise FloatingPointError(
        f"{'; '.join(about)}, in {where}: training has diverged; "
        "a lower learning rate or max_grad_norm may help"
    )


def _not_finite(leaf: Any) -> bool:
    return np.issubdtype(getattr(leaf, "dtype", int), np.floating) and not np.isfinite(leaf).all()
