"""What the demo reaches, and how long it takes on a machine that has compiled nothing before.

    python studies/cc4_demo.py RUN --out results/cc4_demo

``RUN`` is the run directory of the demo; where there is one already, it is read and nothing is timed again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import garrison
from garrison.core.files import read_object, write_json
from garrison.judge.format import mean, number
from garrison.studies.study import Section, Study, origin, parser, show
from garrison.training.run import Run

COMMAND = "python studies/cc4_demo.py RUN --out results/cc4_demo"
TIMED, EVALUATION = "demo_seconds.json", "evaluation.json"


def play(run: Path) -> None:
    """Run the demo in a process of its own, with an empty cache of compiled programs."""
    with tempfile.TemporaryDirectory() as cache:
        began = time.monotonic()
        command = [sys.executable, "-m", "garrison", "demo", "--out", str(run)]
        subprocess.run(command, check=True, env=os.environ | {"XDG_CACHE_HOME": cache})
        write_json(run / TIMED, {"seconds": round(time.monotonic() - began)})


def measure(run: Run) -> dict[str, Any]:
    rows = run.metrics()
    seconds = sum(row["seconds"] for row in rows)
    return {
        "seconds": read_object(run.path / TIMED, "run the study again")["seconds"],
        "training": run.training.to_json(),
        "training_seconds": round(seconds),
        "training_steps": rows[-1]["env_steps"],
        "evaluation": read_object(run.report / EVALUATION, "run garrison report"),
    }


def study(figures: Mapping[str, Any]) -> Study:
    evaluation = figures["evaluation"]
    trained = evaluation["versus"]
    returns = {name: one["return"] for name, one in evaluation["policies"].items()}
    steps, seconds = figures["training_steps"], figures["training_seconds"]
    options = ", ".join(f"`{option}`" for option in evaluation["options"])
    return Study(
        title="CC4: the demo",
        figures=figures,
        finding=(
            f"A policy that trained for {seconds} s returns {mean(returns[trained])}; "
            + ", ".join(f"`{name}` {number(returns[name]['mean'])}" for name in ("guard", "reactive", "idle"))
            + f". {figures['seconds']} s in all."
        ),
        method=(
            f"`garrison demo`, which `make demo` runs, with an empty cache of compiled programs: {steps:,} "
            f"steps of training (preset `quick`, training seed {figures['training']['seed']}, "
            f"{steps / seconds:,.0f} steps/s), then the same episodes for all policies, and the report. They "
            f"play with the options of the training, {options}, against the stock red: "
            f"{evaluation['episodes']} episodes, seeds from {evaluation['seed']:,} on. The score drops the "
            "last reward, as the official one does. 95% bootstrap intervals over episodes; one training seed."
        ),
        sections=[
            Section(
                "",
                ("policy", "return", "sd", "score", f"{trained} minus this, paired"),
                [
                    (
                        name,
                        mean(one["return"]),
                        number(one["return"]["sd"]),
                        number(one["score"]["mean"]),
                        mean(one[f"advantage_of_{trained}"]) if name != trained else "",
                    )
                    for name, one in evaluation["policies"].items()
                ],
            )
        ],
    )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("run", type=Path, help="run directory of the demo, made if there is none")
    asked = arguments.parse_args()
    if not (asked.run / TIMED).exists():
        play(asked.run)
    show(study(origin(COMMAND) | measure(garrison.load_run(asked.run))), asked.out)


if __name__ == "__main__":
    main()
