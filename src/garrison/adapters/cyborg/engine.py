"""CybORG itself: imported, identified, and built as CAGE Challenge 4 has it.

CybORG is imported when it is first used, so that this module can be imported without it. The module itself
needs only the standard library: :mod:`~garrison.adapters.cyborg.speed` loads it in a Python without Garrison.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import subprocess
import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

#: The commit of CAGE Challenge 4's repository that Garrison is compared with, and the hash of its sources.
KNOWN_COMMIT = "8c3c50ca54b176c2de199847944e8dcc035497e3"
KNOWN_SOURCES = "4e1f4c081c60bdec"

#: Blue's agents in the order of the agent axis.
BLUE_AGENTS = tuple(f"blue_agent_{number}" for number in range(5))

#: Classes in ``CybORG.Agents`` by the names that Garrison uses; None: a class of ``adapters.cyborg.reds``.
REDS: dict[str, str | None] = {
    "fsm": "FiniteStateRedAgent",
    "discovery": "DiscoveryFSRed",
    "random_select": "RandomSelectRedAgent",
    "sleep": "SleepAgent",
    **dict.fromkeys(
        ("aggressive", "stealthy", "impact", "cia_c", "cia_i", "cia_a", "resilience", "target_a",
         "target_a_op", "target_a_re", "target_b", "target_b_op", "target_b_re", "impacter", "degrader",
         "failure_tracker", "combined")
    ),
}  # fmt: skip
GREENS = {"enterprise": "EnterpriseGreenAgent", "sleep": "SleepAgent"}

# CybORG imports these and uses nothing of them in CAGE Challenge 4: module, and names that must be there.
_UNUSED = {
    "pygame": (),
    "matplotlib": (),
    "matplotlib.pyplot": (),
    "matplotlib.widgets": ("Slider", "Button"),
    "ray": (),
    "ray.rllib": (),
    "ray.rllib.env": (),
    "ray.rllib.env.multi_agent_env": ("MultiAgentEnv",),
}
_INSTALL = (
    "clone CAGE Challenge 4's repository (cage-challenge/cage-challenge-4) and put it on the path, as with "
    "PYTHONPATH; what it needs: pip install 'garrison[cyborg]'"
)


class MissingCybORG(ImportError, ValueError):
    """CybORG, or something that it needs, cannot be imported; the message says what and how to get it."""


@lru_cache(maxsize=1)
def cyborg() -> types.ModuleType:
    """The package ``CybORG`` with the modules that are used here loaded.

    Raises:
        MissingCybORG: when it, or a package that it needs, is not installed.
    """
    try:
        with stand_ins(), redirect_stderr(io.StringIO()):  # Gym prints there that it is old
            package = importlib.import_module("CybORG")
            for name in ("Agents", "Agents.Wrappers", "Simulator.Scenarios"):
                importlib.import_module(f"CybORG.{name}")
    except ImportError as error:
        missing = (error.name or "").partition(".")[0] or str(error)
        what = "is not installed" if missing == "CybORG" else f"needs {missing}, which is not installed"
        raise MissingCybORG(f"CybORG {what}: {_INSTALL}") from error
    if not hasattr(package, "CYBORG_VERSION") or not hasattr(package.Agents, "EnterpriseGreenAgent"):
        raise MissingCybORG(f"CybORG in {package.__file__} is not that of CAGE Challenge 4: {_INSTALL}")
    return package


@contextmanager
def stand_ins() -> Iterator[None]:
    """Within the block, empty modules replace those of ``_UNUSED`` that are not installed."""
    absent = [name for name in _UNUSED if not _importable(name)]
    for name in absent:
        module = types.ModuleType(name)
        module.__path__ = []  # makes it a package
        for needed in _UNUSED[name]:
            setattr(module, needed, type(needed, (), {}))
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], last, module)
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def _importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


# ---------------------------------------------------------------- identity


@lru_cache(maxsize=1)
def about() -> dict[str, Any]:
    """The identity of this CybORG, JSON-ready.

    Returns:
        ``version`` as CybORG says; ``commit`` of its source tree, None where that is not a git checkout;
        ``sources``, the first 16 digits of the SHA-256 of its Python files; ``known``, whether those are the
        files that Garrison is compared with.
    """
    package = cyborg()
    folder = Path(str(package.__file__)).parent
    sources = source_hash(folder)
    return {
        "version": package.CYBORG_VERSION,
        "commit": _commit(folder.parent),
        "sources": sources,
        "known": sources == KNOWN_SOURCES,
    }


def described(about: Mapping[str, Any]) -> str:
    """:func:`about` in a line."""
    commit = f"commit {about['commit'][:7]}" if about["commit"] else "no git checkout"
    state = "the known sources" if about["known"] else f"NOT the sources of commit {KNOWN_COMMIT[:7]}"
    run = ", run as they are" if always_as_is() else ""
    return f"CybORG {about['version']}, {commit}, {state} ({about['sources']}){run}"


def source_hash(folder: Path) -> str:
    """The first 16 digits of the SHA-256 of the Python files of a package, without ``Evaluation``.

    That folder is left out because people put their submissions there, and CybORG does not read it.
    """
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.py"), key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder).as_posix()
        if not name.startswith("Evaluation/"):
            total.update(f"{name}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:16]


def _commit(root: Path) -> str | None:
    """HEAD of the git checkout whose root is ``root``; None if it is none."""
    git = ["git", "-C", str(root), "rev-parse", "--show-toplevel", "HEAD"]
    try:
        answer = subprocess.run(git, capture_output=True, text=True, check=True).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer[1] if Path(answer[0]).resolve() == root.resolve() else None


# ---------------------------------------------------------------- an episode

#: Environment variable: 1 has CybORG run as it is in all commands and their processes.
AS_IS = "GARRISON_CYBORG_AS_IS"


def always_as_is() -> bool:
    """What ``AS_IS`` says. Raises ``ValueError`` for another value than 0 and 1."""
    value = os.environ.get(AS_IS, "0")
    if value not in ("0", "1"):
        raise ValueError(f"{AS_IS} is {value!r}; it must be 0 or 1")
    return value == "1"


def build(
    red: str = "fsm",
    seed: Any = None,
    steps: int = 500,
    green: str = "enterprise",
    as_is: bool | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """A ``CybORG`` of CAGE Challenge 4, built as the challenge's evaluation does; no wrapper is around it.

    Args:
        red, green: names from ``REDS`` and ``GREENS``.
        seed: of the generator that everything draws from, or a generator of one's own, such as one that
            records. CybORG draws one whole network on construction, before the first reset.
        steps: episode length as CybORG counts it; an episode is over after ``steps - 1`` steps.
        as_is: run all that CybORG runs. Otherwise its rewards are asked without the true state of the
            network, which it computes three times a step for them and which none of them reads: two thirds
            of its time (``results/cyborg_true_state``). The episodes are the same, draw by draw. Sources
            other than the known ones are always run as they are. None stands for what the environment
            variable ``AS_IS`` says.
        attributes: of the scenario generator and of actions that differ from CybORG's own, as
            :func:`garrison.adapters.cyborg.variants.attributes` gives them.

    Raises:
        MissingCybORG: when CybORG cannot be imported.
        ValueError: for an unknown red or green.
    """
    for what, name, known in (("red", red, REDS), ("green", green, GREENS)):
        if name not in known:
            raise ValueError(f"no {what} {name!r} on CybORG; there are: {', '.join(known)}")
    package = cyborg()
    generator = package.Simulator.Scenarios.EnterpriseScenarioGenerator(
        blue_agent_class=package.Agents.SleepAgent,
        green_agent_class=getattr(package.Agents, GREENS[green]),
        red_agent_class=red_class(red),
        steps=steps,
    )
    if hasattr(generator.red_agent_class, "roles"):
        _ours().with_roles(generator)
    attributes = attributes or {"generator": {}, "actions": {}}
    for name, value in attributes["generator"].items():
        setattr(generator, name, value)
    made = package.CybORG(generator, seed=seed)
    if attributes["actions"]:
        controller = made.environment_controller
        controller.replace_action_if_invalid = partial(_chosen, controller, attributes["actions"])
    if not (always_as_is() if as_is is None else as_is) and about()["known"]:
        controller = made.environment_controller
        controller.calculate_reward = partial(_reward, controller)
    return made


def red_class(red: str) -> type:
    """The class of a red by a name of ``REDS``."""
    agents, name = cyborg().Agents, REDS[red]
    return _ours().classes(agents.FiniteStateRedAgent)[red] if name is None else getattr(agents, name)


def _ours() -> types.ModuleType:
    """The reds that CybORG does not have; not there in a Python without Garrison."""
    from garrison.adapters.cyborg import reds

    return reds


def _chosen(controller: Any, attributes: Mapping[str, Any], action: Any, agent: Any) -> Any:
    """The action that CybORG plays for what an agent chose, with other attributes.

    CybORG asks here once for each choice, before it reads the duration.
    """
    action = type(controller).replace_action_if_invalid(controller, action, agent)
    team = agent.agent_name.partition("_")[0]
    for name, value in attributes.get(team, {}).get(type(action).__name__, {}).items():
        setattr(action, name, value)
    return action


def _reward(controller: Any, calculator: Any) -> float:
    """As ``calculate_simulation_reward`` of CybORG's calculators, without the true state (None)."""
    return calculator.calculate_reward(
        None, controller.action, controller.observation, controller.done, controller.state
    )


class CybORGSession:
    """One CybORG of CAGE Challenge 4 behind its own blue wrapper; arguments as those of :func:`build`.

    Attributes:
        cyborg: the ``CybORG`` object; ``controller`` its ``environment_controller``.
        wrapper: a ``BlueFlatWrapper``.
        raw: the latest raw observation of each blue agent: CybORG's own dictionaries, not copies, which it
            changes in the next step.
    """

    def __init__(
        self,
        red: str = "fsm",
        seed: Any = None,
        steps: int = 500,
        green: str = "enterprise",
        as_is: bool | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        self.raw: dict[str, dict] = {}
        self.cyborg = build(red, seed, steps, green, as_is, attributes)
        self.wrapper = _listening()(self.cyborg, self.raw)

    @property
    def controller(self) -> Any:
        return self.cyborg.environment_controller

    def reset(self, seed: int | None = None) -> dict[str, Any]:
        """Start an episode; returns the vectors by agent. ``seed`` replaces the generator by a fresh one."""
        return self.wrapper.reset(seed=seed)[0]

    def step(
        self, actions: Mapping[str, int], messages: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, float], bool]:
        """One step with action indices by agent: vectors and rewards by agent, and whether it ends here."""
        observations, rewards, terminated, _, _ = self.wrapper.step(dict(actions), messages=messages)
        return observations, rewards, all(terminated.values())


@lru_cache(maxsize=1)
def _listening() -> type:
    """CybORG's blue wrapper, which also keeps the raw observation from which it makes each vector."""

    class Listening(cyborg().Agents.Wrappers.BlueFlatWrapper):
        def __init__(self, env: Any, raw: dict[str, dict]):
            super().__init__(env)
            self._raw = raw

        def observation_change(self, agent_name: str, observation: dict) -> Any:
            self._raw[agent_name] = observation
            return super().observation_change(agent_name, observation)

    return Listening
