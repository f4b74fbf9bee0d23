"""``garrison parity equivalence``: the same policies here and on CybORG, with independent episodes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro
from rich.table import Table

from garrison.cli.common import log, out, print_json, user_input
from garrison.cli.evaluate import Contest, Which
from garrison.cli.parity.record import bar, say_which
from garrison.runs import study_files

if TYPE_CHECKING:
    from garrison.parity.scores.study_plan import Plan, Subject

POLICIES = ("idle", "random", "reactive", "firewall", "guard")
HEADER = (
    "quantity", "Garrison", "sd", "CybORG", "sd", "difference", "95%", "p", "adj. p", "margin", "TOST p",
    "found at 90%",
)  # fmt: skip
OVERVIEW = (
    "policy", "episodes", "Garrison", "CybORG", "difference", "95%", "margin", "equivalent", "found at 90%",
    "episodes needed",
)  # fmt: skip
BEHAVIOR = ("policy", "distance", "95%", "halves of CybORG", "95% of them below", "p", "adj. p")
#: columns that a terminal has room for, of each table
BRIEF = {
    HEADER: ("quantity", "CybORG", "difference", "95%", "adj. p", "margin"),
    OVERVIEW: ("policy", "Garrison", "CybORG", "difference", "95%", "margin", "equivalent"),
    BEHAVIOR: ("policy", "distance", "95%", "halves of CybORG", "adj. p"),
}


@dataclass(frozen=True)
class Equivalence:
    """Play policies here and on CybORG with independent seeds, and test whether they fare alike.

    Each episode is on disk when it is over, and the same command goes on where it was stopped, or adds to
    what is there when more episodes are asked for. The exit status is 1 if a systematic gap is found.
    """

    policies: tuple[str, ...] = POLICIES
    """Players of the world, and run directories: all teams of RUN, or one as in RUN:1."""
    red: tuple[str, ...] = ("fsm",)
    """Reds: fsm, discovery, random_select, sleep."""
    episodes: int = 300
    """Episodes of each policy on CybORG."""
    ours: int = 1000
    """Episodes of each policy on Garrison's engine."""
    seed: int = 0
    """Seed of CybORG's first episode; ours are others anyway."""
    workers: int = 1
    """Processes that play on CybORG."""
    margin: float = 84.0
    """Scores that differ by less are equivalent. 84 is published as the noise of evaluations."""
    margins: tuple[str, ...] = ("guard=15",)
    """Margins of single policies, as in guard=15."""
    which: Which = "latest"
    """Which checkpoint of the runs plays."""
    greedy: tyro.conf.FlagCreatePairsOff[bool] = False
    """Let trained teams take their most probable actions instead of sampling."""
    out: Path = Path("results/cc4_equivalence")
    """Write <out>.json, <out>.md and <out>.png; the episodes go into the folder <out>."""
    merge: tuple[Path, ...] = ()
    """Folders of other machines, whose episodes are taken in first."""
    report: tyro.conf.FlagCreatePairsOff[bool] = False
    """Play nothing: report all episodes of the folder, also of a study that goes on."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.parity.scores import episodes_file, equivalence

        with user_input():
            margins = self._margins()
            for folder in self.merge:
                log.print(
                    f"{episodes_file.merge(self.out, folder)} new episodes from {folder}", highlight=False
                )
            if not self.report:
                plan = self._plan()
        if not self.report:
            play(plan, self.workers)
        with user_input():
            found = episodes_file.read_folder(self.out)
            if not found:
                raise ValueError(f"{self.out} has no episodes; play some first, without --report")
        figures = study_files.origin(self._command(found)) | equivalence.study(found, margins, self.margin)
        self._save(figures)
        if self.json:
            print_json(figures)
        else:
            show(figures)
        return 1 if figures["systematic"] else 0

    def _margins(self) -> dict[str, float]:
        """Margins by policy. Raises ``ValueError`` for what is none."""
        try:
            margins = {name: float(value) for name, _, value in (m.rpartition("=") for m in self.margins)}
        except ValueError as error:
            raise ValueError(f"margins are {' '.join(self.margins)}; write them as in guard=15") from error
        if min([self.margin, *margins.values()]) <= 0:
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
        subjects = [subject for red in self.red for subject in self._subjects(red)]
        say_which()
        return Plan(subjects, self.out, self.ours, self.episodes, self.seed)

    def _subjects(self, red: str) -> list[Subject]:
        from garrison.parity.scores.study_plan import subjects_of

        def opened(name: str) -> tuple[Any, Mapping[str, Any]]:
            contest = Contest(names=(name,), red=red, which=self.which, greedy=self.greedy)
            return contest.opened()[:2]

        return subjects_of(self.policies, opened)

    def _command(self, found: Mapping[tuple[str, str], list[dict[str, Any]]]) -> str:
        """What plays these episodes again; runs go by their short names."""
        from garrison.parity.scores.equivalence import by_engine

        sides = [side for rows in found.values() for side in by_engine(rows).items()]
        most = {engine: max(len(rows) for e, rows in sides if e == engine) for engine in dict(sides)}
        first = min((row["seed"] for e, rows in sides for row in rows if e == "cyborg"), default=self.seed)
        policies, reds = (dict.fromkeys(key[place] for key in found) for place in (0, 1))
        words = ["garrison parity equivalence --policies", *map(shlex.quote, policies), "--red", *reds]
        words += [f"--episodes {most['cyborg']} --ours {most['garrison']} --seed {first}"]
        words += ["--which best"] if self.which == "best" else []
        words += ["--greedy"] if self.greedy else []
        return " ".join(words)

    def _save(self, figures: dict[str, Any]) -> None:
        from garrison.core.files import write
        from garrison.judge.html_report import plots
        from garrison.parity.scores.equivalence import prominent

        study_files.save(self.out, figures, markdown(figures, self.out.name))
        blocks = {
            named(pair): [(gap["quantity"], gap["difference"], gap["margin"]) for gap in prominent(pair)]
            for pair in figures["pairs"]
        }
        if blocks:
            write(self.out.with_name(self.out.name + ".png"), plots.differences(blocks))


def play(plan: Plan, workers: int) -> None:
    """Play all that is missing, here first, with a progress bar for CybORG's part.

    Raises ``SystemExit`` with a message if a process fails.
    """
    from garrison.adapters.cyborg.pool import WorkerError

    with log.status("playing here") as status:
        for told in plan.play_here():
            status.update(f"playing {told}")
    try:
        with bar(len(plan.there), "playing on CybORG") as advance:
            for _ in plan.play_there(workers):
                advance()
    except WorkerError as error:
        raise SystemExit(
            f"garrison: on CybORG, {error}\nWhat was played is kept; the same command goes on."
        ) from error


def show(figures: dict[str, Any]) -> None:
    for title, header, rows in tables(figures):
        view, places = Table(title=title, box=None), [header.index(name) for name in BRIEF[header]]
        for place in places:
            view.add_column(header[place], justify="right" if place else "left", no_wrap=True)
        for row in rows:
            view.add_row(*(row[place] for place in places))
        out.print(view)
    out.print(summary(figures), highlight=False)


def markdown(figures: dict[str, Any], name: str) -> Iterator[str]:
    yield "# CC4: the same policies on Garrison and on CybORG"
    yield ""
    yield study_files.told(figures)
    yield ""
    yield (
        f"Independent episodes; versions: {'; '.join(versions(figures))}. The score is the official one, "
        "without the last reward; parts and phases have all rewards. Differences are Garrison's mean minus "
        "CybORG's, with Welch's 95% interval. adj. p: that there is no gap, adjusted by Holm over all tests "
        "here. TOST p: that the gap is the margin or more; below 0.05 both are equivalent. The margin of a "
        "part or phase is the same share of CybORG's standard deviation as the score's margin is of the "
        "score's. Found at 90%: the true gap that so many episodes find with that chance, by a single test "
        "at 5%. Episodes needed: per side, to show the margin with a chance of 90% if there is no gap. "
        "Behavior: total variation distance between the shares of decisions by kind of action, with a "
        "bootstrap interval; beside it that of random halves of CybORG's episodes, which are of one law; p: "
        "permutation test."
    )
    yield ""
    yield f"**{summary(figures)}**"
    if figures["pairs"]:
        yield from ["", f"![Differences in margins]({name}.png)"]
    for title, header, rows in tables(figures, all_quantities=True):
        yield from ["", f"## {title}", ""]
        yield from study_files.table(header, rows)


def tables(
    figures: dict[str, Any], all_quantities: bool = False
) -> Iterator[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Title, header and rows of each table."""
    from garrison.parity.scores.equivalence import prominent

    yield "Official score", OVERVIEW, [overview_row(pair) for pair in figures["pairs"]]
    yield "Behavior", BEHAVIOR, [behavior_row(pair) for pair in figures["pairs"]]
    for pair in figures["pairs"]:
        gaps = pair["gaps"] if all_quantities else prominent(pair)
        yield named(pair), HEADER, [gap_row(gap) for gap in gaps]


def versions(figures: dict[str, Any]) -> list[str]:
    found = {f"{engine} {v}" for pair in figures["pairs"] for engine, v in pair["version"].items()}
    return sorted(found, reverse=True)


def summary(figures: dict[str, Any]) -> str:
    from garrison.parity.scores.equivalence import farthest

    shown = [pair for pair in figures["pairs"] if pair["gaps"][0]["equivalent"]]
    text = (
        f"{figures['systematic']} of {figures['tests']} tests find a systematic gap at a family-wise level "
        f"of {figures['level']:.0%}; least adjusted p: {figures['least_adjusted_p']:.2g}, largest "
        f"difference: {farthest(figures):.2f} standard errors. Scores shown to be equivalent: {len(shown)} "
        f"of {len(figures['pairs'])} policies."
    )
    waiting = [f"{policy} against {red}" for policy, red in figures["waiting"]]
    return text + (f" Too few episodes yet: {', '.join(waiting)}." if waiting else "")


def named(pair: Mapping[str, Any]) -> str:
    return pair["policy"] if pair["red"] == "fsm" else f"{pair['policy']} against {pair['red']}"


def overview_row(pair: Mapping[str, Any]) -> tuple[str, ...]:
    gap = pair["gaps"][0]
    return (
        named(pair),
        " / ".join(str(n) for n in pair["episodes"].values()),
        number(gap["garrison"]["mean"]),
        number(gap["cyborg"]["mean"]),
        *difference_cells(gap),
        f"±{gap['margin']:g}",
        "yes" if gap["equivalent"] else "not shown",
        number(gap["detectable"]),
        "" if gap["needed"] is None else str(gap["needed"]),
    )


def gap_row(gap: Mapping[str, Any]) -> tuple[str, ...]:
    moments = [number(gap[engine][what]) for engine in ("garrison", "cyborg") for what in ("mean", "sd")]
    if gap["constant"]:
        return gap["quantity"], *moments, "", "", "", "", "", "", ""
    return (
        gap["quantity"],
        *moments,
        *difference_cells(gap),
        f"{gap['difference']['p']:.2g}",
        f"{gap['adjusted']:.2g}",
        f"±{number(gap['margin'])}",
        f"{gap['tost']:.2g}",
        number(gap["detectable"]),
    )


def behavior_row(pair: Mapping[str, Any]) -> tuple[str, ...]:
    found = pair["behavior"]
    return (
        named(pair),
        f"{found['distance']:.4f}",
        f"{found['low']:.4f} … {found['high']:.4f}",
        f"{found['halves']:.4f}",
        f"{found['halves_high']:.4f}",
        f"{found['p']:.2g}",
        f"{found['adjusted']:.2g}",
    )


def difference_cells(gap: Mapping[str, Any]) -> tuple[str, str]:
    found = gap["difference"]
    return f"{found['value']:+,.2f}", f"{found['low']:+,.1f} … {found['high']:+,.1f}"


def number(x: float) -> str:
    return f"{x:,.{0 if abs(x) >= 1000 else 1 if abs(x) >= 100 else 2}f}"
