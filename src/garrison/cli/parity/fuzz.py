"""``garrison parity fuzz``: many episodes on CybORG, each compared while it is played."""

from __future__ import annotations

import json as text
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from garrison.cli.cache import use_compilation_cache
from garrison.cli.common import log, out, print_json, user_input
from garrison.cli.parity.record import bar, say_which, seeds_of
from garrison.runs import study_files

REDS = ("fsm", "discovery", "random_select")
HEADER = ("red", "blue", "episodes", "steps", "draws", "rich", "differ")


@dataclass(frozen=True)
class Fuzz:
    """Play all pairs of red and blue on CybORG, and replay every step through Garrison's engine at once.

    Figures are saved after each episode, and the same command goes on where it was stopped: episodes that
    were exact are kept, others played again. The exit status is 1 if any step differs.
    """

    seeds: str = "0-9"
    """Seeds of CybORG's generator, as in 0-9."""
    episodes: int = 1
    """Consecutive episodes of each seed. 100 of one seed is the default evaluation run."""
    reds: tuple[str, ...] = REDS
    """Reds: fsm, discovery, random_select, sleep."""
    policies: tuple[str, ...] = ()
    """Blue policies, and run directories; by default all policies."""
    workers: int = 1
    """Processes."""
    save: Path = Path("results/cc4_fuzz")
    """Write <save>.json and <save>.md."""
    keep: Path = Path("differences")
    """Folder for the recordings of episodes that differ."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.adapters.cyborg import engine
        from garrison.parity.replay import fuzz
        from garrison.parity.stress import policies

        with user_input():
            if min(self.episodes, self.workers) < 1:
                raise ValueError(f"episodes is {self.episodes} and workers {self.workers}; at least 1 each")
            chosen = self.blues or policies.NAMES
            for red in self.reds:
                if red not in engine.REDS:
                    raise ValueError(f"no red {red!r}; there are: {', '.join(engine.REDS)}")
            for blue in chosen:
                policies.blue(blue)  # so that a wrong name is told before anything is played
            chains = [
                fuzz.Chain(red, blue, seed, self.episodes)
                for seed in seeds_of(self.seeds)
                for red in self.reds
                for blue in chosen
            ]
            before = read(self.save)
            say_which()
        rows, commands = before["rows"], list(dict.fromkeys([*before["commands"], self._command()]))
        done = [row for chain in chains for row in chain.rows(rows) if not row["differences"]]
        with bar(len(chains) * self.episodes - len(done), "playing") as advance:
            for row in fuzz.run(chains, rows, self.keep, self.workers, begin):
                rows = [*(other for other in rows if place(other) != place(row)), row]
                self._save(rows, commands)
                advance()
                if row["differences"]:
                    tell(row)
        figures = self._save(rows, commands)
        if self.json:
            print_json(figures)
        else:
            out.print("\n".join(markdown(figures)), markup=False, highlight=False)
        return 1 if figures["differ"] else 0

    def _command(self) -> str:
        """What makes these episodes again."""
        words = ["garrison parity fuzz", f"--seeds {self.seeds}", f"--episodes {self.episodes}"]
        words += [f"--reds {' '.join(self.reds)}"]
        words += [f"--blues {' '.join(self.blues)}"] if self.blues else []
        return " ".join(words)

    def _save(self, rows: list[dict], commands: list[str]) -> dict[str, Any]:
        figures = summary(sorted(rows, key=place), commands)
        study_files.save(self.save, figures, markdown(figures))
        return figures


def begin() -> None:
    """What a worker does first: leave Ctrl-C to its parent, and compile as that does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    use_compilation_cache()


def place(row: dict[str, Any]) -> tuple:
    return row["red"], row["blue"], row["seed"], row["episode"]


def read(save: Path) -> dict[str, list]:
    """``rows`` and ``commands`` of earlier runs. Raises ``ValueError`` for a file of another kind."""
    path = save.with_name(save.name + ".json")
    if not path.exists():
        return {"rows": [], "commands": []}
    try:
        figures = text.loads(path.read_text())
        return {"rows": figures["rows"], "commands": figures["commands"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not of garrison parity fuzz; name another file with --save") from error


def tell(row: dict[str, Any]) -> None:
    """The first difference of an episode, and what happened before it."""
    first = row["differences"][0]
    lines = [
        f"{row['red']}-{row['blue']}-{row['seed']} episode {row['episode']}, step {first['step']}: "
        f"{first['path']}: ours {first['ours']!r}, CybORG {first['recorded']!r}",
        *(f"  {line}" for line in row["around"]),
        f"  the episode is in {row['saved']}",
    ]
    log.print("\n".join(lines), markup=False, highlight=False)


def summary(rows: Sequence[dict[str, Any]], commands: Sequence[str]) -> dict[str, Any]:
    """All rows, with their totals; ``commands`` made them."""
    from garrison.parity.replay import fuzz
    from garrison.parity.stress.overflow import CAPACITY

    largest = {name: max((row["largest"].get(name, 0) for row in rows), default=0) for name in CAPACITY}
    return study_files.origin(commands[-1]) | {
        "commands": list(commands),
        "episodes": len(rows),
        "steps": sum(row["steps"] for row in rows),
        "draws": sum(row["draws"] for row in rows),
        "rich": sum(row["rich"] for row in rows),
        "differ": sum(bool(row["differences"]) for row in rows),
        "overflowed": sum(bool(row["overflow"]) for row in rows),
        "longest": longest(rows),
        "of_other_sources": sum(row["engine"] != fuzz.engine_hash() for row in rows),
        "capacity": CAPACITY,
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


def markdown(figures: dict[str, Any]) -> Iterator[str]:
    yield "# CC4: live replay of CybORG"
    yield ""
    yield study_files.told(figures)
    if earlier := figures["commands"][:-1]:
        yield f"Before: {', '.join(f'`{command}`' for command in earlier)}."
    yield ""
    yield (
        f"{figures['episodes']} episodes played on CybORG and replayed through Garrison's engine at once, "
        f"{figures['steps']:,} steps and {figures['draws']:,} draws. State, executed actions, observations, "
        f"masks and rewards are compared after every step, rich observations in {figures['rich']} episodes. "
        f"**Episodes that differ: {figures['differ']}.** Overflow flags set: {figures['overflowed']}."
    )
    run = figures["longest"]
    if run["episodes"] > 1:
        yield (
            f"The longest evaluation run: {run['episodes']} consecutive episodes of one generator, seed "
            f"{run['seed']}, {run['red']} against {run['blue']}."
        )
    if figures["of_other_sources"]:
        yield ""
        yield f"{figures['of_other_sources']} of them were played with other sources of the engine."
    yield ""
    yield from study_files.table(HEADER, pairs(figures["rows"]))
    yield ""
    yield from study_files.table(
        ("list", "largest use", "room"),
        ((name, str(figures["largest"][name]), str(room)) for name, room in figures["capacity"].items()),
    )


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
