"""``garrison range``: policies of soc in a small range of real processes."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.table import Table

from garrison.cli.common import log, out, print_json, user_input, waiting
from garrison.cli.evaluate import check_output
from garrison.core import files
from garrison.judge.specs import Which


@dataclass(frozen=True)
class Check:
    """Show what this machine can do: the tiers of the range, and why one is not available."""

    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.range import evaluate  # imported late: other commands do not need the world

        found = evaluate.tiers()
        if self.json:
            print_json(evaluate.as_json(found))
            return 0
        view = Table("tier", "available", "label of results", "why not")
        for tier in found:
            view.add_row(tier.name, "no" if tier.reason else "yes", tier.label, tier.reason)
        out.print(view)
        return 0


@dataclass(frozen=True)
class Run:
    """Have policies of soc defend in the range, without further training, beside idle and random.

    All play the same networks and opponents in the tier mock and in the named one. Nothing else is trained,
    tuned or chosen. Only processes of this machine are touched.
    """

    names: tyro.conf.Positional[tuple[str, ...]]
    """Run directories, and policies of blue in soc."""
    tier: str
    """Tier to play in: local, netns, or mock for a simulation alone."""
    episodes: int = 10
    """Episodes of each player in each tier."""
    scenario: str = "ransomware"
    """Scenario of soc."""
    red: str = "killchain"
    """Attacker: a policy of red in soc."""
    minutes: float = 20.0
    """Length of an episode in minutes of soc."""
    speed: float = 30.0
    """Seconds of soc per real second."""
    technical: str = "measured"
    """How long red's technical actions take: measured, or laws, as soc draws them."""
    observation: str = "counters"
    """Observation of blue, as of soc: the one that the runs were trained with."""
    repeat: tyro.conf.FlagCreatePairsOff[bool] = False
    """Play the tier a second time with the same seeds, and report how much the runs differ."""
    side_by_side: int = 1
    """Episodes of the tier that are played at once. Watch the lag: with too many, actions come late."""
    seed: int = 0
    """Seed of networks and players."""
    which: Which = "latest"
    """Checkpoint of the runs."""
    greedy: tyro.conf.FlagCreatePairsOff[bool] = False
    """Take the most probable actions of trained policies instead of sampling."""
    out: Path | None = None
    """Write the result to this file, as JSON."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.range import evaluate
        from garrison.range.protocol import RangeUnavailable

        with user_input():
            if self.out is not None:
                check_output(self.out)
            world, policies, red = self._players()
            try:
                evaluate.driver_of(self.tier)
            except RangeUnavailable as error:
                raise ValueError(str(error)) from error
            if self.episodes < 1:
                raise ValueError(f"episodes is {self.episodes}; it must be at least 1")
            if not 1 <= self.side_by_side <= 16:
                raise ValueError(f"side-by-side is {self.side_by_side}; it must be 1-16")
        with waiting("Playing in the range") if not self.json else nullcontext(lambda text: None) as say:
            try:
                found = evaluate.evaluate(
                    world,
                    policies,
                    red,
                    self.tier,
                    self.episodes,
                    self.seed,
                    self.speed,
                    self.technical,
                    watch=say,
                    repeat=self.repeat,
                    side_by_side=self.side_by_side,
                )
            except (ValueError, RangeUnavailable, evaluate.TooManyVoid) as error:
                raise SystemExit(f"garrison: {error}") from error
        if self.out is not None:
            files.write(self.out, files.to_json(found))
            log.print(f"result: {self.out}", soft_wrap=True)
        if self.json:
            print_json(found)
        else:
            _show(found)
        return 0

    def _players(self) -> tuple[Any, dict[str, Any], Any]:
        """The world of two sides, blue's policies by name, and red."""
        from garrison.judge.specs import labels, resolve
        from garrison.training.loaded import run_of
        from garrison.worlds import soc

        if not 1 <= self.minutes <= 120:
            raise ValueError(f"minutes is {self.minutes}; it must be 1-120")
        given: dict[str, Any] = {
            "scenario": self.scenario,
            "split": "test",
            "horizon": int(60_000 * self.minutes),
            "observation": self.observation,
        }
        world = soc.make(side="both", **given)
        blue = soc.make(side="blue", **given)
        attackers = world.policies("red")
        if self.red not in attackers:
            raise ValueError(f"no red policy {self.red!r} in soc; there are: {', '.join(attackers)}")
        if not self.names:
            raise ValueError("name a run directory or a policy")
        found: dict[str, Any] = {}
        runs = labels([name for name in self.names if run_of(name) is not None])
        for name in self.names:
            policy = resolve(name, blue, which=self.which, greedy=self.greedy)
            label = runs.get(name, name)
            many = policy if isinstance(policy, list) else [policy]
            for number, one in enumerate(many):
                found[label if len(many) == 1 else f"{label}:{number}"] = one
        return world, found, attackers[self.red]


def _show(found: dict[str, Any]) -> None:
    columns = (
        "tier",
        "policy",
        "return",
        "goal rate",
        "SLA",
        "contained in (s)",
        "lag (s)",
        "episodes",
        "void",
    )
    view = Table(*columns, "retention")
    for tier, players in found["tiers"].items():
        for name, row in players.items():
            retention = found["retention"].get(name) if tier == found["tier"] != "mock" else None
            contained = row["times"].get("contained")
            view.add_row(
                tier,
                name,
                _interval(row["returned"]),
                _interval(row["goal"]),
                _interval(row["sla"]),
                "-" if contained is None else _seconds(contained),
                _interval(row["lag"]),
                str(row["episodes"]),
                str(len(row["void"])),
                _interval(retention | {"mean": retention["ratio"]}) if retention else "",
            )
    out.print(view)
    out.print(f"Results of tier {found['tier']} are to be called: {found['label']}")
    measured = Table("technique", "chance in soc", "measured", "seconds in soc", "measured (median)")
    for name, row in found["calibration"].items():
        chance = row["soc_chance"]
        measured.add_row(
            name,
            "by host" if chance is None else f"{chance:.2f}",
            _interval(row["measured_chance"]),
            f"{row['soc_seconds']:.1f}",
            f"{row['measured_seconds']['median']:.2f}",
        )
    out.print(measured)
    for name, row in (found["noise"] or {}).items():
        out.print(f"{name}: returns of two runs with the same seeds differ by {_interval(row['absolute'])}")
    for name, digest in found["policies_sha256"].items():
        out.print(f"{name}: SHA-256 {digest}", highlight=False, soft_wrap=True)


def _seconds(times: dict[str, Any]) -> str:
    """Mean within the longest time, and how many of the incidents got there."""
    within = f"of {times['count']}, {times['count'] - times['censored']} were"
    return f"{times['mean']['value']:.0f} ({within})"


def _interval(row: dict[str, Any]) -> str:
    if row["mean"] is None:
        return row.get("reason", "-")
    if row["low"] is None:
        return f"{row['mean']:.2f}"
    return f"{row['mean']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
