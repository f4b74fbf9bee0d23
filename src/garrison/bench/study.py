"""What a benchmark measures, in which order, as figures that are JSON-ready."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from garrison.adapters.cyborg import speed as cyborg_speed
from garrison.bench import counts, machine, programs, scopes, stages
from garrison.bench.programs import Program
from garrison.bench.stages import Runner, Tell, spread
from garrison.core.world import World
from garrison.learn import shard
from garrison.training.config import Training


def program(what: str, training: Training, world: World, num_envs: int | None, steps: int | None) -> Program:
    """One of :data:`programs.WHAT`. ``num_envs`` None stands for the preset's; ``steps`` is for env alone."""
    if what == "env":
        return programs.env(world, training.settings.num_envs if num_envs is None else num_envs, steps)
    if num_envs is not None:
        training = dataclasses.replace(training, settings=training.settings.replace(num_envs=num_envs))
    return programs.learner(training, world, what)


def check(num_envs: Sequence[int], repeats: int) -> None:
    """Raise ``ValueError`` for what cannot be measured."""
    if not num_envs or min(num_envs) < 1:
        raise ValueError(f"num_envs is {' '.join(map(str, num_envs)) or 'empty'}; each must be at least 1")
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}; it must be at least 1")


def speed(
    make: Callable[[], Program], num_envs: int, devices: int, repeats: int, seconds: float, tell: Tell
) -> dict[str, Any]:
    """Compile and run a program: stages, speed, cost by the compiler's analysis."""
    count = shard.usable(num_envs, devices)
    with shard.devices(num_envs, devices):
        runner = Runner(make(), tell=tell)
        runs = [runner.speed(seconds) for _ in range(repeats)]
    _check_overflow(runner.results)
    return {
        "what": runner.program.what,
        "num_envs": num_envs,
        "devices": count,
        "steps": runner.program.steps,
        "parameters": runner.program.parameters,
        "seconds": runner.seconds,
        "steps_per_second": spread([speed for speed, _ in runs]),
        "cores_busy": spread([cores for _, cores in runs])["median"],
        **stages.cost(runner.executable, count, num_envs),
    }


def _check_overflow(results: Any) -> None:
    """Raise ``RuntimeError`` if a list of a world overflowed: the timing would be invalid."""
    flags = results.get("overflow", {}) if isinstance(results, dict) else {}
    for name, flag in flags.items():
        if np.any(flag):
            raise RuntimeError(f"the overflow flags {name} were set in {np.count_nonzero(flag)} environments")


def best(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The fastest row."""
    return max(rows, key=lambda row: row["steps_per_second"]["median"])


def limits(row: dict[str, Any], sizes: dict[str, Any]) -> dict[str, Any]:
    """How far a measured program is from what memory and arithmetic of its devices allow.

    ``state`` is what a step cannot do without: to read the environment and write what changes. ``compiler``
    is what the compiled operations read and write by its count, most of it in caches.
    """
    devices, steps = row["devices"], row["steps_per_second"]["median"]
    bandwidth, peak = machine.bandwidth(devices), machine.operations(devices)
    needed = sizes["bytes_per_environment"] + sizes["bytes_changed"]
    figures = {
        "num_envs": row["num_envs"],
        "devices": devices,
        "bandwidth": bandwidth,
        "peak_operations": peak,
        "state_bytes_per_step": needed,
        "steps_per_second_by_state": bandwidth / needed,
        "share_of_bandwidth_by_state": steps * needed / bandwidth,
    }
    if row["bytes_accessed_per_step"]:
        figures["share_of_bandwidth_by_compiler"] = steps * row["bytes_accessed_per_step"] / bandwidth
    if row["operations_per_step"]:
        figures["share_of_peak_operations"] = steps * row["operations_per_step"] / peak
    return figures


def profile(world: World, num_envs: int, steps: int | None, tell: Tell) -> list[dict[str, Any]]:
    """Time of the world's step by named scope, on one device."""
    tell(f"compiling what is profiled, {num_envs:,} environments")
    play = programs.env(world, num_envs, steps)
    arguments = play.start(0)
    executable, _ = stages.compiled(play.function, *arguments)
    tell("profiling")
    return scopes.profile(executable, arguments, num_envs * play.steps)


def against_cyborg(
    make: Callable[[], Program],
    num_envs: int,
    devices: int,
    repeats: int,
    tell: Tell,
    python: str,
    seconds: float,
) -> dict[str, Any]:
    """Garrison and one process of CybORG in turns of some seconds; each ratio compares adjacent measurements.

    Raises ``ValueError`` if ``python`` cannot import CybORG.
    """
    with cyborg_speed.process(python) as cyborg, shard.devices(num_envs, devices):
        tell("starting CybORG")
        cyborg(0.1)
        runner = Runner(make(), tell=tell)
        pairs = []
        for number in range(repeats):
            tell(f"in turns with CybORG, {number + 1} of {repeats}")
            pairs.append((runner.speed(seconds)[0], cyborg(seconds)))
    return {
        "num_envs": num_envs,
        "devices": shard.usable(num_envs, devices),
        "repeats": repeats,
        "seconds": seconds,
        "steps_per_second": spread([speed for speed, _ in pairs]),
        "cyborg_steps_per_second": spread([speed for _, speed in pairs]),
        "ratio": spread([garrison / cyborg for garrison, cyborg in pairs]),
    }


def counted(world: World) -> dict[str, Any]:
    """:func:`counts.sizes`, and which world it is."""
    return {"world": world.name, "world_version": world.version} | counts.sizes(world)
