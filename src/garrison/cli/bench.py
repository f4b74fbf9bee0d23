"""``garrison bench``: how fast a world and its learners are, how long they compile, what limits them."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import jax
import tyro

from garrison import presets
from garrison.bench import machine, processes
from garrison.bench.programs import WHAT, Program
from garrison.cli import bench_report
from garrison.cli.common import user_input
from garrison.cli.progress import bar
from garrison.cli.publish import publish
from garrison.core.world import World
from garrison.learn import shard
from garrison.studies.study import origin, prepare
from garrison.training import seeds
from garrison.training.config import Training, make_world, parse_options

_NUM_ENVS = (1, 64, 256)  # of the world alone: for debugging, for a small machine, for more cores
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """Measure speed, compile times and memory of a world, and of learning in it.

    env: the world alone, with random legal actions; observations, masks and rewards are computed and used.
    rollout: a preset's policy plays, and all that it learns from is kept. training: a whole iteration.
    Compile times are those of a first start, without the cache of compiled programs, unless --use-cache is
    given.
    """

    world: tyro.conf.Positional[str] = "cc4"
    """Name of the world; `garrison worlds` lists them."""
    options: tuple[str, ...] = ()
    """Options of the world, as in steps=100."""
    red: str | None = None
    """The attacker; short for an option red=..."""
    green: str | None = None
    """The users; short for an option green=..."""
    what: tuple[Literal["env", "rollout", "training", "all"], ...] = ("env",)
    """What to measure."""
    preset: str = "cc4-ippo"
    """The learner of rollout and training; `garrison presets` lists them."""
    num_envs: tuple[int, ...] = ()
    """Environments side by side, over all devices; by default 1, 64 and 256 for env, else the preset's."""
    steps: int | None = None
    """Steps of each environment in a run of env; by default a whole episode."""
    repeats: int = 3
    """Measurements of each program, after a run that is not counted."""
    seconds: float = 1.0
    """How long a measurement takes at least; it is made of whole runs."""
    devices: int | None = None
    """Devices that share the environments: the cores of a CPU. By default all; for learners on a CPU, one."""
    use_cache: tyro.conf.FlagCreatePairsOff[bool] = False
    """Take programs from the cache and keep them there, as other commands do."""
    warm: tyro.conf.FlagCreatePairsOff[bool] = False
    """Measure as well how long a second process compiles, which finds what a first one has compiled."""
    profile: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show as well where the time of the world's step goes, by named scope."""
    cyborg: tyro.conf.FlagCreatePairsOff[bool] = False
    """Compare env with a process of CybORG, in turns."""
    cyborg_python: str = sys.executable
    """The Python that has CybORG."""
    cyborg_seconds: float = 5.0
    """How long a turn takes."""
    out: Path | None = None
    """Folder for figures.json, README.md and, with several numbers of environments, speed.png."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        with user_input():
            devices = self._devices()  # first: making a world may compute something
            training, world = self._opened()
            prepare(self.out)
        if not self.use_cache:
            jax.config.update("jax_enable_compilation_cache", False)
        with (
            user_input()
        ):  # of environments and steps that do not fit the world, and of CybORG where it is missing
            figures = self._measured(training, world, devices)
        publish(bench_report.study(figures), self.out, self.json)
        return 0

    def _opened(self) -> tuple[Training, World]:
        from garrison.bench import study

        preset = presets.get(self.preset)
        study.check(self.num_envs or _NUM_ENVS, self.repeats)
        if self.cyborg and self.world != "cc4":
            raise ValueError(f"CybORG plays cc4, not {self.world!r}: leave out --cyborg")
        if self.cyborg:
            from garrison.adapters.cyborg import speed as cyborg_speed

            with cyborg_speed.process(self.cyborg_python) as play:
                play(0.001)  # a missing CybORG is an error before anything is measured
        named = {"red": self.red, "green": self.green}
        options = (*self.options, *(f"{name}={value}" for name, value in named.items() if value is not None))
        options = parse_options(options)
        training = dataclasses.replace(
            preset, world=self.world, options=options, vary=(), num_seeds=1, parallel_seeds=1
        )
        if self._programs() == ("env",):
            return training, make_world(self.world, options)
        return training, seeds.check(training)  # which checks that the preset fits the world

    def _devices(self) -> int | None:
        """The largest number of devices to use; None: as many as suit each program."""
        if self.devices is not None and self.devices < 1:
            raise ValueError(f"devices is {self.devices}; it must be at least 1")
        if self.devices is not None or "env" in self._programs():
            with suppress(RuntimeError):  # in a process that has used JAX already, its devices are those
                shard.cores_as_devices(self.devices or shard.cores())
        if (self.devices or 1) > jax.device_count():
            raise ValueError(f"devices is {self.devices}; there are {jax.device_count()}")
        return self.devices

    def _programs(self) -> tuple[str, ...]:
        return tuple(what for what in WHAT if what in self.what or "all" in self.what)

    def _jobs(self, training: Training) -> list[tuple[str, int]]:
        return [
            (what, num_envs)
            for what in self._programs()
            for num_envs in self.num_envs or (_NUM_ENVS if what == "env" else (training.settings.num_envs,))
        ]

    def _measured(self, training: Training, world: World, devices: int | None) -> dict[str, Any]:
        from garrison.bench import study

        jobs = self._jobs(training)
        extra = (
            1
            + 3 * ("env" in self._programs())
            + 2 * self.profile
            + (4 + self.repeats) * self.cyborg
            + 2 * self.warm * len(self._programs())
        )
        found: dict[str, Any] = origin(self._command()) | {"hardware": machine.facts()} | study.counted(world)
        found |= {"options": training.options, "preset": self.preset, "repeats": self.repeats}
        found |= {"cached": self.use_cache, "rows": []}
        with progress(3 * len(jobs) + extra) as tell:
            for what, num_envs in jobs:
                make = partial(study.program, what, training, world, num_envs, self.steps)
                row = study.speed(
                    make, num_envs, self._at_most(what, devices), self.repeats, self.seconds, tell
                )
                found["rows"].append(row)
            found |= self._more(training, world, found, tell)
        return found | {"peak_bytes": machine.peak_bytes()}

    def _at_most(self, what: str, devices: int | None) -> int:
        learns_on_cpu = what != "env" and jax.devices()[0].platform == "cpu"
        return devices or (1 if learns_on_cpu else jax.device_count())

    def _more(self, training: Training, world: World, found: dict[str, Any], tell: Tell) -> dict[str, Any]:
        """Measurements at the best number of environments."""
        from garrison.bench import study

        best = {
            what: study.best([r for r in found["rows"] if r["what"] == what]) for what in self._programs()
        }
        more: dict[str, Any] = {}
        if "env" in best:
            tell("measuring what the memory can do")
            more["limits"] = study.limits(best["env"], found)
            more["jax_random"] = self._with_jax_random(world, best["env"], tell)
        num_envs = best["env"]["num_envs"] if "env" in best else (self.num_envs or _NUM_ENVS)[-1]
        if self.profile:
            more["profile"] = study.profile(world, num_envs, self.steps, tell)
        if self.cyborg:
            make: Callable[[], Program] = partial(study.program, "env", training, world, num_envs, self.steps)
            devices = self._at_most("env", self.devices)
            more["cyborg"] = study.against_cyborg(
                make, num_envs, devices, self.repeats, tell, self.cyborg_python, self.cyborg_seconds
            )
        if self.warm:
            more["warm"] = [
                {
                    "what": what,
                    "num_envs": row["num_envs"],
                    "seconds": processes.cold_and_warm(self._again(row), tell),
                }
                for what, row in best.items()
            ]
        return more

    def _with_jax_random(self, world: World, best: dict[str, Any], tell: Tell) -> dict[str, Any]:
        """The world alone once more, with actions drawn by ``jax.random``."""
        from garrison.bench import programs, study

        make = partial(programs.env, world, best["num_envs"], self.steps, programs.jax_random)
        row = study.speed(make, best["num_envs"], best["devices"], self.repeats, self.seconds, tell)
        return row | {"what": "env, jax.random"}

    def _again(self, row: dict[str, Any]) -> list[str]:
        """Arguments of a process that measures one row, once, with a cache."""
        more = {"warm": False, "profile": False, "cyborg": False, "out": None}
        once = {"what": (row["what"],), "num_envs": (row["num_envs"],), "repeats": 1, "seconds": 0.0}
        same = dataclasses.replace(self, **more, **once, devices=row["devices"], use_cache=True, json=True)
        return shlex.split(same._command())[1:]

    def _command(self) -> str:
        """The command with these arguments."""
        parts = ["garrison", "bench", self.world]
        for field in dataclasses.fields(self)[1:]:
            value = getattr(self, field.name)
            if value == field.default or field.name == "cyborg_python":  # a path of this machine
                continue
            values = () if value is True else value if isinstance(value, tuple) else (value,)
            parts += [f"--{field.name.replace('_', '-')}", *map(str, values)]
        return shlex.join(parts)


@contextmanager
def progress(total: int) -> Iterator[Tell]:
    """A bar on standard error; yields a function that names the step, of ``total``, that begins."""
    with bar("starting", total + 1, transient=True) as steps:

        def begin(what: str) -> None:
            steps.update(description=what)
            steps.advance()

        yield begin
