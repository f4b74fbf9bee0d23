"""The speed of one process of CybORG.

The process may run in another Python, the one that has CybORG; Garrison need not be installed there.

    with process() as steps_per_second:
        print(steps_per_second(5.0))
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def process(python: str = sys.executable) -> Iterator[Callable[[float], float]]:
    """A process of CybORG; yields a function that plays for some seconds and returns steps per second.

    Stock red and green, random legal blue actions, blue's vectors and masks; resets are not counted.
    Raises ``ValueError`` where that Python cannot import CybORG.
    """
    with tempfile.TemporaryFile("w+") as errors, _started(python, errors) as player:
        assert player.stdin
        assert player.stdout
        told, answers = player.stdin, player.stdout

        def ask(seconds: float) -> float:
            try:
                told.write(f"{seconds}\n")
                told.flush()
                return float(json.loads(answers.readline()))
            except (OSError, ValueError) as error:
                player.kill()
                player.wait()
                errors.seek(0)
                last = errors.read().strip().rpartition("\n")[2]
                raise ValueError(
                    f"{python} cannot play CybORG: {last}. Install CybORG 4.0 from the CAGE Challenge 4 "
                    "repository, and name the Python that has it with --cyborg-python"
                ) from error

        try:
            yield ask
        finally:
            player.kill()


def _started(python: str, errors: IO[str]) -> subprocess.Popen[str]:
    here = Path(__file__)
    command = [python, "-c", here.read_text(encoding="utf-8"), str(here.with_name("engine.py"))]
    try:
        # Its errors go to a file: a pipe that nobody reads would fill up.
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    except OSError as error:
        raise ValueError(f"{python} cannot be run: {error}") from error


def _answer() -> None:
    """In CybORG's process: a line with seconds in, a line with steps per second out."""
    steps = None
    output, sys.stdout = sys.stdout, sys.stderr  # CybORG may print
    for line in sys.stdin:
        steps = steps or _steps()
        print(json.dumps(_speed(steps, float(line))), file=output, flush=True)


def _speed(steps: Iterator[float], seconds: float) -> float:
    spent, count = 0.0, 0
    while spent < seconds:
        spent += next(steps)
        count += 1
    return count / spent


def _steps() -> Iterator[float]:
    """Seconds of each step, choosing actions included."""
    import random

    make = _environment()
    seed = 0
    while True:
        env = make(seed)
        _, info = env.reset()
        seed += 1
        done = False
        while not done:
            start = time.perf_counter()
            actions = {
                agent: random.choice([i for i, legal in enumerate(info[agent]["action_mask"]) if legal])
                for agent in env.agents
            }
            _, _, terminated, truncated, info = env.step(actions)
            yield time.perf_counter() - start
            done = all(terminated.values()) or all(truncated.values())


def _environment() -> Callable[[int], Any]:
    """A function that makes an environment from a seed."""
    spec = importlib.util.spec_from_file_location("garrison_cyborg_engine", sys.argv[1])
    assert spec
    assert spec.loader
    engine = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(engine)
    with engine.stand_ins():
        from CybORG import CybORG
        from CybORG.Agents import EnterpriseGreenAgent, FiniteStateRedAgent, SleepAgent
        from CybORG.Agents.Wrappers import BlueFlatWrapper
        from CybORG.Simulator.Scenarios import EnterpriseScenarioGenerator

    def make(seed: int) -> Any:
        scenario = EnterpriseScenarioGenerator(
            blue_agent_class=SleepAgent,
            green_agent_class=EnterpriseGreenAgent,
            red_agent_class=FiniteStateRedAgent,
            steps=500,
        )
        return BlueFlatWrapper(CybORG(scenario, "sim", seed=seed))

    return make


if __name__ == "__main__":
    _answer()
