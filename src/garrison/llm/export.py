"""Games of scripted players as conversations, from which language models learn (supervised fine-tuning).

A line holds what a model would have been asked and what it should have said, in the format that TRL's
``SFTTrainer`` and other trainers read: ``messages`` and ``tools``. Prompts are made from the seat's views
before it acts, by the code that asks models (:mod:`garrison.llm.chat`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from garrison.core.files import write_parts
from garrison.llm.arena import ArenaBatch
from garrison.llm.chat import HISTORY, Conversation, as_text
from garrison.llm.clients import as_functions
from garrison.llm.game import Game
from garrison.llm.play import play_seeds
from garrison.llm.players import Action, Player, player
from garrison.llm.scenarios import SPLITS
from garrison.llm.seat import Seat

Form = Literal["tools", "text"]
Per = Literal["turn", "game"]
Keep = Literal["won", "all"]


@dataclass(frozen=True)
class Export:
    """What is exported.

    Attributes:
        form: answers as native ``tools`` calls, or as ``text`` with a JSON object.
        per: a line per ``turn``, with the last turns before it, or per ``game``.
        keep: games that were ``won``, where the scenario says what wins; or ``all``.
        waiting: largest share of turns whose answer gives no order. Of lines per game all turns are kept.
    """

    scenario: str = "small"
    teacher: str = "guard+plan"
    seat: str = "blue"
    opponent: str | None = None
    teammates: str | None = None
    plan: bool = True
    style: str = "compact"
    form: Form = "tools"
    per: Per = "turn"
    keep: Keep = "won"
    waiting: float = 0.25

    @property
    def side(self) -> str:
        return "red" if self.seat.startswith("red") else "blue"


@dataclass
class Counts:
    """What an export held."""

    games: int = 0
    left_out: int = 0  # games that were not won
    lines: int = 0
    waiting: int = 0  # lines without an order
    dropped: int = 0  # turns without an order beyond their share
    repeated: int = 0  # lines that were there already
    scores: list[float] = field(default_factory=list)  # of the games that were kept


class _Told:
    """A scripted player whose turns are kept as conversations."""

    def __init__(self, one: Player, game: Game, export: Export) -> None:
        self.one, self.game, self.export = one, game, export
        self.talk = Conversation(game, export.seat, HISTORY if export.per == "turn" else None)
        self.turns: list[dict[str, Any]] = []

    def act(self, seat: Seat, rows: np.ndarray) -> Action:
        view = self.game.view(seat.name)
        asked = self.talk.messages(view)
        action = self.one.act(seat, rows)
        if isinstance(action, str):
            raise ValueError(f"{self.export.teacher} answers with text, not with calls: it cannot teach")
        calls = action.get("calls", [action])
        text = as_text(calls)
        answer = {"role": "assistant", "content": text}
        if self.export.form == "tools":
            functions = [{"name": one["tool_name"], "arguments": one.get("params", {})} for one in calls]
            answer = {"role": "assistant", "content": "", "tool_calls": as_functions(functions)}
        self.turns.append(
            {
                "messages": [*asked, answer],
                "turn": view.turn,
                "tick": view.tick,
                "loss": self.game.loss,
                "waits": all(one["tool_name"] in ("end_turn", "wait") for one in calls),
            }
        )
        self.talk.add(view, text)
        return action


def examples(
    export: Export,
    seeds: Sequence[int],
    counts: Counts | None = None,
    on_game: Callable[[Game], None] = lambda game: None,
    at_once: int = 32,
) -> Iterator[dict[str, Any]]:
    """Lines of the games of ``seeds``: ``messages``, ``tools``, and what they are from.

    ``score`` is the game's, ``loss_to_go`` what blue lost from the line's first turn on, ``dense`` the reward
    of the line's ticks, as of :meth:`~garrison.llm.game.Game.dense`.

    Raises ``ValueError`` for an unknown name, for seeds outside of the split ``train``, and for a share that
    is not in 0..1.
    """
    first, number = SPLITS["train"]
    if outside := [seed for seed in seeds if not first <= seed < first + number]:
        raise ValueError(
            f"seed {outside[0]} is not in {first}..{first + number - 1}, the seeds to learn from; "
            "others are kept for tests"
        )
    if not 0 <= export.waiting <= 1:
        raise ValueError(f"waiting is {export.waiting}; it is a share and must be in 0..1")
    if export.style == "acd":
        raise ValueError("style is 'acd'; a scripted player's calls are no answers in it: choose another one")
    player(export.teacher, 0, export.side)  # refuses unknown ones before anything is compiled
    counts = Counts() if counts is None else counts
    batch = ArenaBatch(
        *(min(at_once, len(seeds)), export.scenario, export.seat, export.opponent, export.teammates),
        *(export.plan, export.style),
    )
    told: dict[int, _Told] = {}

    def make(game: Game) -> Player:
        told[game.seed] = _Told(player(export.teacher, game.seed, export.side), game, export)
        return told[game.seed]

    known: set[bytes] = set()
    for game in play_seeds(batch, seeds, make):
        teller = told.pop(game.seed)
        counts.games += 1
        on_game(game)
        if export.keep == "won" and game.outcome not in (export.side, "over"):
            counts.left_out += 1
            continue
        counts.scores.append(game.score(export.seat))
        for line in _lines(teller, game, export):
            waits = line.pop("waits")
            if export.per == "turn" and waits and counts.waiting + 1 > export.waiting * (counts.lines + 1):
                counts.dropped += 1
                continue
            digest = hashlib.sha256(json.dumps(line["messages"], sort_keys=True).encode()).digest()
            if digest in known:
                counts.repeated += 1
                continue
            known.add(digest)
            counts.lines += 1
            counts.waiting += waits
            yield line


def _lines(teller: _Told, game: Game, export: Export) -> Iterator[dict[str, Any]]:
    turns = teller.turns if export.per == "turn" else teller.turns[-1:]
    about = {
        "scenario": game.scenario.name,
        "seat": export.seat,
        "teacher": export.teacher,
        "seed": game.seed,
        "outcome": game.outcome,
        "score": game.score(export.seat),
        "transcript": game.transcript.hash,
    }
    for number, one in enumerate(turns, start=1):
        messages = one["messages"]
        if export.per == "game" and export.form == "tools":
            answers = iter(turn["messages"][-1] for turn in teller.turns)
            messages = [next(answers) if m["role"] == "assistant" else m for m in messages]
        first = one if export.per == "turn" else teller.turns[0]
        until = turns[number]["tick"] if number < len(turns) else game.tick
        yield {
            "messages": messages,
            "tools": as_functions(teller.talk.tools),
            **about,
            "turn": first["turn"],
            "tick": first["tick"],
            "loss_to_go": game.loss - first["loss"],
            "dense": game.dense(export.seat, first["tick"], until),
            "waits": one["waits"],
        }


def write(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Write JSON lines; the file appears when all are written."""
    write_parts(path, (json.dumps(line, sort_keys=True, allow_nan=False) + "\n" for line in lines))
