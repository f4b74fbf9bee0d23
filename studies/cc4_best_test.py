"""Learned teams of CC4 on episodes that no choice was made with, here and on CybORG.

    garrison parity equivalence --policies guard RUN RUN ... --episodes 500 --out EPISODES
    python studies/cc4_best_test.py EPISODES best=RUN,RUN,... [NAME=RUN,... ...]

The first command plays the stock game on both simulators, and goes on where it was stopped. The second reads
its episodes, and plays the suite ``competition`` on Garrison. A team is a name and its runs,
one per training seed. ``--out results/cc4_best_test`` writes the study's folder, and goes on from the figures
there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import garrison
from garrison.core.policy import Policy
from garrison.judge import stats, suites
from garrison.judge.format import mean, number
from garrison.judge.suites.published import COMPETITION
from garrison.parity.scores import episodes_file
from garrison.parity.scores.episodes_file import Row
from garrison.studies.study import FIGURES, Section, Study, origin, parser, read_figures, save, show

SUITE = suites.get("competition")
EPISODES = 200  # of each entry
MARGIN = 15.0  # of the score, for equivalence
SCRIPTED = ("idle", "guard")


def play(teams: Mapping[str, Sequence[Policy] | Policy], known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """``known`` with the figures of one more entry of the suite at a time: entries, then teams."""
    for entry in SUITE.entries:
        column = entry.name
        had = known.get(column, {})
        missing = {name: team for name, team in teams.items() if name not in had}
        if not missing:
            continue
        result = garrison.evaluate(entry.make(), missing, episodes=EPISODES, seed=SUITE.seed)
        new = {
            name: {
                "returns": result.episodes(name).returns.round(1).tolist(),
                "parts": result.figures["policies"][name]["reward_parts"],
                "diagnosis": result.figures["policies"][name]["diagnosis"]["numbers"],
            }
            for name in missing
        }
        known = known | {column: had | new}
        yield known


def scores(rows: Sequence[Row], engine: str) -> np.ndarray:
    """``f[episode]`` in the order of the seeds."""
    own = sorted((row for row in rows if row["engine"] == engine), key=lambda row: row["seed"])
    return np.array([row["score"] for row in own])


def measure(teams: Mapping[str, Sequence[str]], rows: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Scores of each member of each team on both simulators, the same number of episodes of each."""
    found: dict[str, Any] = {}
    for name, members in teams.items():
        found[name] = {}
        for engine in episodes_file.ENGINES:
            each = {member: scores(rows.get(member, ()), engine) for member in members}
            fewest = min(map(len, each.values()))
            if fewest > 1:
                found[name][engine] = {member: one[:fewest].tolist() for member, one in each.items()}
    return found


# ------------------------------------------------------------------ the page


def study(figures: Mapping[str, Any]) -> Study:
    learned = [name for name in figures["simulators"] if name not in SCRIPTED]
    best = max(learned, key=lambda name: np.mean(_stacked(figures["simulators"][name]["cyborg"])))
    shown = {name: _estimate(figures["simulators"][name]["cyborg"]) for name in (best, "guard")}
    return Study(
        title="CC4: the test of the learned teams",
        figures=figures,
        finding=(
            f"On CybORG `{best}` scores {mean(shown[best])} ({shown[best]['seeds']} training seeds, "
            f"{shown[best]['n']:,} episodes), `guard` {mean(shown['guard'])} ({shown['guard']['n']:,}). The "
            "best published team has −113, the best published learned one −129.5."
        ),
        method=(
            "Episodes that served for no choice. On CybORG by the challenge's protocol, seeds from 0 on; "
            "on Garrison's engine other seeds for the same policies. The score leaves "
            "out the last reward, as the challenge does. 95% bootstrap intervals over training seeds and "
            "episodes. All teams but `guard` and `idle` play without Allow and Block."
        ),
        sections=list(_sections(figures)),
    )


def _stacked(members: Mapping[str, Sequence[float]]) -> np.ndarray:
    """``f[member, episode]``."""
    return np.array(list(members.values()))


def _estimate(members: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    return asdict(stats.estimate(_stacked(members)))


def _sections(figures: Mapping[str, Any]) -> Iterator[Section]:
    simulators, columns = figures["simulators"], figures["columns"]
    yield Section(
        "Score",
        (
            "team",
            "training seeds",
            "CybORG",
            "episodes",
            "Garrison",
            "episodes",
            "difference",
            "equivalent at ±15",
        ),
        list(_rows(simulators)),
        "Difference: Garrison minus CybORG, with Welch's interval; equivalence by two one-sided tests at 5%.",
    )
    yield Section(
        "Each training seed",
        ("policy", "CybORG", "sd there", "Garrison", "sd here", "difference", "equivalent at ±15"),
        [
            _member_row(member, {engine: found[member] for engine, found in engines.items()})
            for engines in simulators.values()
            for member in engines.get("cyborg", engines["garrison"])
        ],
    )
    names = list(columns["base"])
    published = COMPETITION["teams"]["best published"]
    yield Section(
        "Variants of the game, on Garrison",
        ("variant", "best published", *names),
        [
            (
                column,
                number(published[column]["mean"]),
                *(mean(asdict(stats.estimate(np.array(columns[column][name]["returns"])))) for name in names),
            )
            for column in columns
        ],
        f"Returns of {EPISODES} episodes per training seed of the suite {SUITE.name} (version "
        f"{SUITE.version}, seeds from {SUITE.seed:,} on). Best published: {COMPETITION['source']}. "
        "`docs/diversity.md` says which definitions are certain, and which are our reading.",
    )
    parts = columns["base"][names[0]]["parts"]
    numbers = columns["base"][names[0]]["diagnosis"]
    yield Section(
        "Where the stock game is lost, on Garrison",
        ("team", *parts, *numbers),
        [
            (
                name,
                *(number(columns["base"][name]["parts"][part]) for part in parts),
                *(number((columns["base"][name]["diagnosis"][what] or {}).get("mean")) for what in numbers),
            )
            for name in names
        ],
    )


def _rows(simulators: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, engines in simulators.items():
        shown = {engine: _estimate(found) for engine, found in engines.items()}
        cells = [cell for engine in reversed(episodes_file.ENGINES) for cell in _cells(shown.get(engine))]
        pooled = {engine: _stacked(found).ravel() for engine, found in engines.items()}
        yield (name, str(len(next(iter(engines.values())))), *cells, *_gap(pooled))


def _cells(found: dict[str, Any] | None) -> tuple[str, str]:
    return (mean(found), f"{found['n']:,}") if found else ("-", "-")


def _member_row(member: str, engines: Mapping[str, Sequence[float]]) -> tuple[str, ...]:
    shown = {engine: asdict(stats.estimate(np.array(found))) for engine, found in engines.items()}
    both = [shown.get(engine) for engine in reversed(episodes_file.ENGINES)]
    cells = [cell for one in both for cell in ((mean(one), number(one["sd"])) if one else ("-", "-"))]
    return (member, *cells, *_gap({engine: np.array(found) for engine, found in engines.items()}))


def _gap(engines: Mapping[str, np.ndarray]) -> tuple[str, str]:
    if len(engines) < 2:
        return "-", "-"
    gap = stats.mean_difference(engines["garrison"], engines["cyborg"])
    shown = mean({"mean": gap.value, "low": gap.low, "high": gap.high})
    return shown, "yes" if stats.tost(gap, MARGIN) < 0.05 else "not shown"


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("episodes", type=Path, help="folder of garrison parity equivalence")
    arguments.add_argument("teams", nargs="+", help="NAME=RUN,RUN,...: runs of one training seed each")
    asked = arguments.parse_args()
    teams = {name: runs.split(",") for name, _, runs in (word.partition("=") for word in asked.teams)}
    policies = {
        name: [policy for run in runs for policy in garrison.load_run(run).policies()]
        for name, runs in teams.items()
    }
    members = {name: [f"{Path(run).name}:0" for run in runs] for name, runs in teams.items()}
    scripted = {name: garrison.policies("cc4")[name] for name in SCRIPTED}
    found = episodes_file.read_folder(asked.episodes)
    rows = {policy: rows for (policy, red), rows in found.items() if red == "fsm"}
    names = " ".join(f"{name}=RUN,..." for name in teams)
    figures = origin(f"python studies/cc4_best_test.py EPISODES {names} --out results/cc4_best_test")
    figures |= {"simulators": measure({name: [name] for name in SCRIPTED} | members, rows), "columns": {}}
    if asked.out is not None and (asked.out / FIGURES).exists():
        figures["columns"] = read_figures(asked.out)["columns"]
    for columns in play(scripted | policies, figures["columns"]):
        figures["columns"] = columns
        if asked.out is not None and len(columns) == len(SUITE.entries):
            save(asked.out, study(figures))
    show(study(figures), asked.out)


if __name__ == "__main__":
    main()
