"""Payoffs of a league: what each row is worth against each column, how sure that is, and what to play next.

``payoffs.jsonl`` is append-only. A line is a block of episodes of one cell:

    {"row": HASH, "column": HASH, "seed": FIRST, "returns": [...], "wins": W}

Members are named by the hashes of what they are, so that a cell belongs to parameters and not to names. All
cells play the same episodes, from the same first seed on (common random numbers): differences between cells
are paired. Nothing is played twice.

Figures that are made of payoffs get their intervals from one bootstrap over seeds: a resample draws whole
seeds, for all cells together, and every figure is computed again on it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from garrison.core.files import parse_object, write

BLOCK = 16  #: episodes of one block
RESAMPLES = 500
_FIELDS = {"row": str, "column": str, "seed": int, "returns": list, "wins": int | float}


@dataclass
class PayoffStore:
    """All episodes that were played, by pair of hashes, in order of their seeds."""

    path: Path | None = None  # None: in memory alone
    first_seed: int = 0
    _returns: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    _wins: dict[tuple[str, str], float] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, first_seed: int) -> PayoffStore:
        """Read a store; a last line without its end, which a killed process left, is dropped from the file.

        Raises ``ValueError`` naming a damaged line.
        """
        store = cls(path, first_seed)
        if not path.exists():
            return store
        data = path.read_bytes()
        whole, _, rest = data.rpartition(b"\n")
        if rest:
            write(path, whole + b"\n" if whole else b"")
        for number, line in enumerate(whole.split(b"\n") if whole else [], start=1):
            try:
                store._take(_block(line))
            except ValueError as error:
                raise ValueError(
                    f"{path} is damaged in line {number} ({error}); delete this line and those after it: "
                    "their episodes are played again"
                ) from error
        return store

    def add(self, row: str, column: str, returns: Sequence[float], wins: float) -> None:
        """Append the next block of a cell: its episodes follow those that are there."""
        seed = self.first_seed + self.games(row, column)
        block = {
            "row": row,
            "column": column,
            "seed": seed,
            "returns": [float(x) for x in returns],
            "wins": float(wins),
        }
        self._take(block)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(block, allow_nan=False) + "\n")

    def games(self, row: str, column: str) -> int:
        """Number of episodes of a cell."""
        return len(self._returns.get((row, column), ()))

    def returns(self, row: str, column: str) -> np.ndarray:
        """Returns of a cell, f64[episode], from the first seed on."""
        return np.array(self._returns.get((row, column), ()), np.float64)

    def wins(self, row: str, column: str) -> float:
        """Wins of the row's side in a cell; a tie counts half."""
        return self._wins.get((row, column), 0.0)

    @property
    def blocks(self) -> int:
        """Blocks of all cells."""
        return sum(-(-len(one) // BLOCK) for one in self._returns.values())

    def _take(self, block: dict[str, Any]) -> None:
        cell = block["row"], block["column"]
        expected = self.first_seed + self.games(*cell)
        if block["seed"] != expected:
            raise ValueError(f"seed is {block['seed']}, expected {expected}")
        self._returns.setdefault(cell, []).extend(block["returns"])
        self._wins[cell] = self._wins.get(cell, 0.0) + block["wins"]


def _block(line: bytes) -> dict[str, Any]:
    block = parse_object(line)
    if block.keys() != _FIELDS.keys():
        raise ValueError(f"fields are {', '.join(block)}, expected {', '.join(_FIELDS)}")
    wrong = [name for name, kind in _FIELDS.items() if not isinstance(block[name], kind)]
    if wrong or not all(isinstance(x, int | float) for x in block["returns"]):
        raise ValueError(f"{wrong[0] if wrong else 'returns'} is of the wrong type")
    return block


# ---------------------------------------------------------------- the matrix


@dataclass(frozen=True)
class Scale:
    """Returns of the row side to u, which is 0 at ``low`` and 1 at ``high``.

    What lies beyond is not clipped: members that are better or worse than all before would look alike.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"returns are scaled from {self.low} to {self.high}; low must be below high")

    def u(self, returns: np.ndarray) -> np.ndarray:
        return (returns - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Payoffs:
    """Payoffs of some rows and columns, axes [row, column]; in returns of the row side."""

    mean: np.ndarray
    deviation: np.ndarray  # standard deviation of episodes; 0 for a single one
    games: np.ndarray  # int
    wins: np.ndarray
    resamples: np.ndarray  # f64[resample, row, column]: means of resampled seeds

    def interval(self, figure: np.ndarray) -> tuple[float, float]:
        """95% interval of a figure that was computed on each resample, f64[resample]."""
        level = _level(int(self.games.min()))
        low, high = np.quantile(figure, (level, 1 - level))
        return float(low), float(high)


def payoffs(
    store: PayoffStore, rows: Sequence[str], columns: Sequence[str], seed: int = 0, resamples: int = RESAMPLES
) -> Payoffs:
    """The matrix of some members, by hash. Raises ``ValueError`` for a cell without episodes."""
    cells = [[store.returns(row, column) for column in columns] for row in rows]
    for row, line in zip(rows, cells, strict=True):
        for column, one in zip(columns, line, strict=True):
            if not one.size:
                raise ValueError(
                    f"nothing was played between {row[:8]} and {column[:8]}; fill that cell first"
                )
    longest = max(one.size for line in cells for one in line)
    drawn = _drawn_seeds(longest, resamples, seed)
    return Payoffs(
        mean=np.array([[one.mean() for one in line] for line in cells]),
        deviation=np.array([[one.std(ddof=1) if one.size > 1 else 0.0 for one in line] for line in cells]),
        games=np.array([[one.size for one in line] for line in cells]),
        wins=np.array([[store.wins(row, column) for column in columns] for row in rows]),
        resamples=np.stack(
            [np.stack([_resampled(one, drawn) for one in line], axis=1) for line in cells], axis=1
        ),
    )


@lru_cache(maxsize=8)
def _drawn_seeds(count: int, resamples: int, seed: int) -> np.ndarray:
    """How often each seed is drawn, f64[resample, seed]."""
    draws = np.random.default_rng(seed).integers(0, count, (resamples, count))
    places = (draws + count * np.arange(resamples)[:, None]).reshape(-1)
    return np.bincount(places, minlength=resamples * count).reshape(resamples, count).astype(np.float64)


def _resampled(returns: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Means in resamples of a cell whose episodes have the first seeds; its own mean where none was drawn."""
    own = drawn[:, : returns.size]
    played = own.sum(axis=1)
    return np.where(played > 0, own @ returns / np.maximum(played, 1), returns.mean())


def _level(games: int) -> float:
    """The lower percentile of a 95% interval, moved outwards for few episodes as in garrison.judge.stats."""
    if games < 2:
        return 0.0
    from scipy import special  # imported late: slow, and most commands do not need it

    return float(special.ndtr(special.stdtrit(games - 1, 0.025) * np.sqrt(games / (games - 1))))


# ---------------------------------------------------------------- what to play next


@dataclass(frozen=True)
class Cell:
    """A cell to fill: places of its row and column."""

    row: int
    column: int


def next_cell(found: Payoffs, rows: np.ndarray, columns: np.ndarray) -> Cell:
    """The cell whose next block lowers the variance of the value most.

    That is the one with the greatest variance of its mean, times what it weighs in the mixtures; a tenth of
    the weight is spread over all cells. A single episode counts as the greatest variance that was seen.
    """
    variance = np.where(found.games > 1, found.deviation**2, (found.deviation**2).max())
    weight = np.outer(rows, columns) + 0.1 / found.mean.size
    place = int(np.argmax(variance / found.games * weight))
    return Cell(*divmod(place, found.mean.shape[1]))


def fill(
    store: PayoffStore,
    rows: Sequence[str],
    columns: Sequence[str],
    play: Callable[[Cell, int, int], tuple[Sequence[float], float]],
    mixtures: Callable[[Payoffs], tuple[np.ndarray, np.ndarray, np.ndarray]],
    *,
    width: float,
    blocks: int,
    on_block: Callable[[int], None] = lambda played: None,
) -> Payoffs:
    """Play one block in every new cell, then blocks where they tell most.

    Args:
        play: returns and wins of a cell's episodes, from a first seed on, as many as asked for.
        mixtures: weights of rows and of columns, and the value on each resample, from payoffs.
        width: half-width of the value's 95% interval that is enough.
        blocks: of the store at most; new cells get their first block in any case.
        on_block: called after each block with the number of blocks of the store.
    """
    every = [Cell(row, column) for row in range(len(rows)) for column in range(len(columns))]

    def one(cell: Cell) -> None:
        ids = rows[cell.row], columns[cell.column]
        store.add(*ids, *play(cell, store.first_seed + store.games(*ids), BLOCK))
        on_block(store.blocks)

    for cell in every:
        if not store.games(rows[cell.row], columns[cell.column]):
            one(cell)
    while True:
        found = payoffs(store, rows, columns)
        row_weights, column_weights, values = mixtures(found)
        low, high = found.interval(values)
        if store.blocks >= blocks or (high - low) / 2 < width or not found.deviation.any():
            return found
        one(next_cell(found, row_weights, column_weights))
