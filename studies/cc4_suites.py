"""Policies on the suites of CC4, on Garrison's engine.

    python studies/cc4_suites.py competition idle random reactive guard best --episodes 200
    python studies/cc4_suites.py heldout guard best --episodes 100
    python studies/cc4_suites.py readings guard best --episodes 200

    garrison eval guard --suite competition --on cyborg --episodes 3 --out results/cc4_suites/cyborg.json

Each call plays what is missing in ``--out`` (results/cc4_suites), where every policy has a file of episodes
for each suite, and writes the page of all that is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from garrison.core.files import to_json, write
from garrison.judge import suites
from garrison.judge.evaluate import Episodes
from garrison.judge.format import mean, number
from garrison.judge.suite_tables import suite_note, suite_rows, suite_title
from garrison.judge.suites import play as suite_play
from garrison.judge.suites.suite import Entry, Suite
from garrison.studies.study import FIGURES, Section, Study, origin, parser, prepare, read_figures, show

OUT = Path("results/cc4_suites")
_ALARMS = {"green_work_alarm": 0.75, "green_access_alarm": 0.75}
#: what the column stealthy may be: chances that a scan is noticed, and a red that scans stealthily only
READINGS = Suite(
    name="readings",
    version=1,
    purpose="what the column stealthy may be",
    seed=suites.get("competition").seed,
    episodes=500,
    entries=(
        *(
            Entry(f"scans {chance:g}", f"{chance:g}", _ALARMS | {"red_scan_detection": [chance, chance]})
            for chance in (0, 0.01, 0.25)
        ),
        Entry("scans 0.01, stealthy only", "only", {"column": "stealthy", "red": "stealthy"}),
    ),
)
ALL = suites.SUITES | {READINGS.name: READINGS}
CYBORG = "cyborg.json"  # of `garrison eval guard --suite competition --on cyborg --out`, if it is there


def play(suite: Suite, names: Sequence[str], episodes: int, folder: Path) -> None:
    """Play the entries that some policy lacks, and save each."""
    files = {name: folder / f"{suite.name}-{name}.json" for name in names}
    known = {name: read(file, suite) if file.exists() else {} for name, file in files.items()}
    players = suite_play.players(suite, names)
    for entry in suite.entries:
        missing = {name: players[name] for name in names if lacking(known[name].get(entry.name), episodes)}
        if not missing:
            continue
        for name, played in suite_play.play_entry(entry, missing, episodes, suite.seed).items():
            known[name][entry.name] = raw(played)
            write(files[name], to_json({"hash": suite.hash, "entries": known[name]}, indent=None) + "\n")
        print(f"{suite.name}: {entry.name}", flush=True)


def lacking(known: Mapping[str, Any] | None, episodes: int) -> bool:
    """Whether episodes are missing."""
    return known is None or len(known["scores"][0]) < episodes


def raw(played: Episodes) -> dict[str, Any]:
    """What is kept of the episodes of a policy: JSON-ready, axes [seed, episode]."""
    return {
        "scores": np.round(played.scores, 1).tolist(),
        "returns": np.round(played.returns, 1).tolist(),
        "parts": {name: float(part.sum(axis=2).mean()) for name, part in played.parts.items()},
        "invalid": float(np.mean(played.invalid)),
    }


def read(file: Path, suite: Suite) -> dict[str, Any]:
    """The entries of a file. Raises ``ValueError`` if it is of another version of the suite."""
    found = json.loads(file.read_text(encoding="utf-8"))
    if found["hash"] != suite.hash:
        raise ValueError(f"{file} is of another suite ({found['hash']}, not {suite.hash}); delete it")
    return found["entries"]


def summaries(folder: Path) -> dict[str, dict[str, Any]]:
    """The figures of all suites of which whole files are there."""
    found = {}
    for suite in ALL.values():
        paths = sorted(folder.glob(f"{suite.name}-*"))
        files = {path.stem.partition("-")[2]: read(path, suite) for path in paths}
        files = {name: entries for name, entries in files.items() if len(entries) == len(suite.entries)}
        if not files:
            continue
        number = min(len(one["scores"][0]) for entries in files.values() for one in entries.values())
        order = sorted(files, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
        results = {
            entry.name: {name: episodes(files[name][entry.name], number) for name in order}
            for entry in suite.entries
        }
        versus = "best" if "best" in files else None
        found[suite.name] = suite_play.summary(suite, results, versus) | {"simulator": "garrison"}
    return found


ORDER = ("idle", "random", "reactive", "guard")  # of columns; the others follow by name


def episodes(known: Mapping[str, Any], number: int) -> Episodes:
    scores, returns = (np.array(known[name])[:, :number] for name in ("scores", "returns"))
    parts = {name: np.full((*scores.shape, 1), part) for name, part in known["parts"].items()}
    return Episodes(
        returns=returns,
        scores=scores,
        lengths=np.zeros(scores.shape, int),
        parts=parts,
        decisions=np.zeros(scores.shape, int),
        invalid=np.full(scores.shape, known["invalid"]),
    )


# ------------------------------------------------------------------ the page


def study(figures: Mapping[str, Any]) -> Study:
    return Study(
        title="CC4: policies on the suites",
        figures=figures,
        finding=" ".join(_findings(figures["suites"])),
        method=(
            "Every policy plays the same episodes of each entry. Scores leave out the last reward, as the "
            "challenge does. `best` is one training seed, so its intervals do not cover others. The suites "
            "are described in `docs/diversity.md`; `garrison eval POLICY --suite NAME` plays them."
        ),
        sections=list(_sections([*figures["suites"].values(), *filter(None, [figures.get("cyborg")])])),
    )


def _findings(found: Mapping[str, Any]) -> Iterator[str]:
    for name, one in found.items():
        shown = [policy for policy in ("guard", "best") if policy in one["policies"]]
        each = [_finding(policy, one["policies"][policy]) for policy in shown]
        if each and name != READINGS.name:
            yield f"On {name}, mean over families: {'; '.join(each)}."


def _finding(policy: str, figures: Mapping[str, Any]) -> str:
    worst = figures["worst"]
    return f"`{policy}` {mean(figures['mean'])}, worst {number(worst['mean'])} ({worst['entry']})"


def _sections(found: Iterable[dict[str, Any]]) -> Iterator[Section]:
    for one in found:
        head, rows = suite_rows(one)
        title, note = suite_title(one), suite_note(one)
        if one["suite"]["name"] == READINGS.name:  # their mean says nothing
            title, rows = READINGS.purpose, rows[: len(READINGS.entries)]
            note = f"chance that a scan of red is noticed; false alarms of users 0.75; {note}"
        yield Section(f"{title[0].upper()}{title[1:]}", tuple(head), rows, f"{note[0].upper()}{note[1:]}.")


def main() -> None:
    arguments = parser(__doc__)
    arguments.set_defaults(out=OUT)
    arguments.add_argument("suite", nargs="?", help="suite to play; none: only write the page")
    arguments.add_argument("policies", nargs="*", help="scripted policies and runs")
    arguments.add_argument("--episodes", type=int, help="of each entry; by default all of the suite")
    asked = arguments.parse_args()
    folder = asked.out / "episodes"
    prepare(folder)
    if asked.suite is not None:
        suite = READINGS if asked.suite == READINGS.name else suites.get(asked.suite)
        play(suite, asked.policies, suite_play.chosen_episodes(suite, asked.episodes), folder)
    figures = origin("python studies/cc4_suites.py SUITE POLICY ... --episodes N")
    if (asked.out / FIGURES).exists():
        figures["date"] = read_figures(asked.out)["date"] if asked.suite is None else figures["date"]
    figures["suites"] = summaries(folder)
    if (asked.out / CYBORG).exists():
        figures["cyborg"] = json.loads((asked.out / CYBORG).read_text(encoding="utf-8"))
    show(study(figures), asked.out)


if __name__ == "__main__":
    main()
