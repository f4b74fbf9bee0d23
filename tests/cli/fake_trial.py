"""Stands for `garrison train` and `garrison resume`: leaves the files of a run, in no time.

    python fake_trial.py RUN CONFIG RETURN [fail | slow]

Three iterations of 20 steps; those that are in the run already are not done again.
"""

import json
import sys
import time
from pathlib import Path

path, config, level = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
manner = sys.argv[4] if len(sys.argv) > 4 else ""
if manner == "fail":
    print("garrison: the world has ended", file=sys.stderr)
    sys.exit(1)
path.mkdir(parents=True, exist_ok=True)
(path / "config.json").write_text(config)
metrics = path / "metrics.jsonl"
metrics.touch()
try:
    for iteration in range(len(metrics.read_text().splitlines()) + 1, 4):
        row = {"iteration": iteration, "env_steps": 20 * iteration, "seconds": 0.1}
        with metrics.open("a") as file:
            file.write(json.dumps(row | {"return": [level * iteration, level * iteration + 2]}) + "\n")
        time.sleep(60 if manner == "slow" else 0)
except KeyboardInterrupt:
    sys.exit(130)
