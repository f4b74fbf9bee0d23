"""Training speed, compile time and memory of a preset on cc4: ``python bench/cc4_training.py``.

``--out results/cc4_training`` writes .json and .md. Nothing is read from or written to the cache of compiled
programs, so the compile time is that of a cold start.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from garrison.algos import ippo
from garrison.cli import studies
from garrison.cli.train import compiled
from garrison.presets import PRESETS, teams

ITERATIONS = 8  # timed, after one that is not
UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


def study(preset: str) -> dict[str, Any]:
    training = PRESETS[preset]
    world = teams.world_of(training)
    jax.config.update("jax_enable_compilation_cache", False)
    began = time.perf_counter()
    states = jax.block_until_ready(teams.init(training, world))
    started = time.perf_counter()
    step = compiled(training, world, states)
    ready = time.perf_counter()
    seconds = []
    for _ in range(ITERATIONS + 1):
        start = time.perf_counter()
        states, _ = jax.block_until_ready(step(states))
        seconds.append(time.perf_counter() - start)
    steps = ippo.steps_per_iteration(training.ippo, world)
    speeds = steps / np.array(seconds[1:])
    memory = step.func.memory_analysis()
    return {
        "preset": preset,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(states.net)),
        "lanes": training.ippo.lanes,
        "iterations": ITERATIONS,
        "steps_per_second": {
            "median": float(np.median(speeds)),
            "low": float(speeds.min()),
            "high": float(speeds.max()),
        },
        "seconds_to_first_state": started - began,
        "seconds_to_compile": ready - started,
        "program_bytes": int(memory.temp_size_in_bytes + memory.argument_size_in_bytes),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT,
    }


def markdown(figures: dict[str, Any]) -> Iterator[str]:
    speed = figures["steps_per_second"]
    yield f"# CC4: training by `{figures['preset']}`"
    yield ""
    yield studies.told(figures)
    yield ""
    rows = (
        ("parameters", f"{figures['parameters']:,}"),
        ("environments side by side", f"{figures['lanes']:,}"),
        (
            "environment steps per second, learning included: median of "
            f"{figures['iterations']} iterations [range]",
            f"{speed['median']:,.0f} [{speed['low']:,.0f}, {speed['high']:,.0f}]",
        ),
        ("first train state, compiling included, s", f"{figures['seconds_to_first_state']:.1f}"),
        ("compiling an iteration (rollout, advantages, update), s", f"{figures['seconds_to_compile']:.1f}"),
        ("memory of the compiled iteration, MB", f"{figures['program_bytes'] / 1e6:,.0f}"),
        ("peak memory of the process, compiling included, MB", f"{figures['peak_bytes'] / 1e6:,.0f}"),
    )
    yield from studies.table(("what", "measured"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", choices=PRESETS, default="cc4-ippo")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    asked = parser.parse_args()
    changed = f" --preset {asked.preset}" if asked.preset != "cc4-ippo" else ""
    command = f"python bench/cc4_training.py{changed}{f' --out {asked.out}' if asked.out else ''}"
    figures = studies.origin(command) | study(asked.preset)
    print("\n".join(markdown(figures)))
    if asked.out:
        studies.save(asked.out, figures, markdown(figures))


if __name__ == "__main__":
    main()
