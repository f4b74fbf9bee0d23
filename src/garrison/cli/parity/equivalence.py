"""``garrison parity equivalence``: the same policies here and on CybORG, with independent episodes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from garrison.cli.common import log, print_cyborg_version, user_input
from garrison.cli.evaluate import Contest, Which
from garrison.cli.progress import bar
from garrison.cli.publish import publish
from garrison.studies.study import origin, prepare

if TYPE_CHECKING:
    from garrison.parity.scores.study_plan import Plan, StudiedPolicy

#: Episodes of both engines by policy and red.
Rows = Mapping[tuple[str, str], Sequence[dict[str, Any]]]

POLICIES = ("idle", "random", "reactive", "firewall", "guard")


@dataclass(frozen=True)
class Equivalence:
    """Play policies here and on CybORG with independent seeds, and test whether they fare alike.

    Each episode is on disk when it is over, and the same command goes on where it was stopped, or adds to
    what is there when more episodes are asked for. The exit status is 1 if a systematic gap is found.
    """

    policies: tuple[str, ...] = ()
    """Policies of the world, and run directories: RUN for all its seeds, RUN:1 for one. By default idle,
    random, reactive, firewall and guard; with --reference, all that it has."""
    red: tuple[str, ...] = ("fsm",)
    """Reds of cc4, such as fsm and cia_c."""
    episodes: int = 300
    """Episodes of each policy on CybORG."""
    garrison_episodes: int = 1000
    """Episodes of each policy on Garrison's engine."""
    seed: int = 0
    """Seed of CybORG's first episode; Garrison's episodes have other seeds."""
    workers: int = 1
    """Processes that play on CybORG."""
    reference: Path | None = None
    """Folder of stored CybORG episodes, such as tests/data/cc4_returns, instead of playing on CybORG."""
    margin: float = 84.0
    """Scores that differ by less are equivalent. 84 is published as the noise of evaluations."""
    margins: tuple[str, ...] = ("guard=15",)
    """Margins of single policies, as in guard=15."""
    which: Which = "latest"
    """Which checkpoint of the runs plays."""
    greedy: tyro.conf.FlagCreatePairsOff[bool] = False
    """Let trained policies take their most probable actions instead of sampling."""
    out: Path | None = None
    """Folder for figures.json, README.md, differences.png, and a file of episodes per policy and red.
    By default results/cc4_equivalence, with --reference results/cc4_stored_episodes."""
    merge: tuple[Path, ...] = ()
    """Folders of other machines, whose episodes are added first."""
    report: tyro.conf.FlagCreatePairsOff[bool] = False
    """Play nothing: report all episodes of the folder, also while a study goes on."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    @property
    def folder(self) -> Path:
        default = "cc4_equivalence" if self.reference is None else "cc4_stored_episodes"
        return Path("results", default) if self.out is None else self.out

    def run(self) -> int:
        from garrison.parity.scores import equivalence
        from garrison.parity.scores.equivalence_page import study

        with user_input():
            margins = self._margins()
            prepare(self.folder)
        rows = self._stored() if self.reference is not None else self._played()
        figures = origin(self._command(rows)) | equivalence.study(rows, margins, self.margin)
        publish(study(figures), self.folder, self.json)
        return 1 if figures["systematic"] else 0

    def _played(self) -> Rows:
        """The episodes of the folder, after those that are missing have been played."""
        from garrison.parity.scores import episodes_file

        with user_input():
            for folder in self.merge:
                new = episodes_file.merge(self.folder, folder)
                log.print(f"{new} new episodes from {folder}", highlight=False)
            plan = None if self.report else self._plan()
        if plan is not None:
            play(plan, self.workers)
        with user_input():
            rows = episodes_file.read_folder(self.folder)
            if not rows:
                raise ValueError(f"{self.folder} has no episodes; play some first, without --report")
        return rows

    def _stored(self) -> Rows:
        """CybORG's stored episodes, and Garrison's episodes of the same policies, which are played now."""
        from garrison.parity.scores import stored_episodes
        from garrison.parity.scores.study_plan import APART, play_on_garrison

        assert self.reference is not None  # as the caller has seen
        with user_input():
            stored = stored_episodes.read_folder(self.reference)
            names = self.policies or tuple(stored)
            if unknown := [name for name in names if name not in stored]:
                raise ValueError(f"{self.reference} has no {unknown[0]}; it has: {', '.join(stored)}")
            if self.red != (stored_episodes.RED,) or self.garrison_episodes < 2:
                raise ValueError(
                    f"--reference needs --red {stored_episodes.RED} and --garrison-episodes of at least 2"
                )
            policies = self._studied(stored_episodes.RED, names)
        first = self.seed + APART
        with log.status(f"playing {self.garrison_episodes} episodes of each policy"):
            played = play_on_garrison(
                policies[0].world, policies, range(first, first + self.garrison_episodes)
            )
        return {
            (one.name, stored_episodes.RED): [
                *(one.origin("garrison") | row for row in played[one]), *stored[one.name]
            ]
            for one in policies
        }  # fmt: skip

    def _margins(self) -> dict[str, float]:
        """Margins by policy. Raises ``ValueError`` for text that is none."""
        try:
            margins = {name: float(value) for name, _, value in (m.rpartition("=") for m in self.margins)}
        except ValueError as error:
            raise ValueError(f"margins are {' '.join(self.margins)}; write them as in guard=15") from error
        if not all(margin > 0 for margin in (self.margin, *margins.values())):
            raise ValueError("a margin must be more than 0")
        return margins

    def _plan(self) -> Plan:
        from garrison.adapters.cyborg import engine
        from garrison.parity.scores.study_plan import Plan

        if self.workers < 1:
            raise ValueError(f"workers is {self.workers}; it must be at least 1")
        for red in self.red:
            if red not in engine.REDS:
                raise ValueError(f"no red {red!r}; there are: {', '.join(engine.REDS)}")
        policies = [one for red in self.red for one in self._studied(red, self.policies or POLICIES)]
        print_cyborg_version()
        return Plan(policies, self.folder, self.garrison_episodes, self.episodes, self.seed)

    def _studied(self, red: str, names: Sequence[str]) -> list[StudiedPolicy]:
        from garrison.parity.scores.study_plan import studied_policies

        def opened(name: str) -> tuple[Any, Mapping[str, Any]]:
            contest = Contest(names=(name,), red=red, which=self.which, greedy=self.greedy)
            return contest.opened()[:2]

        return studied_policies(names, opened)

    def _command(self, rows: Rows) -> str:
        """The command that plays these episodes again; runs go by their short names."""
        from garrison.parity.scores.equivalence import by_engine

        sides = [side for episodes in rows.values() for side in by_engine(episodes).items()]
        most = {engine: max(len(some) for e, some in sides if e == engine) for engine in dict(sides)}
        first = min((row["seed"] for e, some in sides for row in some if e == "cyborg"), default=self.seed)
        policies, reds = (tuple(dict.fromkeys(key[place] for key in rows)) for place in (0, 1))
        words = ["garrison", "parity", "equivalence", "--policies", *policies, "--red", *reds]
        if self.reference is not None:
            words += ["--reference", str(self.reference)]
        else:
            words += ["--episodes", str(most["cyborg"])]
        words += ["--garrison-episodes", str(most["garrison"]), "--seed", str(first)]
        words += ["--which", "best"] if self.which == "best" else []
        words += ["--greedy"] if self.greedy else []
        return shlex.join(words)


def play(plan: Plan, workers: int) -> None:
    """Play all that is missing, here first, with a progress bar for CybORG's part.

    Raises ``SystemExit`` with a message if a process fails.
    """
    from garrison.core.processes import WorkerError

    with log.status("playing here") as status:
        for description in plan.play_here():
            status.update(f"playing {description}")
    try:
        with bar("playing on CybORG", len(plan.there), "episodes") as episodes:
            for _ in plan.play_there(workers):
                episodes.advance()
    except WorkerError as error:
        raise SystemExit(
            f"garrison: on CybORG, {error}\nWhat was played is kept; the same command goes on."
        ) from error
