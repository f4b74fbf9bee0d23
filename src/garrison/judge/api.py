"""Evaluation in one call.

>>> import garrison
>>> result = garrison.evaluate("cc4", ["idle", "guard", "runs/base"], episodes=100)
>>> result.report("report.html")
>>> result.compare("base", "guard")

Policies are given as objects, runs, run directories or names; see :func:`evaluate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import garrison
from garrison.core.policy import Policy
from garrison.core.world import World
from garrison.judge import specs
from garrison.judge.evaluation import Comparison, Evaluation
from garrison.judge.match import (
    EPISODES,
    SEED,
    Match,
    OnProgress,
    check_one_sided,
    judged_side,
    two_sided,
    worlds_against,
)
from garrison.judge.specs import Source
from garrison.runs.directory import RunDirectory

__all__ = ["compare", "evaluate", "policies"]


def policies(world: str | World, side: str | None = None) -> dict[str, Policy]:
    """The scripted policies of a world by name, for one side where it has two.

    Raises ``ValueError`` for an unknown world or side.
    """
    return _world(world).policies(side)


def evaluate(
    world: str | World,
    policies: Any,
    *,
    episodes: int = EPISODES,
    seed: int = SEED,
    against: Any = None,
    side: str | None = None,
    versus: str | None = None,
    record: str | None = None,
    which: str = "latest",
    greedy: bool = False,
    analyze: bool = False,
    resilience: bool = False,
    sources: Sequence[Source] = (),
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Play the same episodes with each policy and judge them.

    Args:
        world: a world, or the name of one.
        policies: by name, or a list of policy specs. A value is a :class:`~garrison.core.policy.Policy`, a
            list of them (one per training seed), a run (:func:`garrison.load_run`), or a policy spec: a name
            of a scripted policy, a run directory, or ``RUN:SEED``.
        episodes: episodes of each policy.
        seed: of the first episode; the others have the seeds that follow.
        against: opponents, given as ``policies`` are, for worlds with two sides. Every policy plays every
            opponent. By default the world's own opponent.
        side: the side that is judged, where the world has two.
        versus: name of the policy that the others are compared with; by default the first list or run.
        record: name of the policy whose first episode is recorded step by step, for the report.
        which: checkpoint of runs: "latest", "best", or a kept one.
        greedy: whether policies of runs take their most probable actions instead of sampling.
        analyze: whether to measure how decisions depend on the states of their targets
            (:mod:`garrison.judge.analysis`), where the world describes those; for the report too.
        resilience: whether to measure how resilient the network is (:mod:`garrison.judge.resilience`), in a
            world that describes its assets; for the report too.
        sources: additional kinds of policy specs.
        on_progress: called as ``on_progress(done, total)`` with numbers of episodes.

    Raises:
        ValueError: for unknown names, policies that do not fit the world, numbers out of range, and
            ``resilience`` in a world without assets.
    """
    match = _match(world, policies, against, side, versus, sources, which, greedy)
    return match.evaluate(episodes, seed, record, on_progress, analyze, resilience)


def compare(
    world: str | World,
    policies: Any,
    *,
    episodes: int = EPISODES,
    seed: int = SEED,
    against: Any = None,
    side: str | None = None,
    which: str = "latest",
    greedy: bool = False,
    resilience: bool = False,
    sources: Sequence[Source] = (),
    on_progress: OnProgress | None = None,
) -> Comparison:
    """Play the same episodes with each policy and compare them pair by pair.

    Arguments are those of :func:`evaluate`.

    Raises:
        ValueError: as :func:`evaluate`, and for fewer than two policies.
    """
    match = _match(world, policies, against, side, None, sources, which, greedy)
    return match.compare(episodes, seed, on_progress, resilience)


def _match(
    world: str | World,
    policies: Any,
    against: Any,
    side: str | None,
    versus: str | None,
    sources: Sequence[Source],
    which: str,
    greedy: bool,
) -> Match:
    world = _world(world)
    if against is None:
        check_one_sided(world, side)
        world = specs.playable(world, _named(policies, "policies").values())
        worlds: dict[str | None, World] = {None: world}
    else:
        side = judged_side(world, side)
        both = specs.with_scripts(two_sided(world), side, _named(policies, "policies").values())
        found = {
            name: specs.opponent(one, both, side, sources, which, greedy)
            for name, one in _named(against, "against").items()
        }
        worlds = worlds_against(both, side, found)
        world = specs.side_view(both, side)
    given = {
        name: _policy(one, world, sources, which, greedy)
        for name, one in _named(policies, "policies").items()
    }
    trained = [name for name, one in given.items() if isinstance(one, (list, tuple))]
    return Match(worlds, given, versus or (trained[0] if trained else None))


def _policy(
    given: Any, world: World, sources: Sequence[Source], which: str, greedy: bool
) -> Policy | Sequence[Policy]:
    if isinstance(given, (RunDirectory, Path)):
        run = specs.load_run(given, which, greedy, specs.side_of(world))
        specs.check_fit(run, world)
        return list(run.policies)
    return specs.resolve(given, world, sources, which, greedy) if isinstance(given, str) else given


def _named(given: Any, what: str) -> dict[str, Any]:
    """``given`` by name: a mapping as it is, or specs, runs and paths by their own names."""
    if isinstance(given, Mapping):
        if not given:
            raise ValueError(f"{what} is empty; give at least one by name")
        return dict(given)
    if isinstance(given, (str, Path, RunDirectory)):
        given = [given]
    if not isinstance(given, (list, tuple)) or not all(
        isinstance(one, (str, Path, RunDirectory)) for one in given
    ):
        raise ValueError(
            f"{what} has a policy without a name; write {{'mine': policy}}, or a list of policy specs"
        )
    if not given:
        raise ValueError(f"{what} is empty; give at least one")
    named = {_name(one): one for one in given}
    if len(named) < len(given):
        raise ValueError(f"{what} has the same name twice: {', '.join(map(_name, given))}")
    return named


def _name(given: str | Path | RunDirectory) -> str:
    if isinstance(given, (Path, RunDirectory)):
        return specs.run_label(str(given.path if isinstance(given, RunDirectory) else given))
    return specs.run_label(given) if specs.run_of(given) is not None else given


def _world(world: str | World) -> World:
    return garrison.make(world) if isinstance(world, str) else world
