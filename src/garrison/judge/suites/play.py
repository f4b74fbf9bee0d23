"""Evaluation on a suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from garrison.core.policy import Policy
from garrison.core.world import World
from garrison.judge import specs, stats
from garrison.judge.evaluate import Episodes
from garrison.judge.evaluate import evaluate as play_here
from garrison.judge.evaluation import Figures
from garrison.judge.match import OnProgress
from garrison.judge.specs import LoadedRun
from garrison.judge.suites.distances import distances
from garrison.judge.suites.known import get
from garrison.judge.suites.suite import CONTRACT, Entry, Suite
from garrison.worlds.cc4.given import as_data

#: ``play(world, policies, episodes, seed, on_progress)`` on one simulator
Play = Callable[..., Mapping[str, Episodes]]


@dataclass(frozen=True)
class Player:
    """Who plays a suite: a policy, or one per training seed, and the options of the world that are theirs.

    ``policy`` may be of another simulator, which then plays.
    """

    policy: Policy | Sequence[Policy] | Any
    contract: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, repr=False)
class SuiteEvaluation(Figures):
    """The figures of policies on a suite, and what they were computed from."""

    #: figures of each episode by entry and policy
    results: Mapping[str, Mapping[str, Episodes]]


def evaluate(
    suite: str | Suite,
    policies: Sequence[str] | Mapping[str, Policy | Sequence[Policy]],
    *,
    episodes: int | None = None,
    which: str = "latest",
    greedy: bool = False,
    on_progress: OnProgress | None = None,
) -> SuiteEvaluation:
    """Play a suite with each policy.

    Args:
        suite: one, or the name of one.
        policies: policies by name, a list of them for one per training seed; or policy specs: names of
            scripted policies, run directories, ``RUN:SEED``.
        episodes: of each entry, the first of the suite; by default all.
        which, greedy: as in :func:`garrison.judge.api.evaluate`, for specs.
        on_progress: called as ``on_progress(done, total)`` with numbers of episodes per policy.

    Raises:
        ValueError: for an unknown suite, unknown policies, and more episodes than the suite has.
    """
    suite = get(suite) if isinstance(suite, str) else suite
    if isinstance(policies, Mapping):
        given: dict[str, Player] = {name: Player(policy) for name, policy in policies.items()}
    else:
        given = players(suite, policies, which, greedy)
    return play(suite, given, episodes, on_progress)


def players(
    suite: Suite, names: Sequence[str], which: str = "latest", greedy: bool = False
) -> dict[str, Player]:
    """Who these policy specs stand for, by the names that tables show.

    Raises ``ValueError`` for unknown ones and for policies that do not fit the suite's worlds.
    """
    if not names:
        raise ValueError(f"name the policies to evaluate on the suite {suite.name}, runs or scripted ones")
    world = suite.entries[0].make()
    runs = {name: specs.load_run(name, which, greedy) for name in names if specs.run_of(name) is not None}
    shown = specs.labels(list(runs), world.policies())
    found = {}
    for name in names:
        if name in runs:
            specs.check_fit(runs[name], world)
            found[shown[name]] = player_of(runs[name])
        else:
            found[name] = Player(specs.resolve(name, world))
    return found


def player_of(run: LoadedRun) -> Player:
    """The policies of a run with the options of its world that they need around them.

    What was forbidden to them in training they forbid themselves, if their observations tell enough for it.
    """
    needed = ("messages",) if run.world.restriction() is not None else CONTRACT
    options = run.training.options
    return Player(list(run.policies), tuple((name, options[name]) for name in needed if name in options))


def chosen_episodes(suite: Suite, episodes: int | None) -> int:
    """Number of episodes of each entry. Raises ``ValueError`` if the suite does not have as many."""
    if episodes is None:
        return suite.episodes
    if not 1 <= episodes <= suite.episodes:
        raise ValueError(f"episodes is {episodes}; the suite {suite.name} has 1 .. {suite.episodes}")
    return episodes


def play(
    suite: Suite,
    players: Mapping[str, Player],
    episodes: int | None = None,
    on_progress: OnProgress | None = None,
    simulator: str = "garrison",
    play_world: Play | None = None,
) -> SuiteEvaluation:
    """Play a suite and judge; ``play_world`` plays on another simulator than Garrison."""
    number = chosen_episodes(suite, episodes)
    done, total = 0, number * len(suite.entries) * len(groups(players))

    def progress(more: int) -> None:
        if on_progress is not None:
            on_progress(done + more, total)

    results: dict[str, dict[str, Episodes]] = {}
    for entry in suite.entries:
        results[entry.name] = play_entry(entry, players, number, suite.seed, progress, play_world)
        done += number * len(groups(players))
    runs = [name for name, player in players.items() if isinstance(player.policy, (list, tuple))]
    figures = summary(suite, results, runs[0] if runs else None) | {"simulator": simulator}
    return SuiteEvaluation(figures, results)


def play_entry(
    entry: Entry,
    players: Mapping[str, Player],
    episodes: int,
    seed: int,
    on_progress: Callable[[int], None] = lambda done: None,
    play_world: Play | None = None,
) -> dict[str, Episodes]:
    """The figures of each episode of an entry; ``on_progress`` receives numbers of episodes."""
    found: dict[str, Episodes] = {}
    for number, (contract, policies) in enumerate(groups(players).items()):

        def progress(done: int, before: int = number * episodes) -> None:
            on_progress(before + done)

        world = entry.make(dict(contract))
        found |= (play_world or _here)(world, policies, episodes, seed, progress)
    return {name: found[name] for name in players}


def groups(players: Mapping[str, Player]) -> dict[tuple[tuple[str, Any], ...], dict[str, Any]]:
    """Policies by what they need of a world."""
    found: dict[tuple[tuple[str, Any], ...], dict[str, Any]] = {}
    for name, player in players.items():
        found.setdefault(player.contract, {})[name] = player.policy
    return found


def _here(
    world: World, policies: Mapping[str, Any], episodes: int, seed: int, on_progress: Callable[[int], None]
) -> Mapping[str, Episodes]:
    return play_here(as_data(world), policies, episodes, seed, on_progress=on_progress)[0]


# ---------------------------------------------------------------- figures


def summary(
    suite: Suite, results: Mapping[str, Mapping[str, Episodes]], versus: str | None = None
) -> dict[str, Any]:
    """The figures of a suite, JSON-ready.

    Scores are the sums of the rewards that the official score counts, of all where a world has none. The mean
    over the suite weights families equally; its interval covers episodes, which all entries share, and
    training seeds.

    Args:
        results: by entry and policy.
        versus: name of the policy that the others are compared with.
    """
    first = suite.entries[0].make()
    policies = list(results[suite.entries[0].name])
    means = {name: _mean_scores(suite, results, name) for name in policies}
    overall: dict[str, Any] = {}
    for name in policies:
        overall[name] = {
            "seeds": len(means[name]),
            "mean": asdict(stats.estimate(means[name])),
            "worst": _worst(suite, results, name),
        }
        if versus is not None and name != versus:
            difference = stats.paired_difference(means[versus], means[name])
            overall[name]["advantage_of_" + versus] = asdict(difference)
    return {
        "suite": {
            "name": suite.name,
            "version": suite.version,
            "hash": suite.hash,
            "purpose": suite.purpose,
            "episodes": suite.episodes,
        },
        "world": first.name,
        "world_version": first.version,
        "seed": suite.seed,
        "episodes": next(iter(results[suite.entries[0].name].values())).returns.shape[1],
        "max_steps": first.max_steps,
        "score_steps": first.score_steps or first.max_steps,
        "versus": versus,
        "policies": overall,
        "entries": {entry.name: _entry(suite, entry, results[entry.name]) for entry in suite.entries},
        "published": suite.published,
    }


def _entry(suite: Suite, entry: Entry, results: Mapping[str, Episodes]) -> dict[str, Any]:
    known = {name: entry.to_json()[name] for name in ("family", "world", "options")}
    return known | {
        "weight": suite.weights[entry.name],
        "distance": distances().get(entry.red or ""),
        "policies": {
            name: {
                "score": asdict(stats.estimate(one.scores)),
                "return": asdict(stats.estimate(one.returns)),
                "reward_parts": {part: _per_episode(x) for part, x in one.parts.items()},
                "invalid_actions": None if one.invalid is None else float(np.mean(one.invalid)),
            }
            for name, one in results.items()
        },
    }


def _per_episode(parts: np.ndarray) -> Any:
    """Means over seeds and episodes of sums over phases; parts have axes [seed, episode, phase, ...]."""
    return np.mean(parts, axis=(0, 1)).sum(axis=0).tolist()


def _mean_scores(suite: Suite, results: Mapping[str, Mapping[str, Episodes]], policy: str) -> np.ndarray:
    """``f[seed, episode]``: means over the entries, as the suite weights them, of one episode seed each."""
    each: Iterator[np.ndarray] = (
        suite.weights[entry.name] * np.asarray(results[entry.name][policy].scores, np.float64)
        for entry in suite.entries
    )
    return sum(each, np.zeros(()))


def _worst(suite: Suite, results: Mapping[str, Mapping[str, Episodes]], policy: str) -> dict[str, Any]:
    """The entry with the lowest mean score, of those in the mean."""
    counted = [entry.name for entry in suite.entries if entry.family is not None]
    name = min(counted, key=lambda entry: float(np.mean(results[entry][policy].scores)))
    return {"entry": name} | asdict(stats.estimate(results[name][policy].scores))
