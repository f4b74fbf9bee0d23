"""Submissions to CAGE Challenge 4, in its own format, as policies that play on CybORG.

A submission is a folder with ``submission.py``, which has the class ``Submission`` that the challenge's
evaluation takes. It is run by :mod:`garrison.adapters.cyborg.submission_process`, in processes of their own,
so that it may need another interpreter and other versions of packages than Garrison.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import garrison
from garrison.adapters.cyborg import assets, engine, submission_process
from garrison.adapters.cyborg.commands import Knowledge, Orders
from garrison.adapters.cyborg.episodes import PlayedStep
from garrison.adapters.cyborg.world import CybORGWorld, host_step, priced
from garrison.core.world import Step
from garrison.worlds.cc4 import behavior as judged
from garrison.worlds.cc4 import tables as T

_LAST = 2000  # characters of what a process that died wrote last


class SubmissionError(ValueError):
    """A submission that cannot be played; the message names it, what is wrong, and what would be right."""


def is_submission(path: str | Path) -> bool:
    """Whether a path is a folder in the challenge's format, and no run of ``garrison train``."""
    return (Path(path) / "submission.py").is_file() and not (Path(path) / "config.json").exists()


@dataclass(frozen=True)
class Submission:
    """A submission as a policy that plays whole episodes
    (:func:`garrison.adapters.cyborg.episodes.play_episode`).

    Args:
        folder: with ``submission.py``, as an absolute path.
        python: the interpreter that runs it.
    """

    folder: str
    python: str = sys.executable

    def about(self) -> dict[str, str]:
        """Its ``name``, ``team`` and ``technique``; starts it, to see whether it can be played.

        Raises:
            SubmissionError: when it cannot, or plays on another CybORG than Garrison.
        """
        process = _Process(self.folder, self.python)
        try:
            about = process.about
        finally:
            process.close()
        theirs, ours = about.pop("cyborg"), engine.about()
        if theirs["sources"] != ours["sources"]:
            raise SubmissionError(
                f"submission {self.folder}: {self.python} imports {engine.described(theirs)}, and Garrison "
                f"{engine.described(ours)}; put one of them on the path of both, as with PYTHONPATH"
            )
        return about

    def episode(self, world: CybORGWorld, seed: int, resilience: bool = False) -> Iterator[PlayedStep]:
        """An episode by the rules of the challenge's evaluation: each step, its phase, and its harm.

        Args:
            world: its red or opponent, green, options and number of steps are played; observations are
                those of the submission. An opponent decides in this process.
            seed: of CybORG, and of the generators that Python, NumPy and PyTorch have for all.
            resilience: whether the harm to assets is recorded; else it is None.

        Raises:
            SubmissionError: when the submission fails, or its wrapper gives other rewards than CybORG or
                ends the episode at another step, so that its score would be of another task.
        """
        length, fixed = 0, None
        task = {"seed": seed, "red": world.red, "green": world.green, "steps": world.steps}
        task["attributes"] = world.attributes
        task |= {"resilience": True} if resilience else {}
        for message in _running(self.folder, self.python).play(task, world.attacker(seed)):
            step = self._only(message, length)
            if "network" in message:
                fixed = assets.roles(message["network"])
            length += 1
            found = None if fixed is None else assets.harm(fixed, step["harm"])
            yield PlayedStep(_step(step, length == world.max_steps), step["phase"], found)
        if length != world.max_steps:
            raise SubmissionError(
                f"submission {self.folder}: its wrapper ended the episode after {length} steps; "
                f"the episode has {world.max_steps}"
            )

    def _only(self, message: Mapping[str, Any], number: int) -> dict[str, Any]:
        """The step of CybORG in a message of the process, which must hold exactly one."""
        steps = message["steps"]
        if len(steps) != 1:
            raise SubmissionError(
                f"submission {self.folder}: step {number} of its wrapper made {len(steps)} steps in CybORG; "
                "it must make one, as the challenge's evaluation counts them"
            )
        theirs = sum(steps[0]["rewards"].values())
        if abs(message["reward"] - theirs) > 1e-6:
            raise SubmissionError(
                f"submission {self.folder}: in step {number} its wrapper gives a mean reward of "
                f"{message['reward']}, and CybORG {theirs}; it must pass CybORG's on for its score to count"
            )
        return steps[0]


def _step(step: Mapping[str, Any], last: bool) -> Step:
    """A step as :meth:`CybORGWorld.step` gives it, without an observation."""
    actions = step["actions"]
    places = tuple(np.array([place(action) for action in actions]).T)
    return host_step(
        reward=np.full(T.NUM_BLUE, sum(step["rewards"].values()), np.float32),
        terminated=np.bool_(last),
        truncated=np.bool_(last),
        final_obs=np.zeros((T.NUM_BLUE, 0), np.float32),
        info={
            "reward_parts": priced(step["phase"], step["costs"], step["rewards"]),
            "decided": np.array([action is not None for action in actions]),
            "places": places,
        },
    )


def place(action: Mapping[str, Any] | None) -> tuple[int, int, int]:
    """Kind, subnet and red's hold, as the judges count decisions; what CybORG refused counts as Sleep.

    Args:
        action: as :func:`garrison.adapters.cyborg.facts.taken`; None for none.
    """
    nowhere = len(judged.DEFENDED)
    if action is None or action["kind"] not in T.BLUE_NAMES:
        return int(T.Blue.SLEEP), nowhere, judged.NO_TARGET
    kind = T.BLUE_NAMES.index(action["kind"])
    if action["host"] is not None:
        subnet = int(T.HOST_SUBNET[T.HOST_NAMES.index(action["host"])])
        return kind, judged.DEFENDED.index(subnet), action["hold"]
    if action["subnet"] is not None:
        return kind, judged.DEFENDED.index(T.SUBNETS.index(action["subnet"])), judged.NO_TARGET
    return kind, nowhere, judged.NO_TARGET


# ---------------------------------------------------------------- processes


@cache
def _running(folder: str, python: str) -> _Process:
    """The process that plays a submission for this one; it ends with this one."""
    process = _Process(folder, python)
    atexit.register(process.close)
    return process


class _Process:
    """A submission that waits for episodes to play.

    Attributes:
        about: what it says of itself and of its CybORG.
    """

    def __init__(self, folder: str, python: str) -> None:
        self._folder = folder
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the process)
        root = str(Path(garrison.__file__).parents[1])
        # One process is one core; the order of Python's sets is the same in every run.
        environment = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"} | os.environ
        try:
            self._process = subprocess.Popen(
                [python, submission_process.__file__, root, folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment,
                text=True,
            )
            assert self._process.stdin
            assert self._process.stdout
            self._tasks, self._messages = self._process.stdin, self._process.stdout
        except OSError as error:
            self._errors.close()
            raise SubmissionError(f"python is {python}, which cannot be run: {error.strerror}") from error
        try:
            self.about = self._read()
        except SubmissionError:
            self.close()
            raise

    def play(
        self, task: Mapping[str, Any], decide: Callable[[Knowledge], Orders] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Messages of an episode, one per step; ``decide`` chooses for red's agents if it is given."""
        self._write(task if decide is None else {**task, "commanded": True})
        while "end" not in (message := self._read()):
            if decide is not None and "knowledge" in message:
                self._write(decide(message["knowledge"]))
            else:
                yield message

    def _write(self, message: Mapping[str, Any]) -> None:
        try:
            self._tasks.write(json.dumps(message) + "\n")
            self._tasks.flush()
        except BrokenPipeError:
            pass  # it died; what is read next tells

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _read(self) -> dict[str, Any]:
        line = self._messages.readline()
        message = json.loads(line) if line else {"error": self._death()}
        if "error" in message:
            raise SubmissionError(f"submission {self._folder}: {message['error']}")
        return message

    def _death(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace")[-_LAST:].strip()
        return f"its process ended with status {code}; its last output:\n{last}"
