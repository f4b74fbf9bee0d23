"""``garrison eval --suite``: policies evaluated on a suite, on Garrison or on CybORG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg.world import on_cyborg
from garrison.cli import evaluate_cyborg
from garrison.cli.common import print_cyborg_version, user_input
from garrison.cli.progress import Bar, bar
from garrison.core.processes import WorkerError
from garrison.judge import suites
from garrison.judge.evaluation import Figures
from garrison.judge.suites import play as suite_play
from garrison.judge.suites.suite import Suite
from garrison.parity.scores.evaluate_on_cyborg import evaluate

if TYPE_CHECKING:
    from garrison.cli.evaluate import Evaluate

#: arguments of `garrison eval` that a suite decides itself
_DECIDED = ("against", "side", "world", "options", "red", "seed", "episode_seeds", "resilience")


def evaluated(asked: Evaluate, name: str) -> Figures:
    """The figures of the suite; exits with a message on mistakes in the arguments."""
    with user_input():
        suite = suites.get(name)
        usual = {field.name: field.default for field in fields(asked)}
        if given := [one for one in _DECIDED if getattr(asked, one) != usual[one]]:
            flags = ", ".join(f"--{one.replace('_', '-')}" for one in given)
            raise ValueError(f"the suite {name} decides its games and episodes itself; leave out {flags}")
        episodes = suite_play.chosen_episodes(suite, asked.episodes)
        asked.check_out()
        there = asked.on == "cyborg"
        players, submitted = _players(asked, suite)
        worlds = _on_cyborg(suite, players) if there else {}
    total = episodes * len(suite.entries)
    total *= _lineup(players) if there else len(suite_play.groups(players))
    with bar(f"playing {suite.name}", total, "episodes") as played:
        if there:
            play = partial(_world_on_cyborg, worlds, asked.workers, played)
            result = suite_play.play(suite, players, episodes, simulator="cyborg", play_world=play)
        else:
            result = suite_play.play(suite, players, episodes, lambda done, _: played.update(done))
    if not there:
        return result
    more = {"cyborg": engine.about()} | ({"submissions": submitted} if submitted else {})
    return Figures(result.figures | more)


def _players(asked: Evaluate, suite: Suite) -> tuple[dict[str, suite_play.Player], dict[str, Any]]:
    """Who plays, and what submissions say of themselves."""
    if asked.on == "garrison":
        names = asked.names or tuple(suite.entries[0].make().policies())
        return suite_play.players(suite, names, asked.which, asked.greedy), {}
    folders = tuple(name for name in asked.names if evaluate_cyborg.is_submission(name))
    others = [name for name in asked.names if name not in folders]
    players = suite_play.players(suite, others, asked.which, asked.greedy) if others or not folders else {}
    if asked.workers < 1:
        raise ValueError(f"workers is {asked.workers}; it must be at least 1")
    submitted, described = evaluate_cyborg.submissions(folders, asked.python, players)
    return {**players, **{name: suite_play.Player(one) for name, one in submitted.items()}}, described


def _on_cyborg(suite: Suite, players: Mapping[str, suite_play.Player]) -> dict[Any, Any]:
    """The worlds of CybORG by those of Garrison.

    Raises ``ValueError`` for entries that CybORG does not have.
    """
    print_cyborg_version()
    worlds = {}
    for entry in suite.entries:
        for contract in suite_play.groups(players):
            world = entry.make(dict(contract))
            try:
                worlds[world] = on_cyborg(world)
            except ValueError as error:
                raise ValueError(f"entry {entry.name!r} of the suite {suite.name}: {error}") from error
    return worlds


def _world_on_cyborg(
    worlds: Mapping[Any, Any],
    workers: int,
    played: Bar,
    world: Any,
    policies: Mapping[str, Any],
    episodes: int,
    seed: int,
    on_progress: Any,
) -> Any:
    try:
        return evaluate(worlds[world], policies, episodes, seed, workers, lambda done: played.advance())
    except WorkerError as error:
        raise SystemExit(f"garrison: on CybORG, {error}") from error


def _lineup(players: Mapping[str, suite_play.Player]) -> int:
    """Number of policies, each training seed counted."""
    return sum(
        len(player.policy) if isinstance(player.policy, (list, tuple)) else 1 for player in players.values()
    )
