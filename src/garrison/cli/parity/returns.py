"""``garrison parity returns``: our episodes beside CybORG's under the same fixed blue policies."""

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
    from garrison.parity.scores.returns import Comparison

BATCH = 250
HEADER = ("quantity", "Garrison", "sd", "CybORG", "sd", "z", "adj. p")


@dataclass(frozen=True)
class Returns:
    """Play four fixed blue policies and compare returns and red's spread with CybORG's episodes.

    The exit status is 1 if any quantity differs by more than chance allows (1% over all of them).
    """

    episodes: int = 1000
    """Episodes of each policy."""
    seed: int = 0
    """Which episodes: the same seed gives the same ones."""
    reference: Path = Path("tests/data/cc4_returns")
    """Folder with CybORG's episodes, <policy>.json each."""
    save: Path | None = None
    """Write <save>.json and <save>.md as well."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.parity.scores import returns
        from garrison.worlds import cc4

        with user_input():
            reference = returns.read_reference(self.reference)
            if self.episodes < 2:
                raise ValueError(f"episodes is {self.episodes}; it must be at least 2")
        player = returns.player(cc4.make(), min(BATCH, self.episodes))
        ours = {}
        for policy in returns.POLICIES:
            with log.status(f"playing {self.episodes} episodes of {policy}"):
                ours[policy] = returns.sample_of(player.all(policy, self.episodes, self.seed))
        found = returns.compare(ours, reference)
        figures = self._figures(found, len(reference["sleep"]["return"]))
        if self.save is not None:
            study_files.save(self.save, figures, markdown(figures, found))
        if self.json:
            print_json(figures)
        else:
            show(found)
            out.print(summary(figures))
        return 0 if all(one.agrees for one in found) else 1

    def _figures(self, found: list[Comparison], reference_episodes: int) -> dict[str, Any]:
        from garrison.parity.scores import multiple_tests
        from garrison.parity.scores.returns import LEVEL

        command = f"garrison parity returns --episodes {self.episodes} --seed {self.seed}"
        return study_files.origin(command) | {
            "episodes": self.episodes,
            "seed": self.seed,
            "reference_episodes": reference_episodes,
            "level": LEVEL,
            "quantities": len(found),
            "differ": sum(not one.agrees for one in found),
            "largest_z": max(abs(one.z or 0.0) for one in found),
            "least_adjusted_p": min(one.adjusted for one in found),
            "found_with_90_percent": multiple_tests.resolution(LEVEL / len(found), 0.9),
            "comparisons": [asdict(one) for one in found],
        }


def show(found: list[Comparison]) -> None:
    for policy, rows in _by_policy(found):
        view = Table(title=policy, box=None)
        for name in HEADER:
            view.add_column(name, justify="left" if name == "quantity" else "right", no_wrap=True)
        for row in rows:
            view.add_row(*row)
        out.print(view)


def markdown(figures: dict[str, Any], found: list[Comparison]) -> Iterator[str]:
    yield "# CC4: our returns beside CybORG's"
    yield ""
    yield study_files.told(figures)
    yield ""
    yield (
        f"{figures['episodes']} episodes of Garrison (seed {figures['seed']}) and "
        f"{figures['reference_episodes']} of CybORG 4.0 (seeds 0–{figures['reference_episodes'] - 1}) per "
        "policy: stock red and green, 499 steps, networks of their own. Hosts are counted after each step "
        "named, from 0. z: difference of the means in standard errors; p: Welch's t-test, adjusted by Holm "
        "over all quantities of all policies. No z: the quantity is the same constant on both sides."
    )
    yield ""
    yield summary(figures)
    for policy, rows in _by_policy(found):
        yield from ["", f"## {policy}", ""]
        yield from study_files.table(HEADER, rows)


def summary(figures: dict[str, Any]) -> str:
    return (
        f"{figures['differ']} of {figures['quantities']} quantities differ at a family-wise level of "
        f"{figures['level']:.0%}. Largest |z|: {figures['largest_z']:.2f}; least adjusted p: "
        f"{figures['least_adjusted_p']:.2g}. A true difference of {figures['found_with_90_percent']:.1f} "
        "standard errors would be found with a chance of 90%."
    )


def _by_policy(found: list[Comparison]) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    for policy in dict.fromkeys(one.policy for one in found):
        yield policy, [_row(one) for one in found if one.policy == policy]


def _row(one: Comparison) -> tuple[str, ...]:
    moments = (one.mean, one.sd, one.reference_mean, one.reference_sd)
    means = [f"{x:,.{0 if abs(x) >= 1000 else 1 if abs(x) >= 100 else 2}f}" for x in moments]
    return one.quantity, *means, "" if one.z is None else f"{one.z:+.2f}", f"{one.adjusted:.2g}"
