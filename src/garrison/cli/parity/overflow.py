"""``garrison parity overflow``: how full the engine's bounded lists get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro
from rich.table import Table

from garrison.cli.common import log, out, print_json, user_input
from garrison.runs import study_files

if TYPE_CHECKING:
    from garrison.parity.stress.overflow import Use

BATCH = 250


@dataclass(frozen=True)
class Overflow:
    """Play blues that fill the engine's bounded lists against three reds, and report the largest use of each.

    random: any legal action. heavy: with probability 0.8 a Remove, Restore or DeployDecoy, on a host where
    red has a session if there is one; else random. removes: always a Remove or DeployDecoy, chosen so.
    decoys: DeployDecoy over and over on one host per agent, with 0.1 a Remove there. reactive and firewall
    are the world's players. The exit status is 1 if a list overflowed in any episode.
    """

    episodes: int = 10_000
    """Episodes in all, shared evenly among the pairs of red and blue."""
    seed: int = 0
    """Which episodes: the same seed gives the same ones."""
    save: Path | None = None
    """Write <save>.json and <save>.md as well."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.parity.stress import overflow
        from garrison.worlds.cc4.capacity import CAPACITY

        pairs = len(overflow.POLICIES) * len(overflow.REDS)
        each = -(-self.episodes // pairs)
        with user_input():
            if self.episodes < 1:
                raise ValueError(f"episodes is {self.episodes}; it must be at least 1")
        found = []
        with log.status("playing") as status:
            for use in overflow.study(each, self.seed, min(BATCH, each)):
                found.append(use)
                status.update(f"playing; done: {len(found)} of {pairs} pairs of red and blue")
        figures = self._figures(found, CAPACITY)
        if self.save is not None:
            study_files.save(self.save, figures, markdown(figures, found))
        if self.json:
            print_json(figures)
        else:
            show(figures)
        return 0 if not figures["overflowed"] else 1

    def _figures(self, found: list[Use], capacity: dict[str, int]) -> dict[str, Any]:
        command = f"garrison parity overflow --episodes {self.episodes} --seed {self.seed}"
        return study_files.origin(command) | {
            "episodes": sum(use.episodes for use in found),
            "seed": self.seed,
            "overflowed": sum(sum(use.overflowed.values()) for use in found),
            "capacity": capacity,
            "largest": {name: max(use.largest[name] for use in found) for name in capacity},
            "uses": [asdict(use) for use in found],
        }


def show(figures: dict[str, Any]) -> None:
    view = Table(box=None)
    for name in ("list", "largest use", "room", "share"):
        view.add_column(name, justify="left" if name == "list" else "right")
    for name, room in figures["capacity"].items():
        largest = figures["largest"][name]
        view.add_row(name, str(largest), str(room), f"{largest / room:.0%}")
    out.print(view)
    out.print(summary(figures))


def markdown(figures: dict[str, Any], found: list[Use]) -> Iterator[str]:
    yield "# CC4: how full the bounded lists get"
    yield ""
    yield study_files.told(figures)
    yield ""
    yield (
        f"{figures['episodes']:,} episodes of 499 steps (seed {figures['seed']}), {found[0].episodes:,} for "
        "each pair of red and blue. Blue `random`: any legal action. Blue `heavy`: with probability 0.8 a "
        "Remove, Restore or DeployDecoy, on a host where red has a session if there is one; else random. "
        "`removes`: always a Remove or DeployDecoy, chosen so. `decoys`: DeployDecoy over and over on one "
        "host per agent, with 0.1 a Remove there. `reactive` and `firewall` are the world's players. In each "
        "cell the largest use in any episode, and in brackets the median of the episodes' largest."
    )
    yield ""
    yield summary(figures)
    yield ""
    header, *rows = _rows(figures, found)
    yield from study_files.table(header, rows)


def summary(figures: dict[str, Any]) -> str:
    share = {name: figures["largest"][name] / room for name, room in figures["capacity"].items()}
    fullest = max(share, key=share.__getitem__)
    return (
        f"Overflow flags set: {figures['overflowed']}. Fullest: {fullest}, "
        f"{figures['largest'][fullest]} of {figures['capacity'][fullest]} ({share[fullest]:.0%})."
    )


def _rows(figures: dict[str, Any], found: list[Use]) -> Iterator[tuple[str, ...]]:
    yield "list", "room", "share", *(f"{use.red}, {use.blue}" for use in found)
    for name, room in figures["capacity"].items():
        cells = [f"{use.largest[name]} ({use.median[name]:g})" for use in found]
        yield name, str(room), f"{figures['largest'][name] / room:.0%}", *cells
    flags = [f"{sum(use.overflowed.values())}" for use in found]
    yield "overflow flags set", "", "", *flags
