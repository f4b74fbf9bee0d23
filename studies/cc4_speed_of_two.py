"""Speed of two checkouts of Garrison, in turns: ``python studies/cc4_speed_of_two.py BEFORE AFTER``.

``BEFORE`` and ``AFTER`` are root folders of checkouts. Each pair of processes, one per checkout, compiles the
programs of :data:`PROGRAMS` and then runs them in turns, so that both meet the same state of the machine.
Speeds are compared as ratios within a turn. ``--out results/cc4_speed_of_two`` writes the study's folder.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from garrison.judge import stats
from garrison.studies.study import Section, Study, origin, parser, show

#: Short names: ``garrison.bench``'s program, and the number of environments; None: that of preset quick, 16.
PROGRAMS = {"env-64": ("env", 64), "env-1": ("env", 1), "training": ("training", None)}

#: What a process of either checkout runs: only calls that both have. It answers each line with seconds.
CHILD = """
import json, sys, time
import jax
import garrison
from garrison.bench import counts, programs, study
from garrison.presets import PRESETS

jax.config.update("jax_compilation_cache_dir", sys.argv[1])
world, made = garrison.make("cc4"), {}
for name, (what, size) in json.loads(sys.argv[2]).items():
    training = PRESETS.get("mlp") or PRESETS["quick"]  # by its name before version 0.1
    program = study.program(what, training, world, size, None)
    arguments = program.start(0)
    made[name] = [program, program.function.lower(*arguments).compile(), arguments]

def run(name):
    program, executable, arguments = made[name]
    jax.block_until_ready(arguments)
    start = time.perf_counter()
    results = jax.block_until_ready(executable(*arguments))
    seconds = time.perf_counter() - start
    made[name][2] = program.advance(arguments, results)
    return seconds

for name in made:
    run(name)
print(json.dumps(counts.sizes(world)), flush=True)
for line in sys.stdin:
    print(run(line.strip()), flush=True)
"""


class Checkout:
    """A process that runs the programs of one checkout on demand."""

    def __init__(self, root: Path, cache: str, programs: Sequence[str]):
        source = root.resolve() / "src"
        if not (source / "garrison").is_dir():
            raise SystemExit(f"{root} is no checkout of Garrison: it has no src/garrison")
        self._process: Any = subprocess.Popen(
            [sys.executable, "-c", CHILD, cache, json.dumps({name: PROGRAMS[name] for name in programs})],
            env=os.environ | {"PYTHONPATH": str(source)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.sizes: dict[str, Any] = json.loads(self._answer())

    def run(self, name: str) -> float:
        """Seconds of one run of a program."""
        self._process.stdin.write(name + "\n")
        return float(self._answer())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> str:
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a process of a checkout ended; its error is above")
        return line


def measure(before: Path, after: Path, programs: Sequence[str], pairs: int, turns: int) -> dict[str, Any]:
    seconds: dict[str, list[list[float]]] = {name: [] for name in programs}  # [before, after] of each turn
    with tempfile.TemporaryDirectory() as caches:
        for pair in range(pairs):
            both = [Checkout(root, f"{caches}/{i}", programs) for i, root in enumerate((before, after))]
            for turn in range(turns):
                for name in programs:
                    order = (0, 1) if (turn + pair) % 2 else (1, 0)
                    timed = {i: both[i].run(name) for i in order}
                    seconds[name].append([timed[0], timed[1]])
            sizes = [checkout.sizes for checkout in both]
            for checkout in both:
                checkout.close()
            print(f"pair {pair + 1} of {pairs}", file=sys.stderr)
    return {
        "pairs": pairs,
        "turns": turns,
        "sizes": {"before": sizes[0], "after": sizes[1]},
        "seconds": seconds,
        "ratio": {name: ratio(np.array(rows).reshape(pairs, turns, 2)) for name, rows in seconds.items()},
    }


def ratio(seconds: np.ndarray) -> dict[str, float]:
    """Speed after over before, with a 95% interval over pairs and turns; pairs stand for seeds.

    Args:
        seconds: ``float[pair, turn, checkout]``.
    """
    return asdict(stats.interquartile_mean(seconds[..., 0] / seconds[..., 1]))


def study(figures: Mapping[str, Any]) -> Study:
    ratios, before, after = figures["ratio"], *(figures["sizes"][at] for at in ("before", "after"))
    rows = []
    for name, found in ratios.items():
        columns = zip(*figures["seconds"][name], strict=True)
        medians = [f"{1000 * statistics.median(column):.1f}" for column in columns]
        rows.append((name, *medians, f"{found['value']:.3f}", f"{found['low']:.3f} to {found['high']:.3f}"))
    sizes = [
        (name, f"{before[name]:,}", f"{after[name]:,}")
        for name in after
        if name in before and isinstance(after[name], int)
    ]
    return Study(
        title="CC4: speed before and after a change",
        figures=figures,
        finding=(
            "Speed after over before: "
            + "; ".join(
                f"{name} {r['value']:.3f} [{r['low']:.3f}, {r['high']:.3f}]" for name, r in ratios.items()
            )
            + "."
        ),
        method=(
            f"Before is {figures['before']}, after {figures['after']}. {figures['pairs']} pairs of "
            f"processes, {figures['turns']} turns each; in a turn each program runs once in either process, "
            "one after the other. An env program plays a whole episode with random legal actions; training "
            "is an iteration. Ratios are interquartile means over all turns, with a 95% bootstrap interval "
            "over pairs and turns."
        ),
        sections=[
            Section("Time of a run", ("program", "before, ms", "after, ms", "speed ratio", "95%"), rows),
            Section("Sizes", ("of", "before", "after"), sizes),
        ],
    )


def described(root: Path) -> str:
    """The commit of a checkout, and whether its files differ from it."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() or "no commit"


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("before", type=Path, help="root folder of the first checkout")
    arguments.add_argument("after", type=Path, help="root folder of the second checkout")
    arguments.add_argument("--programs", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    arguments.add_argument("--pairs", type=int, default=4, help="pairs of processes")
    arguments.add_argument("--turns", type=int, default=15, help="turns of each pair")
    options = arguments.parse_args()
    command = (
        f"python studies/cc4_speed_of_two.py BEFORE AFTER --programs {' '.join(options.programs)} "
        f"--pairs {options.pairs} --turns {options.turns}"
    )
    figures = origin(command) | {
        "before": described(options.before),
        "after": described(options.after),
        **measure(options.before, options.after, options.programs, options.pairs, options.turns),
    }
    show(study(figures), options.out)


if __name__ == "__main__":
    main()
