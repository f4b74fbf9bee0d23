"""Many episodes on CybORG, each replayed through our engine while it is played.

Nothing of an episode is kept but a row of figures, unless a difference is found: then the recording is saved.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from garrison.adapters.cyborg.engine import source_hash
from garrison.parity.recording.record import Session
from garrison.parity.replay.replay import replay
from garrison.parity.stress import policies
from garrison.worlds import cc4

SHOWN = 10  # differences kept in a row

#: A played episode, JSON-ready.
Row = dict[str, Any]


class Chain(NamedTuple):
    """Consecutive episodes of one CybORG with one generator, as an evaluation plays them."""

    red: str
    blue: str
    seed: int
    episodes: int

    def rows(self, rows: Iterable[Row]) -> list[Row]:
        """Its rows among others, from the first episode on without a gap."""
        mine = {row["episode"]: row for row in rows if self.has(row)}
        return [mine[i] for i in range(self.episodes) if all(j in mine for j in range(i + 1))]

    def has(self, row: Row) -> bool:
        return (row["red"], row["blue"], row["seed"]) == (self.red, policies.called(self.blue), self.seed)


def play(chain: Chain, last: Row | None, keep: Path) -> Row:
    """Play the episode of a chain after that of the row ``last``, and compare.

    Where a difference is found the episode is played to its end and saved in ``keep``.
    """
    started = time.perf_counter()
    session = Session(chain.red, chain.blue, chain.seed)
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
        "blue": policies.called(chain.blue),
        "seed": chain.seed,
        "episode": number,
        "steps": report.steps,
        "draws": report.draws,
        "rich": report.rich,
        "overflow": report.overflow,
        "largest": report.largest,
        "differences": [difference._asdict() for difference in report.differences[:SHOWN]],
        "around": report.around,
        "saved": None if saved is None else str(saved),
        "seconds": round(time.perf_counter() - started, 1),
        "engine": engine_hash(),
        "generator": session.generator,
    }


@lru_cache(maxsize=1)
def engine_hash() -> str:
    """Which sources of our engine were compared."""
    return source_hash(Path(cc4.__file__).parent)


def run(
    chains: Sequence[Chain], done: Sequence[Row], keep: Path, workers: int, begin: Callable[[], None]
) -> Iterator[Row]:
    """Play what is not done, and give the rows as they come.

    Args:
        done: rows of an earlier run; what differed, and came after that, is played again.
        workers: processes; with 1, this one.
        begin: called in each worker first; it must be importable by name.
    """
    found = {chain: chain.rows(row for row in done if not row["differences"]) for chain in chains}
    todo = [chain for chain in chains if len(found[chain]) < chain.episodes]
    if workers == 1:
        for chain in todo:
            while len(found[chain]) < chain.episodes:
                found[chain].append(play(chain, _last(found[chain]), keep))
                yield found[chain][-1]
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=begin) as pool:
        waiting: dict[Future, Chain] = {_submit(pool, chain, found[chain], keep): chain for chain in todo}
        try:
            while waiting:
                ended, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ended:
                    chain = waiting.pop(future)
                    found[chain].append(future.result())
                    if len(found[chain]) < chain.episodes:
                        waiting[_submit(pool, chain, found[chain], keep)] = chain
                    yield found[chain][-1]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, chain: Chain, before: list[Row], keep: Path) -> Future:
    return pool.submit(play, chain, _last(before), keep)


def _last(rows: list[Row]) -> Row | None:
    return rows[-1] if rows else None
