"""A language model as a player: the messages of a game, and what it is given of its history."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from garrison.llm.arena import Arena
from garrison.llm.clients import Client
from garrison.llm.game import View
from garrison.llm.prompt import system_prompt

HISTORY = 4  # turns that the model is given besides the present one


class Chat:
    """The conversation of one seat in one game.

    A model reads the system prompt, the last turns and the present view. What is older is left out: the
    facts of a view tell what still matters.

    Args:
        history: turns that are kept.
    """

    def __init__(self, client: Client, arena: Arena, seat: str | None = None, history: int = HISTORY) -> None:
        self.client, self.arena = client, arena
        self.seat = seat or arena.seats[0]
        game = arena.game
        seated = game.seats[self.seat]
        self.tools = [tool.schema() for tool in seated.tools.values()]
        prompt = system_prompt(game.scenario, self.seat, seated.referee is not None)
        self._system = {"role": "system", "content": prompt}
        self._past: deque[dict[str, Any]] = deque(maxlen=2 * history)

    def messages(self, view: View) -> list[dict[str, Any]]:
        """What the model is asked with a view."""
        return [self._system, *self._past, {"role": "user", "content": view.text}]

    def act(self, view: View) -> Any:
        """The model's action. Raises :class:`~garrison.llm.clients.ClientError` where it cannot be had."""
        reply = self.client.complete(self.messages(view), self.tools)
        self.arena.game.note(
            self.seat,
            model=self.client.model,
            said=reply.text if reply.calls else None,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            latency_s=round(reply.latency_s, 3),
        )
        said = reply.text or _as_text(reply.calls)
        self._past += [{"role": "user", "content": view.text}, {"role": "assistant", "content": said}]
        return reply.action


def _as_text(calls: tuple[dict[str, Any], ...]) -> str:
    """Native calls as the model could have written them, so that a history needs no roles of tools."""
    return json.dumps({"calls": list(calls)}, sort_keys=True)
