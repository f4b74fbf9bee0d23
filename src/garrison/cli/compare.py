"""``garrison compare``: policies pair by pair."""

from __future__ import annotations

from dataclasses import dataclass

import tyro

from garrison.cli.common import user_input
from garrison.cli.evaluate import Contest, playing


@dataclass(frozen=True)
class Compare(Contest):
    """Compare runs and scripted policies on the same episodes, pair by pair.

    Shows interquartile means, paired differences of return, the probability that the first has the higher
    return in the same episode, and the distance of their behavior. The 95% bootstrap intervals include the
    spread over the training seeds of a run. Name the world with --world if the runs were trained in different
    ones.
    """

    resilience: tyro.conf.FlagCreatePairsOff[bool] = False
    """Compare resilience too: the health of three assets, and how long their outages last."""

    def run(self) -> int:
        with user_input():
            match = self.match()
            if len(match.policies) < 2:
                raise ValueError(
                    f"name at least two different policies to compare, not {len(match.policies)}"
                )
            episodes, seed = self.range()
            match.check(episodes, seed, self.resilience)
        with playing(match, episodes) as on_progress:
            result = match.compare(episodes, seed, on_progress, self.resilience)
        return self.show(result)
