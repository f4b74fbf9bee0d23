"""CybORG with and without the true state that its rewards ignore: ``python studies/cyborg_true_state.py``.

Whole episodes under random actions, each played both ways, in turns. They must be the same in every vector,
raw observation, reward and draw; the speeds are compared as ratios. ``--out results/cyborg_true_state``
writes the study's folder.
"""

from __future__ import annotations

import hashlib
import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from garrison.adapters.cyborg import engine
from garrison.studies.study import Section, Study, origin, parser, show

REDS = ("fsm", "discovery", "random_select")


def play(red: str, seed: int, as_is: bool) -> tuple[str, float]:
    """A hash of everything that an episode reports, and its steps per second without the time of hashing."""
    rng, running = np.random.default_rng(seed), engine.CybORGSession(red, seed, as_is=as_is)
    running.reset()
    masks = {agent: running.wrapper.action_mask(agent) for agent in engine.BLUE_AGENTS}
    digest, seconds, steps, done = hashlib.sha256(), 0.0, 0, False
    while not done:
        actions = {agent: int(rng.choice(np.flatnonzero(mask))) for agent, mask in masks.items()}
        started = time.perf_counter()
        vectors, rewards, done = running.step(actions)
        seconds, steps = seconds + time.perf_counter() - started, steps + 1
        lists = {agent: vector.tolist() for agent, vector in vectors.items()}
        draws = running.controller.np_random.bit_generator.state
        digest.update(repr((lists, running.raw, rewards, done, draws)).encode())
    return digest.hexdigest(), steps / seconds


def measure(episodes: int) -> dict[str, Any]:
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


def study(figures: Mapping[str, Any]) -> Study:
    ratio, rows = figures["ratio"], figures["rows"]
    return Study(
        title="CybORG with and without the true state that its rewards do not read",
        figures=figures,
        finding=(
            f"Without it CybORG is {ratio['median']:.2f} [{ratio['least']:.2f}, {ratio['most']:.2f}] times "
            f"as fast; {figures['differ']} of {len(rows)} episodes differ."
        ),
        method=(
            f"{figures['cyborg']}. Episodes of 499 steps under random actions, each played both ways in "
            "turns, in one process; they differ if any vector, raw observation, reward or random draw does. "
            f"Steps per second, medians: {figures['as_is']:.1f} with the true state, "
            f"{figures['short']:.1f} without; "
            "the ratio is the median of all episodes, with the smallest and the largest."
        ),
        sections=[Section("", ("red", "seed", "with", "without", "the same"), list(map(_row, rows)))],
    )


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    speeds = (f"{row[way]:.1f}" for way in ("as_is", "short"))
    return row["red"], str(row["seed"]), *speeds, "yes" if row["same"] else "NO"


def main() -> int:
    arguments = parser(__doc__)
    arguments.add_argument("--episodes", type=int, default=4, help="of each red")
    asked = arguments.parse_args()
    figures = origin(f"python studies/cyborg_true_state.py --episodes {asked.episodes}")
    figures |= measure(asked.episodes)
    show(study(figures), asked.out)
    return 1 if figures["differ"] else 0


if __name__ == "__main__":
    sys.exit(main())
