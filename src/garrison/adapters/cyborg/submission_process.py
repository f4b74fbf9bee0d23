"""Plays a submission to CAGE Challenge 4 on CybORG, in a process and by an interpreter of its own.

:mod:`garrison.adapters.cyborg.submissions` starts it as a script. It needs CybORG and what the submission
needs, but not JAX, nor the versions that Garrison is tested with. It speaks JSON, a line for each message:

- out, once: ``{"cyborg": ..., "name": ..., "team": ..., "technique": ...}``;
- in: ``{"seed": ..., "red": ..., "green": ..., "steps": ...}``, an episode to play, and perhaps
  ``"resilience": true`` and ``"commanded": true``;
- out, if it is commanded, before each step of CybORG: ``{"knowledge": ...}``, what red's agents know, and in:
  their decisions (:mod:`garrison.adapters.cyborg.commands`);
- out, for each step of it: ``{"reward": ..., "steps": [...]}``, the mean reward that the submission's
  wrapper gives, and each step that CybORG made, and with the first one, if resilience is measured, the
  ``"network"``; at its end ``{"end": true}``;
- out, in place of any of these: ``{"error": ...}``, and the process ends.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from types import ModuleType
from typing import Any

BLUE_AGENTS = tuple(f"blue_agent_{number}" for number in range(5))
WANTED = ("NAME", "TEAM", "TECHNIQUE", "AGENTS", "wrap")


class Failed(Exception):
    """What is wrong with a submission, in words for who runs it."""


@contextmanager
def _doing(what: str) -> Iterator[None]:
    """Raise errors of the block as :class:`Failed`, with the place in the code where they came up."""
    try:
        yield
    except (Exception, SystemExit) as error:
        trace = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise Failed(f"{what} failed: {message} ({trace.filename}, line {trace.lineno})") from error


# ---------------------------------------------------------------- the submission


def load(folder: Path) -> Any:
    """The class ``Submission`` of a folder, imported again as the challenge's evaluation imports it.

    Raises:
        Failed: when it cannot be imported, or lacks what the evaluation uses.
    """
    _forget(folder)
    sys.path.insert(0, str(folder))
    try:
        with _doing("importing submission.py"):
            module = importlib.import_module("submission")
    except Failed as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise Failed(_missing(error.__cause__.name or "")) from error
        raise
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
    return _checked(module)


def _missing(name: str) -> str:
    return (
        f"it needs the module {name}, which {sys.executable} does not have; install it there, or name an "
        "interpreter that has it with --python"
    )


def _checked(module: ModuleType) -> Any:
    if not hasattr(module, "Submission"):
        raise Failed("submission.py has no class Submission, which the challenge's evaluation asks for")
    found = module.Submission
    lacking = [name for name in WANTED if not hasattr(found, name)]
    if lacking:
        raise Failed(f"class Submission has no {', '.join(lacking)}; it needs {', '.join(WANTED)}")
    if not isinstance(found.AGENTS, Mapping):
        raise Failed(
            f"AGENTS is a {type(found.AGENTS).__name__}; it must be a dict from agent names to agents"
        )
    absent = [agent for agent in BLUE_AGENTS if agent not in found.AGENTS]
    if absent:
        raise Failed(
            f"AGENTS has no {', '.join(absent)}, but {', '.join(map(str, found.AGENTS)) or 'nobody'}; the "
            "challenge's evaluation would leave those asleep: give each of the five an agent"
        )
    mute = [agent for agent in BLUE_AGENTS if not callable(getattr(found.AGENTS[agent], "get_action", None))]
    if mute:
        raise Failed(f"AGENTS[{mute[0]!r}] has no method get_action(observation, action_space)")
    return found


def _forget(folder: Path) -> None:
    """Drop the modules that came from a folder, but not from packages that are installed in it."""
    for name, module in list(sys.modules.items()):
        own = vars(module)  # past what modules make up when they are asked for an attribute
        places = [place for place in (own.get("__file__"), *own.get("__path__", ())) if place]
        inside = any(folder in Path(place).parents for place in places)
        if inside and not any("site-packages" in place for place in places):
            del sys.modules[name]


# ---------------------------------------------------------------- an episode


def play(
    folder: Path, task: Mapping[str, Any], decide: Callable[[dict[str, Any]], Any]
) -> Iterator[dict[str, Any]]:
    """An episode by the rules of the challenge's evaluation, the first that it plays with that seed.

    Yields a message for each step. The submission is loaded again, and what it may draw from is seeded, so
    that an episode does not depend on those before it. ``decide`` chooses for red's agents if the task says
    that they are commanded.

    Raises:
        Failed: for whatever goes wrong in the submission.
    """
    from garrison.adapters.cyborg import commands, engine, facts

    submission = load(folder)
    built = engine.build(
        task["red"], task["seed"], task["steps"], task["green"], attributes=task["attributes"]
    )
    if task.get("commanded", False):
        commands.command(built.environment_controller, decide)
    resilience = task.get("resilience", False)
    steps = listen(built.environment_controller, resilience)
    with _doing("its wrap"):
        wrapped = submission.wrap(built)
    _seed(task["seed"])
    with _doing("reset of its wrapper"):
        observations, _ = wrapped.reset()
    for number in range(task["steps"]):
        actions = _decided(submission, wrapped, observations, number)
        steps.clear()
        with _doing(
            f"step {number} of its wrapper, which must take what get_action returns, here {actions},"
        ):
            observations, rewards, terminated, truncated, _ = wrapped.step(actions)
            reward = float(mean(rewards.values()))
            ends = [terminated.get(agent, False) or truncated.get(agent, False) for agent in wrapped.agents]
        message = {"reward": reward, "steps": list(steps)}
        if resilience and number == 0:
            message["network"] = facts.network(built.environment_controller)
        yield message
        if all(ends):
            return


def _decided(submission: Any, wrapped: Any, observations: Mapping[str, Any], number: int) -> dict[str, Any]:
    actions = {}
    for name, agent in submission.AGENTS.items():
        if name in wrapped.agents:
            with _doing(f"get_action of {name} in step {number}"):
                actions[name] = agent.get_action(observations[name], wrapped.action_space(name))
    return actions


def _seed(seed: int) -> None:
    """Seed the generators that Python, NumPy and PyTorch, if it is there, have for all."""
    random.seed(seed)
    sys.modules["numpy"].random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def listen(controller: Any, resilience: bool = False) -> list[dict[str, Any]]:
    """A list to which each step of CybORG's controller is added from now on, as plain data.

    An entry has ``phase``; ``rewards`` of blue; ``costs``, as :func:`facts.costs`; and ``actions`` by agent,
    as :func:`facts.taken`, None for an agent that was busy; and ``harm``, as :func:`facts.harm`, if
    ``resilience`` is measured.
    """
    from garrison.adapters.cyborg import facts

    noted: list[dict[str, Any]] = []
    step = controller.step

    def listening(*args: Any, **kwargs: Any) -> Any:
        idle, holds = facts.idle(controller, BLUE_AGENTS), facts.red_holds(controller)
        result = step(*args, **kwargs)
        pairs = zip(BLUE_AGENTS, idle, strict=True)
        entry = {
            "phase": int(controller.state.mission_phase),
            "rewards": {name: float(value) for name, value in controller.reward["Blue"].items()},
            "costs": facts.costs(controller),
            "actions": [facts.taken(controller, agent, holds) if free else None for agent, free in pairs],
        }
        noted.append(entry | ({"harm": facts.harm(controller)} if resilience else {}))
        return result

    controller.step = listening
    return noted


# ---------------------------------------------------------------- the process


def serve(folder: Path, asked: Any, answers: Any) -> None:
    """Send what the submission is, then play the episodes that are asked for, until the input ends."""

    def say(message: Mapping[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    def decide(knowledge: Mapping[str, Any]) -> Any:
        say({"knowledge": knowledge})
        return json.loads(asked.readline())

    try:
        say(_about(folder))
        for line in iter(asked.readline, ""):
            for message in play(folder, json.loads(line), decide):
                say(message)
            say({"end": True})
    except Failed as error:
        traceback.print_exc()
        say({"error": str(error)})


def _about(folder: Path) -> dict[str, Any]:
    from garrison.adapters.cyborg import engine

    try:
        about = engine.about()
    except engine.MissingCybORG as error:
        raise Failed(f"with {sys.executable}, {error}") from error
    submission = load(folder)
    named = {name: str(getattr(submission, name.upper())) for name in ("name", "team", "technique")}
    return {"cyborg": about} | named


def main() -> None:
    """Serve on the standard streams; what the submission itself prints goes to the standard error."""
    root, folder = sys.argv[1:]
    asked, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.path[0] = root  # for what is imported of Garrison, and no longer: it may hold other packages
    for name in ("commands", "engine", "facts"):
        importlib.import_module(f"garrison.adapters.cyborg.{name}")
    sys.path.remove(root)
    serve(Path(folder), asked, answers)


if __name__ == "__main__":
    main()
