"""``garrison eval``: policies on the same episodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import tyro

from garrison.cli.common import out, print_json, seed_range, user_input, waiting
from garrison.core.files import to_json, write
from garrison.core.policy import Policy
from garrison.core.world import World, observed_by
from garrison.core.wrappers import Wrapper
from garrison.judge import match as matches
from garrison.judge import specs
from garrison.judge.evaluate import check_seeds
from garrison.judge.evaluation import Figures
from garrison.judge.match import EPISODES, SEED, Match, OnProgress
from garrison.judge.specs import Which
from garrison.judge.tables import tables
from garrison.training.config import make_world, parse_options
from garrison.training.loaded import LoadedRun
from garrison.view import write as write_replay
from garrison.view.replay import SUFFIX

#: The policies of a match by name: one each, or one per training seed of a run.
Policies = dict[str, Policy | list[Policy]]


@dataclass(frozen=True)
class Contest:
    """Which policies play what: the arguments that `eval` and `compare` share."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Run directories (RUN, or RUN:1 for one training seed, counted from 0) and policies of the world."""
    against: tuple[str, ...] = ()
    """Opponents, named as the policies are; every policy plays each. By default the world's own."""
    side: str | None = None
    """Side to judge, as in red; by default that of the runs, or of the world."""
    world: str | None = None
    """World; by default that of the runs, or cc4."""
    options: tuple[str, ...] = ()
    """Options of the world, as in green=sleep; the others stay as in the runs."""
    red: str | None = None
    """Scripted attacker; short for the option red=..."""
    episodes: int | None = None
    """Episodes of each policy; 100 by default."""
    seed: int | None = None
    """Seed of the first episode; the others have the seeds that follow. 1,000,000 by default."""
    episode_seeds: str | None = None
    """Seeds of the episodes, as in 0-99, in place of --episodes and --seed."""
    which: Which = "latest"
    """Checkpoint of the runs."""
    greedy: tyro.conf.FlagCreatePairsOff[bool] = False
    """Take the most probable actions of trained policies instead of sampling."""
    out: Path | None = None
    """File for the figures, as JSON."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def opened(self) -> tuple[World, Policies, tuple[str, ...]]:
        """The world with its own opponent, the named policies, and the world's options.

        The world has the native policies of the side that are named among its own.

        Raises ``ValueError`` or ``OSError`` for unknown names and for policies that do not fit the world.
        """
        loaded = self._loaded()
        world, options = self._world(loaded)
        if self.side is not None or len(world.sides) > 1:
            matches.check_one_sided(world, self.side)
        world = specs.playable(world, self.names)
        return world, self._policies(loaded, world), options

    def match(self, scripted: bool = False) -> Match:
        """The match to play.

        Args:
            scripted: whether all scripted policies of the world play, if none of them is named.
        """
        alone = scripted and all(specs.run_of(name) is not None for name in self.names)
        if not self.against:
            world, policies, options = self.opened()
            if alone:
                world = specs.playable(world, specs.controls(world))
            worlds: dict[str | None, World] = {None: world}
        else:
            loaded = self._loaded()
            world, options = self._world(loaded)
            side = matches.judged_side(world, self.side)
            both = matches.two_sided(world)
            beside = specs.controls(specs.side_view(both, side)) if alone else ()
            both = specs.with_scripts(both, side, (*self.names, *beside))
            if self.red is not None:
                raise ValueError("give either --red, the world's own attacker, or --against")
            worlds = matches.worlds_against(both, side, self._opponents(both, side))
            decided = {"side", *both.sides}  # options that name a side or its policy
            options = tuple(option for option in options if option.partition("=")[0] not in decided)
            world = specs.side_view(both, side)
            policies = self._policies(loaded, world)
        trained = [name for name, one in policies.items() if isinstance(one, list)]
        if scripted and len(trained) == len(policies):
            policies = {**world.policies(), **policies}
        return Match(worlds, policies, trained[0] if trained else None, options)

    def range(self) -> tuple[int, int]:
        """Number of episodes and seed of the first one. Raises ``ValueError`` for impossible ones."""
        episodes = EPISODES if self.episodes is None else self.episodes
        seed = SEED if self.seed is None else self.seed
        if self.episode_seeds is not None:
            if self.episodes is not None or self.seed is not None:
                raise ValueError("give either --episode-seeds, or --episodes and --seed")
            seeds = seed_range(self.episode_seeds)
            episodes, seed = len(seeds), seeds[0]
        check_seeds(episodes, seed)
        self.check_out()
        return episodes, seed

    def check_out(self) -> None:
        """Raise ``OSError`` if ``--out`` cannot be written."""
        if self.out is not None:
            check_output(self.out)

    def show(self, result: Figures) -> int:
        """Write the figures to ``--out`` and print them; returns the exit status."""
        figures = result.figures | {"which": self.which, "greedy": self.greedy}
        if self.out is not None:
            write(self.out, to_json(figures) + "\n")
        if self.json:
            print_json(figures)
            return 0
        for table in tables(figures):
            out.print(table)
            out.print()
        return 0

    def _loaded(self) -> dict[str, LoadedRun]:
        runs = [name for name in self.names if specs.run_of(name) is not None]
        return {name: specs.load_run(name, self.which, self.greedy, self.side) for name in runs}

    def _policies(self, loaded: dict[str, LoadedRun], world: World) -> Policies:
        for run in loaded.values():
            specs.check_fit(run, world)
        shown = specs.labels(list(loaded), world.policies())
        return {
            shown.get(name, name): list(loaded[name].policies)
            if name in loaded
            else specs.resolve(name, world)
            for name in self.names
        }

    def _opponents(self, both: World, side: str) -> dict[str, str | Policy]:
        runs = [name for name in self.against if specs.run_of(name) is not None]
        shown = specs.labels(runs)
        return {
            shown.get(name, name): specs.opponent(name, both, side, (), self.which, self.greedy)
            for name in self.against
        }

    def _world(self, loaded: dict[str, LoadedRun]) -> tuple[World, tuple[str, ...]]:
        """The world that is named, or the one in which all runs were trained, and its options."""
        given = (*self.options, *(() if self.red is None else (f"red={self.red}",)))
        parse_options(given)  # refuses an option that is given twice
        if self.world is not None or not loaded:
            return make_world(self.world or "cc4", given), given
        options = {name: overridden(run.options, given) for name, run in loaded.items()}
        worlds = {name: make_world(loaded[name].training.world, one) for name, one in options.items()}
        alike = {name: observed_by(world, list(worlds.values())) for name, world in worlds.items()}
        if len(set(alike.values())) > 1:
            trained_in = [
                f"{name}: {' '.join((run.training.world, *run.options))}" for name, run in loaded.items()
            ]
            raise ValueError(
                f"the runs were trained in different worlds ({'; '.join(trained_in)}); "
                "name the one to play with --world, and its options with --options"
            )
        return next(iter(alike.values())), next(iter(options.values()))


@dataclass(frozen=True)
class Evaluate(Contest):
    """Judge trained and scripted policies on the same episodes.

    Without the name of a scripted policy, all scripted policies of the world play; beside a red of cc4 also
    fsm. With --against, every policy plays every opponent.
    """

    policies: tuple[str, ...] = ()
    """More policies, for use after other options."""
    suite: str | None = None
    """Suite to play in place of one world: its games, on its own episodes; `garrison suites` lists them."""
    resilience: tyro.conf.FlagCreatePairsOff[bool] = False
    """Measure resilience: the health of three assets under attack, and how long their outages last."""
    record: Path | None = None
    """File for the first episode of the first policy, as a replay for `garrison view` (*.replay.jsonl.gz)."""
    on: Literal["garrison", "cyborg"] = "garrison"
    """Simulator: garrison or cyborg. On CybORG (must be installed) name the policies to evaluate."""
    workers: int = 1
    """Processes that play on CybORG."""
    python: str | None = None
    """Interpreter that runs submissions to CAGE Challenge 4; by default the one that runs Garrison."""

    def run(self) -> int:
        whole = replace(self, names=(*self.names, *self.policies))
        if self.record is not None:
            with user_input():
                whole._check_record(self.record)
        if self.suite is not None:
            from garrison.cli import evaluate_suite

            return whole.show(evaluate_suite.evaluated(whole, self.suite))
        return whole.show(whole._here() if self.on == "garrison" else whole._on_cyborg())

    def _here(self) -> Figures:
        with user_input():
            match = self.match(scripted=True)
            episodes, seed = self.range()
            match.check(episodes, seed, self.resilience)
            if self.record is not None:
                check_drawn(next(iter(match.worlds.values())))
        first = None if self.record is None else self._first(match)
        with playing(match, episodes) as on_progress:
            result = match.evaluate(
                episodes, seed, record=first, on_progress=on_progress, resilience=self.resilience
            )
        if self.record is not None:
            write_replay(self.record, result.replay())
        return result

    def _check_record(self, path: Path) -> None:
        if not self.names:
            raise ValueError("--record keeps an episode of the first policy; name one")
        if self.suite is not None or self.on != "garrison":
            raise ValueError("--record is not possible with --suite and --on cyborg")
        check_replay_path(path)

    def _first(self, match: Match) -> str:
        """The first policy that was named, as the match calls it."""
        runs_alone = all(specs.run_of(name) is not None for name in self.names)
        return match.versus if runs_alone and match.versus else next(iter(match.policies))

    def _on_cyborg(self) -> Figures:
        from garrison.cli import evaluate_cyborg

        folders = tuple(name for name in self.names if evaluate_cyborg.is_submission(name))
        others = tuple(name for name in self.names if name not in folders)
        with user_input():
            match = replace(self, names=others).match()
            episodes, seed = self.range()
            if not self.names:
                raise ValueError(
                    "name the policies to evaluate on CybORG: runs, submissions, or policies of the world, "
                    "as in: garrison eval idle --on cyborg"
                )
            if self.workers < 1:
                raise ValueError(f"workers is {self.workers}; it must be at least 1")
            worlds = evaluate_cyborg.on_cyborg(match.worlds)
            submissions, described = evaluate_cyborg.submissions(folders, self.python, match.policies)
        match = replace(match, worlds=worlds, policies={**match.policies, **submissions})
        result = evaluate_cyborg.evaluated(match, episodes, seed, self.workers, self.resilience)
        return Figures(result.figures | {"submissions": described}) if described else result


@contextmanager
def playing(match: Match, episodes: int) -> Iterator[OnProgress]:
    """Show a status line; yields the match's progress callback."""
    world = next(iter(match.worlds.values()))
    named = [name for name in match.worlds if name is not None]
    against = f" against {', '.join(named)}" if named else ""
    text = f"playing {episodes} episodes of {world.name}{against} each: {', '.join(match.policies)}"
    with waiting(f"{text}; compiling (cached afterwards; up to a minute)") as set_text:
        yield lambda done, total: set_text(f"{text} ({done} of {total} done)")


def check_replay_path(path: Path) -> None:
    """Raise ``ValueError`` for the name of no replay file, ``OSError`` if it cannot be written."""
    if not path.name.endswith(SUFFIX):
        raise ValueError(f"{path} does not end in {SUFFIX}")
    check_output(path)


def check_drawn(world: World) -> None:
    """Raise ``ValueError`` for a world that cannot be drawn, before anything is played."""
    while isinstance(world, Wrapper):
        world = world.world
    if type(world).scene is World.scene:
        raise ValueError(f"world {world.name!r} cannot be drawn: it has no scene")


def check_output(path: Path) -> None:
    """Raise ``OSError`` if a file cannot be written there; found out before anything is played."""
    probe = path.with_name(f".{path.name}.write-test")
    try:
        write(probe, "")
        probe.unlink()
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror or error}") from error


def overridden(options: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    """``options`` with those of ``given`` in place of the ones of the same name."""
    return tuple({option.partition("=")[0]: option for option in (*options, *given)}.values())
