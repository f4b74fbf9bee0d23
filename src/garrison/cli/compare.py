"""``garrison compare``: how players differ, pair by pair."""

from __future__ import annotations

from dataclasses import dataclass

from garrison.cli.common import out, print_json, user_input
from garrison.cli.evaluate import Contest, played
from garrison.judge import tables
from garrison.judge.summary import comparison


@dataclass(frozen=True)
class Compare(Contest):
    """Compare runs and scripted players on the same episodes, pair by pair.

    Shows interquartile means, paired differences of return, the probability that one does better than the
    other in the same episode, and how far apart their behavior is, with 95% bootstrap intervals that include
    the spread between the teams of a run. Runs that were trained in different worlds are compared in one that
    is named with --world.
    """

    def run(self) -> int:
        with user_input():
            world, players, options = self.opened()
            episodes, seed = self.range()
            if len(players) < 2:
                raise ValueError(f"name at least two different players to compare, not {len(players)}")
        results, _ = played(world, players, episodes, seed)
        figures = comparison(world, results, seed, options)
        figures |= {"which": self.which, "greedy": self.greedy}
        if self.json:
            print_json(figures)
            return 0
        for table in (*tables.comparison_tables(figures), tables.behavior_table(figures)):
            out.print(table)
            out.print()
        return 0
