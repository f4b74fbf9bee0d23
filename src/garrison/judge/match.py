"""A match: policies of one side, and the worlds, one per opponent, in which they play the same episodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from garrison.core.policy import Policy
from garrison.core.sides import one_side
from garrison.core.world import World
from garrison.judge import summary
from garrison.judge.evaluate import (
    Episodes,
    Recording,
    check_assets,
    check_policies,
    check_seeds,
    evaluate,
    seeds_of,
)
from garrison.judge.evaluation import Comparison, Evaluation

EPISODES = 100
SEED = 1_000_000  #: of the first episode; far from the seeds that people train with

#: ``on_progress(done, total)``: episodes per policy, over all opponents
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Match:
    """Which policies play in which worlds.

    Args:
        worlds: by name of the opponent; None stands for the world's own opponent, if it has one.
        policies: by name; a list holds one policy per training seed.
        versus: name of the policy that the others are compared with.
        options: what the world was made with, as in ``red=fsm``; for titles.
    """

    worlds: Mapping[str | None, World]
    policies: Mapping[str, Policy | Sequence[Policy]]
    versus: str | None = None
    options: tuple[str, ...] = ()

    def check(self, episodes: int, seed: int, resilience: bool = False) -> None:
        """Raise ``ValueError`` for anything that makes no sense, before anything is played."""
        check_seeds(episodes, seed)
        check_policies({name: seeds_of(one) for name, one in self.policies.items()})
        if self.versus is not None and self.versus not in self.policies:
            raise ValueError(
                f"no policy {self.versus!r} to compare with; policies: {', '.join(self.policies)}"
            )
        for world in self.worlds.values() if resilience else ():
            check_assets(world)

    def evaluate(
        self,
        episodes: int,
        seed: int,
        record: str | None = None,
        on_progress: OnProgress | None = None,
        analyze: bool = False,
        resilience: bool = False,
    ) -> Evaluation:
        """Play and judge; see :func:`garrison.judge.api.evaluate`."""
        results, recording = self._play(episodes, seed, record, on_progress, analyze, resilience)
        return Evaluation(self.figures(results, seed), results, self.worlds, recording, record)

    def figures(self, results: Mapping[str | None, Mapping[str, Episodes]], seed: int) -> dict[str, Any]:
        """What ``garrison eval`` shows of episodes, given by opponent and policy; see :func:`evaluate`."""
        return _together(
            {
                name: summary.summary(self.worlds[name], one, seed, self.versus, self.options)
                for name, one in results.items()
            }
        )

    def compare(
        self, episodes: int, seed: int, on_progress: OnProgress | None = None, resilience: bool = False
    ) -> Comparison:
        """Play and judge pair by pair. Raises ``ValueError`` for fewer than two policies."""
        if len(self.policies) < 2:
            raise ValueError(f"name at least two different policies to compare, not {len(self.policies)}")
        results, _ = self._play(episodes, seed, None, on_progress, resilience=resilience)
        return Comparison(
            _together(
                {
                    name: summary.comparison(self.worlds[name], one, seed, self.options)
                    for name, one in results.items()
                }
            )
        )

    def _play(
        self,
        episodes: int,
        seed: int,
        record: str | None,
        on_progress: OnProgress | None,
        analyze: bool = False,
        resilience: bool = False,
    ) -> tuple[dict[str | None, dict[str, Episodes]], Recording | None]:
        self.check(episodes, seed, resilience)
        results, recording, total = {}, None, episodes * len(self.worlds)
        for number, (name, world) in enumerate(self.worlds.items()):

            def progress(done: int, before: int = number * episodes) -> None:
                if on_progress is not None:
                    on_progress(before + done, total)

            recorded = record if number == 0 else None
            results[name], found = evaluate(
                world, self.policies, episodes, seed, recorded, analyze, resilience, on_progress=progress
            )
            recording = recording or found
        return results, recording


def worlds_against(world: World, side: str | None, opponents: Mapping[str, Any]) -> dict[str | None, World]:
    """A world of one side for each opponent.

    Args:
        world: a world of two sides, or one of its sides.
        side: the side that is judged; by default the only one of ``world``.
        opponents: by name, what :func:`garrison.core.sides.one_side` takes.
    """
    both = two_sided(world)
    side = judged_side(world, side)
    return {name: one_side(both, side, opponent) for name, opponent in opponents.items()}


def two_sided(world: World) -> World:
    """The world with both sides. Raises ``ValueError`` if there is none."""
    both = world.two_sided()
    if both is None:
        raise ValueError(f"world {world.name!r} has one side only: there are no opponents to choose from")
    return both


def judged_side(world: World, side: str | None) -> str:
    """The side that is judged. Raises ``ValueError`` for an unknown one, or if it must be named."""
    both = two_sided(world)
    if side is None and len(world.sides) == 1:
        side = next(iter(world.sides))
    both.side_agents(side)
    assert side is not None  # else that has raised
    return side


def check_one_sided(world: World, side: str | None) -> None:
    """Raise ``ValueError`` if a world without named opponents cannot be judged as it is."""
    if len(world.sides) > 1:
        raise ValueError(
            f"world {world.name!r} has the sides {', '.join(world.sides)}; name the opponents to play against"
        )
    world.side_agents(side)


def _together(figures: dict[str | None, dict[str, Any]]) -> dict[str, Any]:
    if None in figures:
        return figures[None]
    return summary.matrix({str(name): one for name, one in figures.items()})
