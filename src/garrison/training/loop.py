"""The loop around a compiled training step."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from garrison.runs.signals import interruptible

State = TypeVar("State")

#: Metrics of one iteration: numbers, or lists with a number per seed.
Metrics = dict[str, Any]
#: One iteration: a state to the next one and its metrics.
Step = Callable[[State], tuple[State, dict[str, jax.Array]]]
#: Called after each iteration with its number (from 1), the state after it, its metrics, and its seconds.
Report = Callable[[int, Any, Metrics, float], object]

_SHOWN = 3  # leaves named when numbers stop being finite


class Diverged(FloatingPointError):
    """A loss stopped being finite. The message names the loss, the iteration, and the first wrong numbers."""


def repeat(step: Step[State], state: State, done: int, iterations: int, report: Report) -> tuple[State, int]:
    """Run ``step`` until ``iterations`` are complete, starting from ``done``. Returns ``(state, completed)``.

    Ctrl-C or SIGTERM let the running iteration end, and what there is then is returned; a second Ctrl-C
    interrupts at once. Raises :class:`Diverged` before that iteration is reported.
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
    seeds = np.flatnonzero(~np.isfinite(np.atleast_1d(metrics[broken[0]])))
    where = f"iteration {iteration}" + (f", seed index {seeds[0]}" if np.ndim(metrics[broken[0]]) else "")
    facts = [f"{name} is {np.atleast_1d(metrics[name])[seeds[0]]}" for name in broken]
    if np.any(metrics.get("nonfinite_inputs", 0)):
        raise Diverged(
            f"{', '.join(facts)} in {where}: the world gave observations or rewards that are not finite"
        )
    if "finite_updates" in metrics:
        facts.append(f"first in update {int(np.atleast_1d(metrics['finite_updates'])[seeds[0]]) + 1}")
    leaves = jax.tree_util.tree_leaves_with_path(state)
    bad = [jax.tree_util.keystr(path) for path, leaf in leaves if _not_finite(leaf)]
    if bad:
        facts.append(f"no longer finite: {', '.join(bad[:_SHOWN])}{' …' if len(bad) > _SHOWN else ''}")
    raise Diverged(
        f"{'; '.join(facts)}, in {where}: training has diverged; "
        "a lower learning rate or max_grad_norm may help"
    )


def _not_finite(leaf: Any) -> bool:
    dtype = getattr(leaf, "dtype", None)  # which for random keys is none of NumPy's
    if dtype is None or not jnp.issubdtype(dtype, np.floating):
        return False
    if not getattr(leaf, "is_fully_addressable", True):
        return False  # spread over several hosts
    return not np.isfinite(np.asarray(leaf, np.float32)).all()
