"""``garrison parity fuzz``: many episodes on CybORG, each compared while it is played."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from garrison.cli.cache import use_compilation_cache
from garrison.cli.common import log, print_cyborg_version, seed_range, user_input
from garrison.cli.progress import bar
from garrison.cli.publish import publish
from garrison.studies.study import FIGURES, Section, Study, origin, prepare, read_figures, save

REDS = ("fsm", "discovery", "random_select")
#: what each row of figures.json has
_ROW = (
    "red", "blue", "seed", "episode", "steps", "draws", "rich", "overflow", "largest", "differences",
    "engine", "generator",
)  # fmt: skip
_HEADER = ("red", "blue", "episodes", "steps", "draws", "rich", "differ")


@dataclass(frozen=True)
class Fuzz:
    """Play all pairs of red and blue on CybORG, and replay every step through Garrison's engine at once.

    Figures are saved after each episode, and the same command goes on where it was stopped: episodes that
    were exact are kept, others played again. The exit status is 1 if any step differs.
    """

    episode_seeds: str = "0-9"
    """Seeds of CybORG's generator, as in 0-9."""
    episodes: int = 1
    """Consecutive episodes of each seed. 100 of one seed is the default evaluation run."""
    reds: tuple[str, ...] = REDS
    """Reds of cc4, such as fsm and cia_c; listed: random actions of red's list."""
    blues: tuple[str, ...] = ()
    """Blue policies, and run directories; by default all policies."""
    workers: int = 1
    """Processes."""
    save: Path = Path("results/cc4_fuzz")
    """Folder for figures.json and README.md."""
    keep: Path = Path("differences")
    """Folder for the recordings of episodes that differ."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.adapters.cyborg import engine
        from garrison.parity.recording import blue as blues
        from garrison.parity.recording.trace import LISTED
        from garrison.parity.replay import fuzz

        with user_input():
            if min(self.episodes, self.workers) < 1:
                raise ValueError(f"episodes is {self.episodes} and workers {self.workers}; at least 1 each")
            chosen = self.blues or blues.NAMES
            known = (*engine.REDS, LISTED)
            for red in self.reds:
                if red not in known:
                    raise ValueError(f"no red {red!r}; there are: {', '.join(known)}")
            for blue in chosen:
                blues.blue(blue)  # a wrong name is an error before anything is played
            chains = [
                fuzz.Chain(red, blue, seed, self.episodes)
                for seed in seed_range(self.episode_seeds)
                for red in self.reds
                for blue in chosen
            ]
            before = read(self.save)
            prepare(self.save)
            print_cyborg_version()
        rows, commands = before["rows"], list(dict.fromkeys([*before["commands"], self._command()]))
        done = [row for chain in chains for row in chain.rows(rows) if not row["differences"]]
        with bar("playing", len(chains) * self.episodes - len(done), "episodes") as episodes:
            for row in fuzz.run(chains, rows, self.keep, self.workers, use_compilation_cache):
                rows = [*(other for other in rows if place(other) != place(row)), row]
                self._save(rows, commands)
                episodes.advance()
                if row["differences"]:
                    _tell(row)
        figures = self._save(rows, commands)
        publish(study(figures), json=self.json)
        return 1 if figures["differ"] else 0

    def _command(self) -> str:
        """The command that plays these episodes again."""
        words = [
            "garrison",
            "parity",
            "fuzz",
            "--episode-seeds",
            self.episode_seeds,
            "--episodes",
            str(self.episodes),
        ]
        words += ["--reds", *self.reds]
        words += ["--blues", *self.blues] if self.blues else []
        return shlex.join(words)

    def _save(self, rows: list[dict], commands: list[str]) -> dict[str, Any]:
        figures = totals(sorted(rows, key=place), commands)
        save(self.save, study(figures))
        return figures


def place(row: dict[str, Any]) -> tuple:
    return row["red"], row["blue"], row["seed"], row["episode"]


def read(folder: Path) -> dict[str, list]:
    """``rows`` and ``commands`` of earlier runs; empty lists if there are none.

    Raises ``ValueError`` for a damaged file and for one of another study; names it.
    """
    if not (folder / FIGURES).exists():
        return {"rows": [], "commands": []}
    figures = read_figures(folder)
    missing = [key for key in ("rows", "commands") if not isinstance(figures.get(key), list)]
    missing += [key for key in _ROW if any(key not in row for row in figures.get("rows", []))]
    if missing:
        raise ValueError(
            f"{folder / FIGURES} is not of garrison parity fuzz ({', '.join(missing)} missing); "
            "name another folder with --save"
        )
    return {"rows": figures["rows"], "commands": figures["commands"]}


def _tell(row: dict[str, Any]) -> None:
    """The first difference of an episode, and what happened before it."""
    first = row["differences"][0]
    lines = [
        f"{row['red']}-{row['blue']}-{row['seed']} episode {row['episode']}, step {first['step']}: "
        f"{first['path']}: Garrison {first['garrison']!r}, CybORG {first['recorded']!r}",
        *(f"  {line}" for line in row["around"]),
        f"  the episode is in {row['saved']}",
    ]
    log.print("\n".join(lines), markup=False, highlight=False)


def totals(rows: Sequence[dict[str, Any]], commands: Sequence[str]) -> dict[str, Any]:
    """All rows, which ``commands`` played, with their totals."""
    from garrison.parity.replay import fuzz
    from garrison.worlds.cc4.capacity import CAPACITY

    largest = {name: max((row["largest"].get(name, 0) for row in rows), default=0) for name in CAPACITY}
    return origin(commands[-1]) | {
        "commands": list(commands),
        "episodes": len(rows),
        "steps": sum(row["steps"] for row in rows),
        "draws": sum(row["draws"] for row in rows),
        "rich": sum(row["rich"] for row in rows),
        "differ": sum(bool(row["differences"]) for row in rows),
        "overflowed": sum(bool(row["overflow"]) for row in rows),
        "longest": longest(rows),
        "of_other_sources": sum(row["engine"] != fuzz.engine_hash() for row in rows),
        "capacity": {name: int(room) for name, room in CAPACITY.items()},
        "largest": largest,
        "rows": list(rows),
    }


def longest(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The longest evaluation run: consecutive episodes of one CybORG with one generator."""
    lengths: dict[tuple, int] = {}
    for row in rows:  # in order
        chain = row["red"], row["blue"], row["seed"]
        if row["episode"] == lengths.get(chain, 0):
            lengths[chain] = row["episode"] + 1
    (red, blue, seed), episodes = max(lengths.items(), key=lambda item: item[1], default=((None,) * 3, 0))
    return {"red": red, "blue": blue, "seed": seed, "episodes": episodes}


def study(figures: Mapping[str, Any]) -> Study:
    largest = figures["largest"]
    lists = [(name, str(largest[name]), str(room)) for name, room in figures["capacity"].items()]
    return Study(
        title="CC4: live replay of CybORG",
        figures=figures,
        finding=(
            f"Episodes that differ: {figures['differ']} of {figures['episodes']} ({figures['steps']:,} "
            f"steps, {figures['draws']:,} random draws). Overflow flags set: {figures['overflowed']}."
        ),
        method="\n\n".join(_method(figures)),
        sections=[
            Section("Episodes", _HEADER, list(pairs(figures["rows"]))),
            Section("Bounded lists", ("list", "largest use", "room"), lists),
        ],
    )


def _method(figures: Mapping[str, Any]) -> Iterator[str]:
    if earlier := figures["commands"][:-1]:
        yield f"Earlier commands: {', '.join(f'`{command}`' for command in earlier)}."
    yield (
        "Each episode is played on CybORG and replayed through Garrison's engine step by step. State, "
        "executed actions, observations, masks and rewards are compared after every step, rich observations "
        f"in {figures['rich']} episodes."
    )
    run = figures["longest"]
    if run["episodes"] > 1:
        yield (
            f"The longest evaluation run: {run['episodes']} consecutive episodes of one generator, seed "
            f"{run['seed']}, {run['red']} against {run['blue']}."
        )
    if figures["of_other_sources"]:
        yield f"{figures['of_other_sources']} of them were played with other sources of the engine."


def pairs(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """A line of the table for each pair of red and blue."""
    for red, blue in dict.fromkeys((row["red"], row["blue"]) for row in rows):
        some = [row for row in rows if (row["red"], row["blue"]) == (red, blue)]
        totals = (len(some), *(sum(row[key] for row in some) for key in ("steps", "draws", "rich")))
        yield (
            red,
            blue,
            *(f"{total:,}" for total in totals),
            str(sum(bool(row["differences"]) for row in some)),
        )
