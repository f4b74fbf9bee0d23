"""CybORG with and without the true state that its rewards ignore: ``python studies/cyborg_true_state.py``.

Whole episodes under random actions, each played both ways, in turns. They must be the same in every vector,
raw observation, reward and draw; the speeds are compared as ratios.
``--out results/cyborg_true_state`` writes .json and .md.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from garrison.adapters.cyborg import engine
from garrison.runs import study_files

REDS = ("fsm", "discovery", "random_select")


def play(red: str, seed: int, as_is: bool) -> tuple[str, float]:
    """A hash of all that an episode tells, and its steps per second, without the time that hashing takes."""
    rng, running = np.random.default_rng(seed), engine.Engine(red, seed, as_is=as_is)
    running.reset()
    masks = {agent: running.wrapper.action_mask(agent) for agent in engine.BLUE_AGENTS}
    told, seconds, steps, done = hashlib.sha256(), 0.0, 0, False
    while not done:
        actions = {agent: int(rng.choice(np.flatnonzero(mask))) for agent, mask in masks.items()}
        started = time.perf_counter()
        vectors, rewards, done = running.step(actions)
        seconds, steps = seconds + time.perf_counter() - started, steps + 1
        lists = {agent: vector.tolist() for agent, vector in vectors.items()}
        draws = running.controller.np_random.bit_generator.state
        told.update(repr((lists, running.raw, rewards, done, draws)).encode())
    return told.hexdigest(), steps / seconds


def study(episodes: int) -> dict[str, Any]:
    rows = []
    for red in REDS:
        for seed in range(episodes):
            found = {
                as_is: play(red, seed, as_is) for as_is in ((False, True) if seed % 2 else (True, False))
            }
            same = found[True][0] == found[False][0]
            rows.append(
                {"red": red, "seed": seed, "same": same, "as_is": found[True][1], "short": found[False][1]}
            )
            print(rows[-1], file=sys.stderr)
    ratios = [row["short"] / row["as_is"] for row in rows]
    return {
        "cyborg": engine.described(engine.about()),
        "differ": sum(not row["same"] for row in rows),
        "as_is": statistics.median(row["as_is"] for row in rows),
        "short": statistics.median(row["short"] for row in rows),
        "ratio": {"median": statistics.median(ratios), "least": min(ratios), "most": max(ratios)},
        "rows": rows,
    }


def markdown(figures: dict[str, Any]) -> Iterator[str]:
    yield "# CybORG with and without the true state that its rewards do not read"
    yield ""
    yield f"{study_files.told(figures)} {figures['cyborg']}."
    yield ""
    ratio = figures["ratio"]
    yield (
        f"{len(figures['rows'])} episodes of 499 steps under random actions, each played both ways in turns, "
        f"in one process. Episodes in which a vector, raw observation, reward or draw differs: "
        f"{figures['differ']}. Steps per second, medians: {figures['as_is']:.1f} as it is, "
        f"{figures['short']:.1f} without; ratio {ratio['median']:.2f} [{ratio['least']:.2f}, "
        f"{ratio['most']:.2f}] (median, least and largest)."
    )
    yield ""
    yield from study_files.table(
        ("red", "seed", "as it is", "without", "the same"),
        (
            (
                row["red"],
                str(row["seed"]),
                f"{row['as_is']:.1f}",
                f"{row['short']:.1f}",
                "yes" if row["same"] else "NO",
            )
            for row in figures["rows"]
        ),
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=4, help="of each red")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    asked = parser.parse_args()
    figures = study_files.origin(f"python studies/cyborg_true_state.py --episodes {asked.episodes}")
    figures |= study(asked.episodes)
    if asked.out:
        study_files.save(asked.out, figures, markdown(figures))
    print("\n".join(markdown(figures)))
    return 1 if figures["differ"] else 0


if __name__ == "__main__":
    sys.exit(main())
