"""The results of a server: finished games of named players, and replays, in memory or in a folder."""

from __future__ import annotations

import json
import logging
import re
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from garrison.judge.stats import estimate
from garrison.llm.game import Game
from garrison.view.replay import SUFFIX, Replay, read, summary, write

GAMES = "games.jsonl"
MAX_ROWS = 100_000  # of games that are kept
MAX_REPLAYS = 500  # that a server saves; more are only shown to those who played
#: what games of one leaderboard have in common
GAME = ("scenario", "seat", "opponent", "teammates", "plan")
_ROW = {*GAME, "player", "seed", "score", "outcome", "hints", "transcript"}
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]*{re.escape(SUFFIX)}")
_log = logging.getLogger(__name__)


class Board:
    """Finished games and replays. All methods may be called from any thread.

    Args:
        folder: for ``games.jsonl`` and replays; games and replays that it has are shown. None: games are kept
            in memory, and no replays.

    Raises:
        OSError: if the folder cannot be made or read.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._rows: list[dict[str, Any]] = []
        self._seen: dict[str, tuple[int, dict[str, Any]]] = {}  # summaries by file, with the time of change
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._rows = _read(folder / GAMES)

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Keep rows of :func:`row`."""
        with self._lock:
            rows = rows[: MAX_ROWS - len(self._rows)]
            self._rows += rows
            if self._folder is not None and rows:
                with (self._folder / GAMES).open("a", encoding="utf-8") as file:
                    file.write("".join(f"{json.dumps(row, sort_keys=True)}\n" for row in rows))

    def tables(self) -> list[dict[str, Any]]:
        """A leaderboard for each kind of game: per player the mean score with its 95% interval.

        Each seed counts once for a player, by the first game that was finished. Games with hints have a row
        of their own.
        """
        with self._lock:
            rows = list(self._rows)
        games: dict[tuple[Any, ...], dict[tuple[str, bool], dict[int, float]]] = {}
        for one in rows:
            players = games.setdefault(tuple(one[name] for name in GAME), {})
            scores = players.setdefault((one["player"], bool(one["hints"])), {})
            scores.setdefault(one["seed"], one["score"])
        return [
            dict(zip(GAME, kind, strict=True))
            | {"players": sorted(map(_line, players.items()), key=lambda line: -line["mean"])}
            for kind, players in games.items()
        ]

    def keep(self, name: str, replay: Replay) -> None:
        """Save a replay in the folder, if there is one with room. Logs what goes wrong."""
        if self._folder is None:
            return
        try:
            if len(list(self._folder.glob(f"*{SUFFIX}"))) < MAX_REPLAYS:
                write(self._folder / f"{name}{SUFFIX}", replay)
        except OSError:
            _log.exception("the replay %s could not be saved", name)

    def replays(self) -> list[dict[str, Any]]:
        """What the replays of the folder are, by :func:`~garrison.view.replay.summary`, the newest first.

        Files that cannot be read are left out.
        """
        if self._folder is None:
            return []
        found = []
        for path in self._folder.glob(f"*{SUFFIX}"):
            changed = path.stat().st_mtime_ns
            if self._seen.get(path.name, (0, {}))[0] != changed:
                try:
                    self._seen[path.name] = changed, summary(path.name, read(path))
                except (OSError, ValueError):
                    continue
            found.append(self._seen[path.name])
        return [about for _, about in sorted(found, key=lambda one: -one[0])]

    def replay(self, name: str) -> bytes | None:
        """The contents of a replay file of the folder; None: there is none of that name."""
        if self._folder is None or not _NAME.fullmatch(name):
            return None
        path = self._folder / name
        return path.read_bytes() if path.is_file() and not path.is_symlink() else None


def row(game: Game, seat: str, player: str) -> dict[str, Any]:
    """A seat of a finished game as a row."""
    side = game.seats[seat].side
    sides = {one.side for one in game.seats.values()}
    own, other = (game.roles.blue, game.roles.red) if side == "blue" else (game.roles.red, game.roles.blue)
    return {
        "scenario": game.scenario.name,
        "seat": seat,
        "opponent": other if len(sides) == 1 else "a seat",
        "teammates": None if seat == side else own,
        "plan": game.seats[seat].referee is not None,
        "player": player,
        "seed": game.seed,
        "score": game.score(seat),
        "outcome": game.outcome,
        "hints": game.hints[seat],
        "transcript": game.transcript.hash,
    }


def _line(item: tuple[tuple[str, bool], dict[int, float]]) -> dict[str, Any]:
    (player, hints), scores = item
    found = asdict(estimate(np.array(list(scores.values()))))
    return {"player": player, "hints": hints} | {name: found[name] for name in ("n", "mean", "low", "high")}


def _read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file; lines that are damaged are named in the log and left out."""
    rows: list[dict[str, Any]] = []
    if not path.exists():
        return rows
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            one = json.loads(line)
            if not isinstance(one, dict) or not one.keys() >= _ROW:
                raise ValueError("not a row")
            rows.append(one | {"score": float(one["score"]), "seed": int(one["seed"])})
        except (ValueError, TypeError) as error:
            _log.warning("%s, line %d is left out: %s", path, number, error)
    return rows[:MAX_ROWS]
