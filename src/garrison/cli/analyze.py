"""``garrison analyze``: how decisions depend on the states of their targets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from garrison.cli.common import out, print_json, user_input
from garrison.cli.evaluate import Contest, check_output, playing
from garrison.core.files import to_json, write
from garrison.judge.analysis_tables import analysis_tables
from garrison.judge.html_report.target_plots import states_and_kinds
from garrison.judge.match import Match
from garrison.judge.without import without


@dataclass(frozen=True)
class Analyze(Contest):
    """Measure how the decisions of policies depend on the states of their targets.

    Shows the mutual information between the kind of action and the state, the most chosen kinds by state, and
    how soon agents respond to what happens to a target. Actions without a target, such as Sleep, are not
    counted. Without the name of a policy, all scripted policies of the world play.
    """

    without: tuple[str, ...] = ()
    """Kinds of action that are illegal where another is legal, as in Sleep."""
    figure: Path | None = None
    """File for a picture, PNG: states with the most chosen kinds, and all shares."""

    def run(self) -> int:
        with user_input():
            match = self._match()
            episodes, seed = self.range()
            match.check(episodes, seed)
            if self.figure is not None:
                check_output(self.figure)
        with playing(match, episodes) as on_progress:
            result = match.evaluate(episodes, seed, on_progress=on_progress, analyze=True)
        by_opponent = result.figures.get("against", {None: result.figures})
        shown = {name: _analysis(one) for name, one in by_opponent.items()}
        figures = {"which": self.which, "greedy": self.greedy, "without": list(self.without)}
        figures |= next(iter(shown.values())) if None in shown else {"against": shown}
        if self.out is not None:
            write(self.out, to_json(figures) + "\n")
        if self.figure is not None:
            first = next(iter(by_opponent.values()))
            found = {name: one["targets"] for name, one in first["policies"].items()}
            policy = first["versus"] or next(iter(found))
            write(self.figure, states_and_kinds(found, policy))
        if self.json:
            print_json(figures)
        else:
            _print(by_opponent)
        return 0

    def _match(self) -> Match:
        match = self.match(scripted=not self.names)
        for world in match.worlds.values():
            if world.targets() is None:
                raise ValueError(
                    f"world {world.name!r} does not describe the targets of this side's actions against this "
                    "opponent; cc4 does with side=blue, against red=fsm and red=discovery"
                )
        if not self.without:
            return match
        return replace(match, worlds={name: without(x, self.without) for name, x in match.worlds.items()})


def _analysis(figures: dict[str, Any]) -> dict[str, Any]:
    """What was played, and what was found of each policy."""
    names = ("world", "options", "world_version", "side", "seed", "episodes")
    policies = {name: {"seeds": one["seeds"], **one["targets"]} for name, one in figures["policies"].items()}
    return {name: figures[name] for name in names} | {"policies": policies}


def _print(by_opponent: dict[str | None, dict[str, Any]]) -> None:
    for opponent, figures in by_opponent.items():
        if opponent is not None:
            out.print(f"against {opponent}")
        for table in analysis_tables(figures):
            out.print(table)
            out.print()
