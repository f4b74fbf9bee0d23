"""Tracing, lowering, compiling and running a program, each measured by itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax

from garrison.bench.programs import Program

#: Told what is going on.
Tell = Callable[[str], None]


def compiled(function: Any, *arguments: Any) -> tuple[Any, dict[str, float]]:
    """A jitted function, compiled for arguments, and the seconds of each stage."""
    times = [time.perf_counter()]
    traced = function.trace(*arguments)
    times.append(time.perf_counter())
    lowered = traced.lower()
    times.append(time.perf_counter())
    program = lowered.compile()
    times.append(time.perf_counter())
    names = ("trace", "lower", "compile")
    return program, {name: end - start for name, start, end in zip(names, times, times[1:], strict=False)}


class Runner:
    """A program that is compiled and warm.

    Attributes:
        executable: what XLA made of it.
        seconds: of its stages: ``start`` compiles the reset and runs it; ``trace``, ``lower``, ``compile``;
            and ``first``, its first run, which is not counted later.
    """

    def __init__(self, program: Program, seed: int = 0, tell: Tell = lambda _: None):
        self.program = program
        tell(f"compiling the start of {program.what}, {program.num_envs:,} environments")
        began = time.perf_counter()
        self.arguments = jax.block_until_ready(program.start(seed))
        start = time.perf_counter() - began
        tell(f"compiling {program.what}, {program.num_envs:,} environments")
        self.executable, stages = compiled(program.function, *self.arguments)
        tell(f"running {program.what}, {program.num_envs:,} environments")
        self.results: Any = None
        self.seconds = {"start": start, **stages, "first": self.run()}

    def run(self) -> float:
        """Run once; returns the seconds that it took."""
        start = time.perf_counter()
        self.results = jax.block_until_ready(self.executable(*self.arguments))
        spent = time.perf_counter() - start
        self.arguments = self.program.advance(self.arguments, self.results)
        return spent

    def speed(self, seconds: float) -> tuple[float, float]:
        """Run for at least some seconds; returns environment steps per second, and cores that were busy."""
        wall, count, cpu = 0.0, 0, time.process_time()
        while wall < seconds or not count:
            wall += self.run()
            count += 1
        return count * self.env_steps / wall, (time.process_time() - cpu) / wall

    @property
    def env_steps(self) -> int:
        """Environment steps of one run, over all environments."""
        return self.program.num_envs * self.program.steps


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and range, JSON-ready."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def cost(executable: Any, devices: int, num_envs: int) -> dict[str, Any]:
    """What the compiler says of a program, over all devices; None for what it does not say.

    ``operations_per_step`` and ``bytes_accessed_per_step`` are per environment: XLA counts the body of a loop
    once, so that a program which is one loop over steps counts as one step.
    """
    memory, analysis = executable.memory_analysis(), executable.cost_analysis() or {}
    held = {
        "temporary_bytes": memory and int(memory.temp_size_in_bytes) * devices,
        "argument_bytes": memory and int(memory.argument_size_in_bytes) * devices,
        "output_bytes": memory and int(memory.output_size_in_bytes) * devices,
        "code_bytes": memory and int(memory.generated_code_size_in_bytes),
    }
    share = num_envs // devices
    return held | {
        "operations_per_step": analysis.get("flops") and analysis["flops"] / share,
        "bytes_accessed_per_step": analysis.get("bytes accessed") and analysis["bytes accessed"] / share,
    }
