"""``garrison league``: populations of both sides, what they are worth, and how exploitable they are."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro
from rich.table import Table

from garrison.cli import progress
from garrison.cli.common import log, out, print_json, user_input
from garrison.cli.flags import Options
from garrison.core.files import write
from garrison.judge.format import fraction, interval, mean, number
from garrison.presets import leagues

if TYPE_CHECKING:
    from garrison.league import run
    from garrison.league.apart import Apart
    from garrison.league.run import League
from garrison.presets.leagues import LEAGUES
from garrison.runs import directory, launch
from garrison.training.loop import Diverged


@dataclass(frozen=True)
class Train:
    """Run a league by a preset, or continue one that was stopped or killed."""

    target: tyro.conf.Positional[str]
    """Preset, or the directory of a league to continue."""
    out: Path | None = None
    """Directory; by default a new one under runs/."""
    rounds: int | None = None
    """Rounds, in place of the preset's."""
    seed: int | None = None
    """Random seed, in place of the preset's."""
    jobs: int | None = None
    """Trainings at the same time, each in a process; by default one in this process, or with --ray the
    capacity of the cluster."""
    ray: tyro.conf.FlagCreatePairsOff[bool] = False
    """Train on the Ray cluster at RAY_ADDRESS, or on a new one on this machine."""
    set: Options = field(default_factory=dict)
    """Other fields of the configuration or of the responses' training, as in solver=prd total_steps=50000."""

    def run(self) -> int:
        from garrison.league import judges

        with user_input(), self._apart() as apart:
            league = self._opened()
            log.print(f"The league is in {league.path}", soft_wrap=True, highlight=False)
            try:
                with progress.bar("league", league.config.rounds + 1, transient=True) as bar:
                    league.run(lambda now: bar.update(_done(now), f"round {now.round}: {now.phase}"), apart)
            except Diverged as error:
                raise SystemExit(f"garrison: {error}; the rounds before are in {league.path}") from error
        figures = judges.figures(league)
        _write_report(league.path, figures)
        _print(figures)
        path = shlex.quote(str(league.path))
        log.print(f"Show it again with: garrison league show {path}", soft_wrap=True, highlight=False)
        return 0

    @contextmanager
    def _apart(self) -> Iterator[Apart | None]:
        """What trains in other processes; None where this one trains."""
        from garrison.cli import league_learn
        from garrison.league.apart import Apart

        if self.jobs is not None and self.jobs < 1:
            raise ValueError(f"jobs is {self.jobs}; it must be at least 1")
        if not self.ray and self.jobs is None:
            yield None
            return
        # So that this process, which plays the matrix, leaves memory of an accelerator to the trainings.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        with launch.launcher(self.ray, self.jobs) as (start, jobs):
            yield Apart(league_learn.command, start, jobs)

    def _opened(self) -> League:
        from garrison.league import run

        changes = {"rounds": self.rounds, "seed": self.seed}
        changes = {name: value for name, value in changes.items() if value is not None} | self.set
        if (Path(self.target) / "league.json").is_file():
            if changes or self.out is not None:
                raise ValueError(f"{self.target} is a league: it goes on as it began, without other settings")
            return run.load(Path(self.target))
        config = leagues.get(self.target).changed(**changes)
        return run.create(self.out or directory.default_path(self.target), config)


@dataclass(frozen=True)
class Show:
    """Print the matrix, mixtures, ranks, held-out returns and gaps of a league."""

    path: tyro.conf.Positional[Path]
    """Directory of a league."""
    page: Path | None = None
    """Also write a page (HTML) there."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.league import judges, run

        with user_input():
            figures = judges.figures(run.load(self.path))
            if self.page is not None:
                from garrison.league.page import page

                write(self.page, page(figures))
        if self.json:
            print_json(figures)
        else:
            _print(figures)
        return 0


@dataclass(frozen=True)
class Payoff:
    """Play more episodes in every cell of a league's matrix, and print it."""

    path: tyro.conf.Positional[Path]
    """Directory of a league."""
    episodes: int = 64
    """Episodes that every cell has afterwards at least; rounded up to blocks of 16."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.league import judges, run

        with user_input():
            if self.episodes < 1:
                raise ValueError(f"episodes is {self.episodes}; it must be at least 1")
            league = run.load(self.path)
            if not league.state.finished:
                raise ValueError(
                    f"{self.path} is not finished; continue it: garrison league train {self.path}"
                )
            first, second = (league.active(side) for side in league.sides)
            cells = [(row, column) for row in first for column in second]
            with progress.bar("playing", len(cells), "cells", transient=True) as bar:
                for row, column in cells:
                    league.play_more(row, column, self.episodes)
                    bar.advance()
            figures = judges.figures(league)
        shown = {name: figures[name] for name in ("sides", "rows", "columns", "mean", "low", "high", "games")}
        if self.json:
            print_json(shown)
        else:
            out.print(_matrix(figures))
        return 0


@dataclass(frozen=True)
class Presets:
    """List the configurations of `garrison league train`."""

    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        if self.json:
            print_json(
                [
                    {
                        "preset": name,
                        "purpose": one.purpose,
                        "source": one.source,
                        "config": one.config.to_json(),
                    }
                    for name, one in LEAGUES.items()
                ]
            )
            return 0
        for name, one in LEAGUES.items():
            view = Table(title=name, title_justify="left", title_style="bold", show_header=False, box=None)
            view.add_column(no_wrap=True)
            view.add_row("purpose", one.purpose)
            changed = {
                x.name: getattr(one.config, x.name)
                for x in dataclasses.fields(one.config)
                if x.default is dataclasses.MISSING or getattr(one.config, x.name) != x.default
            }
            for field_name, value in changed.items():
                view.add_row(field_name, value if isinstance(value, str) else json.dumps(value))
            view.add_row("source", one.source)
            out.print(view, "")
        return 0


def _done(now: run.Progress) -> float:
    from garrison.league import run

    return now.round + (run.PHASES.index(now.phase) + now.done) / len(run.PHASES)


def _write_report(path: Path, figures: Mapping[str, Any]) -> None:
    from garrison.league import page

    folder = path / "report"
    folder.mkdir(exist_ok=True)
    write(folder / "league.html", page.page(figures))
    write(folder / "league.png", page.picture(figures))
    log.print(f"The page is {folder / 'league.html'}", soft_wrap=True, highlight=False)


def _print(figures: Mapping[str, Any]) -> None:
    out.print(_matrix(figures))
    ranks = Table("member", "side", "weight", "in support", "Elo", "α-Rank", title="Members")
    for side in figures["sides"]:
        for name, rating in figures["elo"][side].items():
            weight = figures["mixtures"][side].get(name, 0.0)
            share = figures["support"][side].get(name, 0.0)
            mass = figures["alpharank"][side][name]
            ranks.add_row(name, side, number(weight), number(share), number(rating), number(mass))
    out.print(ranks)
    rounds = Table("round", "value [95%]", "gap [95%]", "responses", title="Rounds (scaled to 0 .. 1)")
    for one in figures["rounds"]:
        joined = [
            f"{x['member']} {mean(x['gain'], '+')}{'' if x['joined'] else ' (' + x['reason'] + ')'}"
            for own in one["candidates"].values()
            for x in own
        ]
        rounds.add_row(str(one["round"]), interval(one["u"]), fraction(one["gap"]), "\n".join(joined))
    out.print(rounds)
    _print_held_out(figures)
    lost = ", ".join(f"{side} {fraction(figures['forgetting'][side], '+')}" for side in figures["sides"])
    out.print(
        f"Strengths alone explain {fraction(figures['transitive_share'])} of the variance. "
        f"Forgetting: {lost}. Gaps are of members against members: no claim about the game.",
        highlight=False,
    )


def _print_held_out(figures: Mapping[str, Any]) -> None:
    table = Table("round", "side", "against", "mixture", "newest", "best", title="Held-out opponents")
    for one in figures["rounds"]:
        for side, found in one.get("held_out", {}).items():
            for name, x in found.items():
                cells = (mean(x[who]) for who in ("mixture", "newest", "best"))
                table.add_row(str(one["round"]), side, name, *cells)
    if table.row_count:
        out.print(table)


def _matrix(figures: Mapping[str, Any]) -> Table:
    first, second = figures["sides"]
    view = Table(f"{first} \\ {second}", *figures["columns"], title=f"Mean return of {first} [95%]")
    for i, name in enumerate(figures["rows"]):
        cells = [
            mean({end: figures[end][i][j] for end in ("mean", "low", "high")})
            for j in range(len(figures["columns"]))
        ]
        view.add_row(name, *cells)
    return view
