"""``garrison eval``: players on the same episodes, side by side."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import tyro

from garrison.cli.common import out, print_json, user_input, waiting
from garrison.core.policy import Policy
from garrison.core.world import World, observed_by
from garrison.judge import tables
from garrison.judge.evaluate import Episodes, Recording, check_seeds, evaluate
from garrison.judge.summary import summary
from garrison.presets import Training, make_world
from garrison.runs import run as runs
from garrison.train.seeds import load_teams

EPISODES = 100
SEED = 1_000_000  # far from the seeds that people train with
Which = Literal["latest", "best"]

#: The players of a contest: one each, or the teams of a run.
Players = dict[str, Policy | list[Policy]]


@dataclass(frozen=True)
class Contest:
    """Who plays what: the arguments that `eval` and `compare` share."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Run directories, and names of the world's own players."""
    world: str | None = None
    """World to play; by default that of the runs, or cc4."""
    options: tuple[str, ...] = ()
    """Options of the world, as in green=sleep; what is not named stays as the runs have it."""
    red: str | None = None
    """The attacker; short for an option red=..."""
    episodes: int | None = None
    """Episodes of each player; 100 by default."""
    seed: int | None = None
    """Seed of the first episode; the others have the next ones. 1,000,000 by default."""
    seeds: str | None = None
    """Seeds of the episodes, as in 0-99, in place of --episodes and --seed."""
    which: Which = "latest"
    """Which checkpoint of the runs plays."""
    greedy: tyro.conf.FlagCreatePairsOff[bool] = False
    """Let trained teams take their most probable actions instead of sampling."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def opened(self) -> tuple[World, Players, tuple[str, ...]]:
        """The world, all that are named (the teams of each run, the world's own players), and its options.

        Raises ``ValueError`` or ``OSError`` for what is unknown or does not fit together.
        """
        paths = [name for name in self.names if (Path(name) / "config.json").exists()]
        loaded = {path: load_teams(runs.load(Path(path)), self.which, self.greedy) for path in paths}
        world, options = self._world({path: training for path, (training, _, _) in loaded.items()})
        for path, (training, trained_in, _) in loaded.items():
            check_fit(path, training, trained_in, world)
        known = world.policies()
        shown = labels(paths, known)
        for name in self.names:
            if name not in loaded and name not in known:
                raise ValueError(not_known(name, world, known))
        players = {
            shown.get(name, name): loaded[name][2] if name in loaded else known[name] for name in self.names
        }
        return world, players, options

    def range(self) -> tuple[int, int]:
        """Number of episodes, and the seed of the first one. Raises ``ValueError`` if they make no sense."""
        episodes = EPISODES if self.episodes is None else self.episodes
        seed = SEED if self.seed is None else self.seed
        if self.seeds is not None:
            if self.episodes is not None or self.seed is not None:
                raise ValueError("give either --seeds, or --episodes and --seed")
            found = re.fullmatch(r"(\d+)(?:-(\d+))?", self.seeds)
            seed, last = (int(found[1]), int(found[2] or found[1])) if found else (0, -1)
            episodes = last - seed + 1
            if episodes < 1:
                raise ValueError(f"seeds is {self.seeds!r}; write it as FIRST-LAST, as in 0-99")
        check_seeds(episodes, seed)
        return episodes, seed

    def _world(self, trainings: dict[str, Training]) -> tuple[World, tuple[str, ...]]:
        """The world to play, the one that is named or that in which all runs trained, and its options."""
        asked = (*self.options, *(() if self.red is None else (f"red={self.red}",)))
        if self.world is not None or not trainings:
            return make_world(self.world or "cc4", asked), asked
        options = {path: overridden(training.options, asked) for path, training in trainings.items()}
        worlds = {path: make_world(trainings[path].world, one) for path, one in options.items()}
        alike = {path: observed_by(world, list(worlds.values())) for path, world in worlds.items()}
        if len(set(alike.values())) > 1:
            told = [f"{path}: {' '.join((t.world, *t.options))}" for path, t in trainings.items()]
            raise ValueError(
                f"the runs were trained in different worlds ({'; '.join(told)}); "
                "name the one to play with --world, and its options with --options"
            )
        return next(iter(alike.values())), next(iter(options.values()))


@dataclass(frozen=True)
class Evaluate(Contest):
    """Judge trained teams and a world's scripted players on the same episodes.

    If no scripted player is named, all of them play.
    """

    players: tuple[str, ...] = ()
    """More names of the world's own players."""
    on: Literal["garrison", "cyborg"] = "garrison"
    """Whose cc4 to play; on CybORG, which has to be installed, only players that are named play."""
    workers: int = 1
    """Processes that play on CybORG."""
    python: str | None = None
    """Interpreter that runs submissions to CAGE Challenge 4; by default the one that runs Garrison."""

    def run(self) -> int:
        figures = self._here() if self.on == "garrison" else self._on_cyborg()
        figures |= {"which": self.which, "greedy": self.greedy}
        if self.json:
            print_json(figures)
        else:
            out.print(tables.table(figures))
            out.print()
            out.print(tables.behavior_table(figures))
        return 0

    def _here(self) -> dict[str, Any]:
        with user_input():
            world, players, options = replace(self, names=(*self.names, *self.players)).opened()
            episodes, seed = self.range()
            trained = [name for name, player in players.items() if isinstance(player, list)]
            if len(trained) == len(players):
                players = world.policies() | players
        results, _ = played(world, players, episodes, seed)
        return summary(world, results, seed, trained[0] if trained else None, options)

    def _on_cyborg(self) -> dict[str, Any]:
        from garrison.cli import evaluate_cyborg

        names = (*self.names, *self.players)
        folders = [name for name in names if evaluate_cyborg.is_submission(name)]
        with user_input():
            others = tuple(name for name in names if name not in folders)
            world, players, options = replace(self, names=others).opened()
            episodes, seed = self.range()
            if not names:
                raise ValueError(
                    "name who plays on CybORG: runs, submissions, or players of the world, as in: "
                    "garrison eval idle"
                )
            if self.workers < 1:
                raise ValueError(f"workers is {self.workers}; it must be at least 1")
            world, about = evaluate_cyborg.beside(world)
            submissions, described = evaluate_cyborg.submissions(folders, self.python, players)
        players |= submissions
        results = evaluate_cyborg.played(world, players, episodes, seed, self.workers)
        trained = [name for name, player in players.items() if isinstance(player, list)]
        figures = summary(world, results, seed, trained[0] if trained else None, options)
        return figures | {"cyborg": about} | ({"submissions": described} if described else {})


def played(
    world: World, players: Players, episodes: int, seed: int, record: str | None = None
) -> tuple[dict[str, Episodes], Recording | None]:
    """:func:`garrison.judge.evaluate.evaluate`, while it is said what is going on."""
    told = f"playing {episodes} episodes of {world.name} each: {', '.join(players)}"
    with waiting(f"{told}; compiling first (once, up to a minute: it is kept)") as say:
        return evaluate(
            world, players, episodes, seed, record, watch=lambda done: say(f"{told} ({done} done)")
        )


def not_known(name: str, world: World, known: Iterable[str]) -> str:
    """Why ``name`` cannot play in ``world``, whose own players are ``known``."""
    if (Path(name) / "submission.py").exists():
        return (
            f"{name} is a submission to CAGE Challenge 4, which plays on CybORG only: "
            f"garrison eval {name} --on cyborg"
        )
    return f"{name} is no run directory, and no player of world {world.name!r}; its players: " + ", ".join(
        known
    )


def labels(paths: Sequence[str], taken: Container[str] = ()) -> dict[str, str]:
    """What runs are called: by the last part of their path, where nobody else is, or by the whole path."""
    short = {path: Path(path).resolve().name for path in paths}
    names = list(short.values())
    whole = {path: f"./{path}" if path in taken else path for path in paths}
    return {
        path: name if names.count(name) == 1 and name not in taken else whole[path]
        for path, name in short.items()
    }


def overridden(options: tuple[str, ...], asked: tuple[str, ...]) -> tuple[str, ...]:
    """``options`` with those of ``asked`` in place of the ones of the same name."""
    return tuple({option.partition("=")[0]: option for option in (*options, *asked)}.values())


def check_fit(path: str, training: Training, trained_in: World, world: World) -> None:
    """Raise ``ValueError`` if the teams of a run cannot play in ``world``."""
    world = observed_by(world, [trained_in])
    if (world.agents, world.action_counts) != (trained_in.agents, trained_in.action_counts):
        what = f"{world.num_agents} agents with {world.action_counts} actions"
        other = f"{trained_in.num_agents} with {trained_in.action_counts}"
    elif world.observation_size < trained_in.observation_size:
        what, other = f"{world.observation_size} features", f"{trained_in.observation_size}"
    else:
        return
    raise ValueError(
        f"the teams of {path} cannot play {world.name!r}: it has {what}, "
        f"and {training.world!r}, in which they were trained, {other}"
    )
