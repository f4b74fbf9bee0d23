"""``garrison parity overflow``: how full the engine's bounded lists get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from garrison.cli.common import log, user_input
from garrison.cli.publish import publish
from garrison.studies.study import Section, Study, origin, prepare

if TYPE_CHECKING:
    from garrison.parity.stress.overflow import Use

_BATCH = 250


@dataclass(frozen=True)
class Overflow:
    """Measure how full the engine's bounded lists get under policies that fill them, against three reds.

    `garrison parity record --help` describes the policies. The exit status is 1 if a list overflowed in any
    episode.
    """

    episodes: int = 10_000
    """Total number of episodes, divided evenly among the pairs of red and blue."""
    seed: int = 0
    """Seed of the first episode."""
    save: Path | None = None
    """Folder for figures.json and README.md."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.parity.stress import overflow
        from garrison.worlds.cc4 import capacity

        pairs = len(overflow.POLICIES) * len(overflow.REDS)
        each = -(-self.episodes // pairs)
        with user_input():
            if self.episodes < 1:
                raise ValueError(f"episodes is {self.episodes}; it must be at least 1")
            prepare(self.save)
        uses = []
        with log.status("playing") as status:
            for use in overflow.study(each, self.seed, min(_BATCH, each)):
                uses.append(use)
                status.update(f"playing; done: {len(uses)} of {pairs} pairs of red and blue")
        figures = self._figures(uses, capacity.CAPACITY)
        publish(study(figures), self.save, self.json)
        return 0 if not figures["overflowed"] else 1

    def _figures(self, uses: Sequence[Use], capacity: Mapping[str, int]) -> dict[str, Any]:
        command = f"garrison parity overflow --episodes {self.episodes} --seed {self.seed}"
        return origin(command) | {
            "episodes": sum(use.episodes for use in uses),
            "seed": self.seed,
            "overflowed": sum(sum(use.overflowed.values()) for use in uses),
            "capacity": {name: int(room) for name, room in capacity.items()},
            "largest": {name: max(use.largest[name] for use in uses) for name in capacity},
            "uses": [asdict(use) for use in uses],
        }


def study(figures: Mapping[str, Any]) -> Study:
    uses = figures["uses"]
    share = {name: figures["largest"][name] / room for name, room in figures["capacity"].items()}
    fullest = max(share, key=share.__getitem__)
    header = ("list", "largest use", "room", "share", *(f"{use['red']}, {use['blue']}" for use in uses))
    return Study(
        title="CC4: how full the bounded lists get",
        figures=figures,
        finding=(
            f"Overflow flags set: {figures['overflowed']}. Fullest: {fullest}, "
            f"{figures['largest'][fullest]} of {figures['capacity'][fullest]} ({share[fullest]:.0%})."
        ),
        method=(
            f"{figures['episodes']:,} episodes of 499 steps (seed {figures['seed']}), "
            f"{uses[0]['episodes']:,} for each pair of red and blue. [docs/parity.md](../../docs/parity.md) "
            "describes the blue policies. Each cell has the largest use in any episode and, in brackets, the "
            "median over episodes of an episode's largest use."
        ),
        sections=[Section("", header, list(_rows(figures)), brief=header[:4])],
    )


def _rows(figures: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, room in figures["capacity"].items():
        largest = figures["largest"][name]
        cells = [f"{use['largest'][name]} ({use['median'][name]:g})" for use in figures["uses"]]
        yield name, str(largest), str(room), f"{largest / room:.0%}", *cells
    flags = [f"{sum(use['overflowed'].values())}" for use in figures["uses"]]
    yield "overflow flags set", str(figures["overflowed"]), "", "", *flags
