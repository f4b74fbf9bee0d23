"""``garrison eval``: players on the same episodes, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from garrison.algos import ippo
from garrison.cli.common import log, out, print_json, user_input
from garrison.cli.train import load_state
from garrison.core.world import World
from garrison.judge import report
from garrison.judge.evaluate import Recording, evaluate, known_players
from garrison.learn import run as runs
from garrison.learn.players import Player
from garrison.presets import Training, make_world

TRAINED = "ippo"
EPISODES = 100
SEED = 1_000_000  # far from the seeds that people train with


@dataclass(frozen=True)
class Evaluate:
    """Judge a trained team, or a world's scripted players, on the same episodes."""

    trained: tyro.conf.Positional[Path | None] = None
    """Run directory of a trained team; without one, only the world's own players play."""
    world: str = "cc4"
    """World to play; that of the run, if one is given."""
    options: tuple[str, ...] = ()
    """Options of the world, as in red=discovery; those of the run, if one is given."""
    players: tuple[str, ...] = ()
    """Which of the world's own players play as well; all, if none is named."""
    episodes: int = EPISODES
    """Episodes of each player."""
    seed: int = SEED
    """Which episodes: the same seed gives the same ones."""
    greedy: tyro.conf.FlagCreatePairsOff[bool] = False
    """Let the trained team take its most probable actions instead of sampling."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        with user_input():
            world, learned = self._open()
            players = choose(world, self.players) | learned
            if self.episodes < 1:
                raise ValueError(f"episodes is {self.episodes}; it must be at least 1")
        figures, _ = judged(world, players, self.episodes, self.seed)
        if self.json:
            print_json(figures)
        else:
            out.print(report.table(figures))
        return 0

    def _open(self) -> tuple[World, dict[str, Player]]:
        if self.trained is None:
            return make_world(self.world, self.options), {}
        run = runs.load(self.trained)
        training = Training.from_json(run.config())
        world = make_world(training.world, training.options)
        return world, {TRAINED: ippo.player(load_state(run, training, world), self.greedy)}


def choose(world: World, names: tuple[str, ...]) -> dict[str, Player]:
    """The world's own players with these names, all if there are none. Raises ``ValueError`` for others."""
    known = known_players(world)
    for name in names:
        if name not in known:
            raise ValueError(f"no player {name!r} in world {world.name!r}; players: {', '.join(known)}")
    return {name: known[name] for name in names} if names else known


def judged(
    world: World, players: dict[str, Player], episodes: int, seed: int, record: str | None = None
) -> tuple[dict[str, Any], Recording | None]:
    """Evaluate and sum up. If a trained team plays, the others are compared with it."""
    names = ", ".join(players)
    with log.status(f"playing {episodes} episodes of {world.name} each: {names}"):
        results, recording = evaluate(world, players, episodes, seed, record)
    return report.summary(world, results, seed, versus=TRAINED if TRAINED in players else None), recording
