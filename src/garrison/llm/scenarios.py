"""Sizes of the game as data: how long it is, how much of a plan there is, what wins it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from garrison.core.plugins import did_you_mean
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.options import Options, default_options, phase_starts

#: First seed and number of seeds. Seeds of ``test`` are never in ``train``.
SPLITS = {"train": (0, 100_000), "test": (1_000_000, 100_000)}
LEAD = 7  # ticks before a phase in which its traffic counts as needed


@dataclass(frozen=True)
class Scenario:
    """One size of the game.

    An episode begins with ``warm_up`` steps in which blue sleeps; then ``ticks`` steps are played, the first
    of which is the last of phase A where there is a warm-up.
    """

    name: str
    ticks: int
    warm_up: int
    instructions: int  # of the five agents together; 0: without a plan
    stride: int  # ticks of a window in which an agent may seal its part of the plan once
    threshold: float | None  # largest loss relative to idle that wins; None: not decided
    smoothing: float  # c of the score, in units of reward

    @property
    def needed(self) -> int:
        """Instructions that have to be done to win."""
        return -(-self.instructions * 3 // 5)

    @property
    def steps(self) -> int:
        """Length of the CC4 mission, whose thirds are its phases."""
        return self.warm_up + self.ticks + 1

    @property
    def options(self) -> Options:
        """Of the CC4 world."""
        return default_options(steps=self.steps)

    @property
    def phase_start(self) -> tuple[int, int]:
        """First ticks of phases B and C; 0 is the first tick that is played."""
        first, second = phase_starts(self.steps)
        return first - self.warm_up, second - self.warm_up

    def phase(self, tick: int) -> int:
        """The phase in which tick number ``tick`` is played."""
        return sum(tick >= start for start in self.phase_start)

    def needed_traffic(self, tick: int, lead: int = 0) -> np.ndarray:
        """Pairs of zones ``bool[zone, zone]`` whose traffic users need in a tick, or ``lead`` ticks later."""
        return T.NEEDED[self.phase(tick)] | T.NEEDED[self.phase(tick + lead)]

    def never_needed(self, tick: int) -> np.ndarray:
        """Pairs of zones ``bool[zone, zone]`` whose traffic users do not need from a tick on."""
        return ~np.any(T.NEEDED[self.phase(tick) :], axis=0)


# Thresholds were chosen on seeds 0-127, so that those who carry out the plan alone win fewer than 5%.
SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("small", ticks=60, warm_up=30, instructions=40, stride=8, threshold=0.75, smoothing=7.0),
        Scenario("medium", ticks=100, warm_up=50, instructions=120, stride=12, threshold=0.5, smoothing=30.0),
        Scenario(
            "large", ticks=180, warm_up=90, instructions=300, stride=20, threshold=0.36, smoothing=160.0
        ),
        Scenario("mission", ticks=499, warm_up=0, instructions=0, stride=0, threshold=None, smoothing=100.0),
        # short, for trials of training; its threshold was not chosen by canaries
        Scenario("micro", ticks=30, warm_up=60, instructions=20, stride=8, threshold=0.75, smoothing=7.0),
    )
}


def scenario(name: str) -> Scenario:
    """A scenario by name. Raises ``ValueError`` for an unknown one, with the names there are."""
    if name not in SCENARIOS:
        raise ValueError(
            f"no scenario {name!r}{did_you_mean(name, SCENARIOS)}; there are: {', '.join(SCENARIOS)}"
        )
    return SCENARIOS[name]
