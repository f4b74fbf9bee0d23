"""Games in this process: :class:`Arena` plays one, :class:`ArenaBatch` many in one compiled step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from garrison.llm.concurrent import ConcurrentGames, Setup
from garrison.llm.game import Game, View
from garrison.llm.scenarios import Scenario
from garrison.llm.truth import played_again
from garrison.view.replay import Replay

#: Numbers of games that are compiled; others are filled up.
SIZES = (1, 8, 32, 128)


class ArenaBatch:
    """Games of one scenario that advance together. What happens in a game does not depend on the others.

    Args:
        number: of games.
        scenario: of :data:`~garrison.llm.scenarios.SCENARIOS`.
        seats: names of :data:`~garrison.llm.seat.SEATS`; their agents have to differ.
        opponent: who plays the side without a seat: ``"fsm"``, ``"discovery"``, ``"random_select"`` or
            ``"sleep"`` for red; ``"guard"``, ``"idle"``, ``"random"``, ``"reactive"`` or ``"firewall"`` for
            blue. None: ``"fsm"`` or ``"guard"``. Not where both sides have a seat.
        teammates: who plays agents of the seats' side that have no seat, likewise.
        plan: False: without the recovery plan.
        style: of :data:`~garrison.llm.styles.STYLES`: how texts are written.
        reward: what views have as reward before the end: 0 (``"terminal"``), or ``"dense"``, the part of the
            score that its loss decides, of the ticks since the seat's turn before.

    Raises:
        ValueError: for an unknown name, seats that share an agent, or an argument that does not apply.
    """

    def __init__(
        self,
        number: int,
        scenario: str = "small",
        seats: str | Sequence[str] = "blue",
        opponent: str | None = None,
        teammates: str | None = None,
        plan: bool = True,
        style: str = "compact",
        reward: str = "terminal",
    ) -> None:
        if not 1 <= number <= SIZES[-1]:
            raise ValueError(f"{number} games at once; it must be in 1..{SIZES[-1]}")
        self.setup = Setup.of(scenario, seats, opponent, teammates, plan, style, reward)
        self.number = number
        size = next(size for size in SIZES if size >= number)
        self._concurrent = ConcurrentGames(self.setup.roles.blue, size)
        self.games: list[Game] = []

    @property
    def size(self) -> int:
        """Games of the compiled program, at least ``number``."""
        return self._concurrent.size

    @property
    def scenario(self) -> Scenario:
        return self.setup.scenario

    @property
    def seats(self) -> tuple[str, ...]:
        return self.setup.seats

    def reset(self, seeds: Sequence[int], episode_ids: Sequence[str] | None = None) -> list[View]:
        """Start a game per seed; returns the views of the first seat.

        Args:
            seeds: 0 .. 2**31 - 1, as of ``garrison eval``.
            episode_ids: names for the transcripts; by default scenario and seed.
        """
        if len(seeds) != self.number:
            raise ValueError(f"{len(seeds)} seeds for {self.number} games; give one for each")
        names = [None] * self.number if episode_ids is None else episode_ids
        games = [(self.setup, int(seed), name) for seed, name in zip(seeds, names, strict=True)]
        self._concurrent.start(dict(enumerate(games)))
        self.games = [self._concurrent.games[slot] for slot in range(self.number)]
        return [game.view(self.seats[0]) for game in self.games]

    def act(self, actions: Sequence[Any], seat: str | None = None) -> list[View]:
        """One action per game for a seat, the first by default; None: the game stays as it is.

        An action is an object ``{"tool_name": ..., "params": ...}``, one with a list ``calls`` of these, or a
        text that contains one. Where all seats have ended their turns the world advances to the next one.
        Returns the seat's views.
        """
        self.step(actions, seat)
        return [game.view(seat or self.seats[0]) for game in self.games]

    def step(self, actions: Sequence[Any], seat: str | None = None) -> None:
        """As :meth:`act`, without the views, which take longer than the rest of a turn."""
        name = self.seats[0] if seat is None else seat
        if len(actions) != len(self.games):
            raise ValueError(
                f"{len(actions)} actions for {len(self.games)} games; call reset, give one for each"
            )
        for game, action in zip(self.games, actions, strict=True):
            if action is not None:
                game.act(action, name)
        self._concurrent.advance()

    def rows(self, number: int, seat: str | None = None) -> np.ndarray:
        """The observations of a seat's agents in a game, for scripted players: ``f32[agent, feature]``."""
        return self._concurrent.rows(number, seat or self.seats[0])


class Arena:
    """One game; see :class:`ArenaBatch` for the arguments."""

    def __init__(
        self,
        scenario: str = "small",
        seats: str | Sequence[str] = "blue",
        opponent: str | None = None,
        teammates: str | None = None,
        plan: bool = True,
        style: str = "compact",
        reward: str = "terminal",
    ) -> None:
        self._batch = ArenaBatch(1, scenario, seats, opponent, teammates, plan, style, reward)

    @property
    def game(self) -> Game:
        """The game. Raises ``RuntimeError`` before the first reset."""
        if not self._batch.games:
            raise RuntimeError("there is no game yet; call reset(seed)")
        return self._batch.games[0]

    @property
    def seats(self) -> tuple[str, ...]:
        return self._batch.seats

    def reset(self, seed: int, episode_id: str | None = None) -> View:
        """Start the game of a seed; returns the view of the first seat."""
        return self._batch.reset([seed], None if episode_id is None else [episode_id])[0]

    def act(self, action: Any, seat: str | None = None) -> View:
        """As of :class:`ArenaBatch`. Raises ``RuntimeError`` before the first reset and after the end."""
        if self.game.outcome is not None:
            raise RuntimeError("the game is over; call reset(seed)")
        return self._batch.act([action], seat)[0]

    def view(self, seat: str | None = None) -> View:
        """The last view of a seat."""
        return self.game.view(seat or self.seats[0])

    def rows(self, seat: str | None = None) -> np.ndarray:
        """As of :class:`ArenaBatch`."""
        return self._batch.rows(0, seat)

    def replay(self) -> Replay:
        """The finished game for :mod:`garrison.view`, with all that was true, read and called.

        Raises ``RuntimeError`` before the game is over.
        """
        return played_again(self.game, self._batch.size)

    def score(self, seat: str | None = None) -> float:
        """The score of a seat, in 0..1. Raises ``RuntimeError`` before the game is over."""
        return self.game.score(seat or self.seats[0])
