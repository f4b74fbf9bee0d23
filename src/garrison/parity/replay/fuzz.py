"""Episodes on CybORG, each replayed through Garrison's engine while it is played.

An episode leaves a row of figures; its recording is saved only where it differs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from garrison.adapters.cyborg.engine import source_hash
from garrison.core import processes
from garrison.core.processes import Task
from garrison.parity.recording.blue import called
from garrison.parity.recording.record import RecordingSession
from garrison.parity.replay.replay import replay
from garrison.worlds import cc4

_SHOWN = 10  # differences kept in a row

#: A played episode, JSON-ready.
Row = dict[str, Any]


class Chain(NamedTuple):
    """Consecutive episodes of one CybORG with one generator, as an evaluation plays them."""

    red: str
    blue: str
    seed: int
    episodes: int

    def rows(self, rows: Iterable[Row]) -> list[Row]:
        """The rows of this chain among others, from the first episode up to the first gap."""
        mine = {row["episode"]: row for row in rows if self.has(row)}
        return [mine[i] for i in range(self.episodes) if all(j in mine for j in range(i + 1))]

    def has(self, row: Row) -> bool:
        return (row["red"], row["blue"], row["seed"]) == (self.red, called(self.blue), self.seed)


def play(chain: Chain, last: Row | None, keep: Path) -> Row:
    """Play and compare the episode of a chain that follows the one of row ``last``.

    An episode that differs is played to its end and saved in ``keep``.
    """
    started = time.perf_counter()
    session = RecordingSession(chain.red, chain.blue, chain.seed)
    if last is not None:
        session.skip_to(last["episode"] + 1, last["generator"])
    number, episode = session.number, session.episode()
    report = replay(episode.trace())
    saved = None
    if not report.exact:
        keep.mkdir(parents=True, exist_ok=True)
        saved = keep / episode.name
        episode.save(saved)
    return {
        "red": chain.red,
        "blue": called(chain.blue),
        "seed": chain.seed,
        "episode": number,
        "steps": report.steps,
        "draws": report.draws,
        "rich": report.rich,
        "overflow": report.overflow,
        "largest": report.largest,
        "differences": [difference._asdict() for difference in report.differences[:_SHOWN]],
        "around": report.around,
        "saved": None if saved is None else str(saved),
        "seconds": round(time.perf_counter() - started, 1),
        "engine": engine_hash(),
        "generator": session.generator,
    }


@lru_cache(maxsize=1)
def engine_hash() -> str:
    """A hash of the sources of Garrison's engine."""
    return source_hash(Path(cc4.__file__).parent)


def run(
    chains: Sequence[Chain], done: Sequence[Row], keep: Path, workers: int, begin: Callable[[], None]
) -> Iterator[Row]:
    """Play the episodes that are missing and yield their rows as they are complete.

    Args:
        done: rows of an earlier run. An episode that differed, and those after it in its chain, are played
            again.
        workers: processes; with 1, this one.
        begin: called in each worker first; importable by its name.
    """
    rows = {chain: chain.rows(row for row in done if not row["differences"]) for chain in chains}
    unfinished = [chain for chain in chains if len(rows[chain]) < chain.episodes]

    def next_task(chain: Chain) -> Task | None:
        played = rows[chain]
        if len(played) == chain.episodes:
            return None
        return chain, played[-1] if played else None, keep

    def follow_up(number: int, row: Row) -> Task | None:
        rows[unfinished[number]].append(row)
        return next_task(unfinished[number])

    tasks: list[Any] = [next_task(chain) for chain in unfinished]
    if workers > 1:
        for _, row in processes.finished(play, tasks, workers, follow_up, begin):
            yield row
        return
    for number, task in enumerate(tasks):
        while task is not None:
            row = play(*task)
            task = follow_up(number, row)
            yield row
