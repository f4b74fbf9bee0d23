"""A language model as a player: the messages of a game, and what it is given of its history."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from garrison.llm.clients import Client, Reply
from garrison.llm.game import Game, View
from garrison.llm.prompt import system_prompt
from garrison.llm.seat import Seat

HISTORY = 4  # turns that the model is given besides the present one


class Conversation:
    """What a model reads in a game: the system prompt, the last turns and the present view.

    What is older is left out: the facts of a view tell what still matters.

    Args:
        seat: by default the game's first one.
        history: turns that are kept; None: all.

    Attributes:
        tools: schemas of the seat's tools.
    """

    def __init__(self, game: Game, seat: str | None = None, history: int | None = HISTORY) -> None:
        self.seat = seat or next(iter(game.seats))
        seated = game.seats[self.seat]
        self.tools = [tool.schema() for tool in seated.tools.values()]
        if seated.style == "acd":  # answers in words, and without memory
            self.tools, history = [], 0
        prompt = system_prompt(game.scenario, self.seat, seated.referee is not None, seated.style)
        self._system = {"role": "system", "content": prompt}
        self._past: deque[dict[str, Any]] = deque(maxlen=None if history is None else 2 * history)

    def messages(self, view: View) -> list[dict[str, Any]]:
        """What the model is asked with a view."""
        return [self._system, *self._past, {"role": "user", "content": view.text}]

    def add(self, view: View, said: str) -> None:
        """A turn that is over: the view and what was said to it."""
        self._past += [{"role": "user", "content": view.text}, {"role": "assistant", "content": said}]


class Chat:
    """A model that plays a seat of a game. A player, as of :mod:`garrison.llm.players`.

    Args:
        seat: by default the game's first one.
        history: turns that the model is given besides the present one.
    """

    def __init__(self, client: Client, game: Game, seat: str | None = None, history: int = HISTORY) -> None:
        self.client, self.game = client, game
        self.conversation = Conversation(game, seat, history)

    def act(self, seat: Seat, rows: np.ndarray) -> Any:
        """As of :class:`~garrison.llm.players.Player`; the model reads the seat's view alone."""
        return self.answer(self.game.view(seat.name))

    def answer(self, view: View) -> Any:
        """The model's action. Raises :class:`~garrison.llm.clients.ClientError` where it cannot be had."""
        talk = self.conversation
        reply = self.client.complete(talk.messages(view), talk.tools)
        self.game.note(
            talk.seat,
            model=self.client.model,
            said=reply.text if reply.calls else None,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            latency_s=round(reply.latency_s, 3),
        )
        talk.add(view, said(reply))
        return reply.action


def said(reply: Reply) -> str:
    """A reply as text; native calls as the model could have written them, so that histories need no tools."""
    return reply.text or as_text(reply.calls)


def as_text(calls: Sequence[Mapping[str, Any]]) -> str:
    """Calls as the JSON object that a model without native calls writes."""
    return json.dumps({"calls": [dict(call) for call in calls]}, sort_keys=True)
