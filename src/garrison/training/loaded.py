"""The policies of runs by name: ``RUN`` for a policy per training seed, or ``RUN:SEED``, counted from 0."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from garrison.core.policy import Policy
from garrison.core.world import World, observed_by
from garrison.runs import directory
from garrison.runs.directory import RunDirectory
from garrison.training.config import Training, option_texts
from garrison.training.seeds import load_policies


@dataclass(frozen=True)
class LoadedRun:
    """The policies of a run, or one of them."""

    spec: str
    training: Training
    world: World  # that it was trained in, without banks and opponents
    policies: tuple[Policy, ...]  # one per training seed

    @property
    def options(self) -> tuple[str, ...]:
        return option_texts(self.training.options)


def run_of(spec: str) -> tuple[Path, int | None] | None:
    """The run directory and the training seed of ``RUN`` or ``RUN:SEED``; None for other specs."""
    if (path := directory.find(spec)) is not None:
        return path, None
    name, _, number = spec.rpartition(":")
    if name and number.isdecimal() and (path := directory.find(name)) is not None:
        return path, int(number)
    return None


def load_run(
    spec: str | Path | RunDirectory, which: str = "latest", greedy: bool = False, side: str | None = None
) -> LoadedRun:
    """The policies of a run, given as ``RUN``, ``RUN:SEED`` or a ``Run``.

    Args:
        which: "latest", "best", or the name of a kept checkpoint, such as "step-00000100".
        greedy: whether policies take their most probable actions instead of sampling.
        side: whose policies, where both sides learned.

    Raises:
        FileNotFoundError: for a directory that is not a run, and for a missing checkpoint.
        ValueError: for a seed that the run does not have, and for a checkpoint that does not fit.
    """
    spec = str(spec.path if isinstance(spec, RunDirectory) else spec)
    path, number = run_of(spec) or (Path(spec), None)
    training, world, policies = load_policies(directory.load(path), which, greedy, side)
    if number is None:
        return LoadedRun(spec, training, world, tuple(policies))
    if number >= len(policies):
        raise ValueError(f"{path} has {len(policies)} training seeds, counted from 0; there is no {number}")
    return LoadedRun(spec, training, world, (policies[number],))


def check_fit(run: LoadedRun, world: World) -> None:
    """Raise ``ValueError`` if the policies of a run cannot play in ``world``."""
    trained_in = run.world
    world = observed_by(world, [trained_in])
    if world.agents != trained_in.agents or not _same_actions(world, trained_in):
        here = f"{world.num_agents} agents with {world.action_counts} actions"
        there = f"{trained_in.num_agents} with {trained_in.action_counts}"
    elif world.observation_size < trained_in.observation_size:
        here, there = f"{world.observation_size} features", f"{trained_in.observation_size}"
    else:
        return
    side = f" as {only(world.sides)}" if world.two_sided() is not None else ""
    raise ValueError(
        f"the policies of {run.spec} cannot play {world.name!r}{side}: it has {here}, "
        f"and {run.training.world!r}, in which they were trained, {there}"
    )


def _same_actions(world: World, trained_in: World) -> bool:
    """Whether the actions of ``trained_in`` are those of ``world``, which may have scripts behind them."""
    pairs = list(zip(world.action_counts, trained_in.action_counts, strict=True))
    if any(here < there for here, there in pairs):
        return False
    return all(
        here == there or world.action_labels(agent)[:there] == trained_in.action_labels(agent)
        for agent, (here, there) in enumerate(pairs)
    )


def only(sides: Any) -> str:
    """The name of the side of a world that has one."""
    return ", ".join(sides)
