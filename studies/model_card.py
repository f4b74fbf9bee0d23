"""The figures of the card of the trained team ``best``, from results: ``python studies/model_card.py``.

Writes the tables between the marks in the card. The page of the test gets the first of them and a finding: it
has no ``figures.json`` until it is finished. Nothing is played.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from garrison.core.files import write
from garrison.judge import stats
from garrison.judge.format import mean
from garrison.parity.scores import episodes_file
from garrison.parity.scores.episodes_file import Row
from garrison.studies.study import table

ROOT = Path(__file__).resolve().parents[1]
CARD = ROOT / "src/garrison/runs/packaged/best/README.md"
TEST = ROOT / "results/cc4_best_test"
SUITES = ROOT / "results/cc4_suites/episodes"
MEMBERS = ("best:0", "best-1:0", "best-2:0", "best-3:0", "best-4:0")
PLANNED = 500  # episodes of each on CybORG
MARKS = "<!-- {}: python studies/model_card.py -->", "<!-- end of {} -->"


def estimate(values: np.ndarray) -> str:
    return mean(asdict(stats.estimate(values)))


# ---------------------------------------------------------------- the test on both simulators


def scores(rows: list[Row], engine: str) -> np.ndarray:
    """``f[episode]`` in the order of the seeds."""
    own = sorted((row for row in rows if row["engine"] == engine), key=lambda row: row["seed"])
    return np.array([row["score"] for row in own])


def played() -> dict[str, dict[str, np.ndarray]]:
    """Scores ``f[episode]`` by simulator and policy."""
    found = episodes_file.read_folder(TEST / "episodes")
    return {
        engine: {policy: scores(rows, engine) for (policy, _), rows in found.items()}
        for engine in ("cyborg", "garrison")
    }


def stock_rows(found: Mapping[str, Mapping[str, np.ndarray]]) -> Iterator[tuple[str, ...]]:
    names = [f"training seed {number}" for number in range(len(MEMBERS))]
    names[0] = "`best`, training seed 0"
    for name, member in (*zip(names, MEMBERS, strict=True), ("`guard`, scripted", "guard")):
        if name.endswith("scripted"):
            yield ("all five, interval over training seeds too", *_cells(_together(found)))
        yield (name, *_cells({engine: players[member] for engine, players in found.items()}))


def _together(found: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """``f[seed, episode]`` by simulator, as many episodes as the seed with the fewest has."""
    fewest = {engine: min(len(players[one]) for one in MEMBERS) for engine, players in found.items()}
    return {
        engine: np.array([players[one][: fewest[engine]] for one in MEMBERS])
        for engine, players in found.items()
    }


def finding() -> list[str]:
    """What the page of the test says first."""
    found = played()
    five = _together(found)
    cyborg, garrison = (
        f"{estimate(five[engine])}, `guard` {estimate(found[engine]['guard'])}"
        for engine in ("cyborg", "garrison")
    )
    done = five["cyborg"].shape[1]
    return [
        f"**Score on CybORG, by the challenge's protocol: five training seeds of `cc4-best` {cyborg}; on "
        f"Garrison {garrison}. The best published team has −113. {done} of {PLANNED} episodes of each on "
        "CybORG so far.**"
    ]


def _cells(values: Mapping[str, np.ndarray]) -> Iterator[str]:
    for found in values.values():
        yield estimate(found)
        yield f"{found.size:,}"


def stock_table() -> list[str]:
    return table(("policy", "CybORG", "episodes", "Garrison", "episodes"), stock_rows(played()))


# ---------------------------------------------------------------- games that it did not learn in


def suite(name: str) -> list[str]:
    """A row per entry of a suite; the same episodes for both policies."""
    best, guard = (_entries(SUITES / f"{name}-{policy}.json") for policy in ("best", "guard"))
    rows = []
    for entry in best:
        gap = stats.paired_difference(best[entry], guard[entry])
        cells = estimate(best[entry]), estimate(guard[entry]), mean(asdict(gap), "+"), _verdict(gap)
        rows.append((entry, *cells))
    return table(("game", "`best`", "`guard`", "`best` − `guard`", "`best` is"), rows)


def _verdict(gap: stats.Estimate) -> str:
    """What the interval says; nothing if it holds 0, or if there is none."""
    if gap.low is None or gap.high is None:
        return ""
    return "worse" if gap.high < 0 else "better" if gap.low > 0 else ""


def _entries(path: Path) -> dict[str, np.ndarray]:
    entries = json.loads(path.read_text())["entries"]
    return {name: np.array(entry["scores"][0]) for name, entry in entries.items()}


# ---------------------------------------------------------------- the pages


def tables() -> dict[str, list[str]]:
    """All figures by the name in their marks."""
    suites = {name: suite(name) for name in ("competition", "heldout")}
    return {"finding": finding(), "stock": stock_table()} | suites


def filled(text: str, found: Mapping[str, list[str]]) -> str:
    """``text`` with each table in place of what is between its marks."""
    for name, lines in found.items():
        first, last = (mark.format(name) for mark in MARKS)
        part = "\n".join((first, "", *lines, "", last))
        text = re.sub(
            f"{re.escape(first)}.*?{re.escape(last)}", lambda _, part=part: part, text, flags=re.DOTALL
        )
    return text


def main() -> None:
    found = tables()
    for page in (CARD, TEST / "README.md"):
        write(page, filled(page.read_text(), found))


if __name__ == "__main__":
    main()
