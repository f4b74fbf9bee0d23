"""Games in this process: :class:`Arena` plays one, :class:`ArenaBatch` many in one compiled step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from garrison.core.plugins import did_you_mean
from garrison.llm import simulation
from garrison.llm.game import Game, View
from garrison.llm.scenarios import scenario as scenario_of
from garrison.llm.seat import SEATS
from garrison.llm.simulation import Roles, Simulation

#: Numbers of games that are compiled; others are filled up.
SIZES = (1, 8, 32, 128)
MAX_SEED = 2**31 - 1


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
    ) -> None:
        if not 1 <= number <= SIZES[-1]:
            raise ValueError(f"{number} games at once; it must be in 1..{SIZES[-1]}")
        self.scenario, self.plan = scenario_of(scenario), plan
        self.seats = (seats,) if isinstance(seats, str) else tuple(seats)
        self.roles = _roles(self.seats, opponent, teammates)
        self.number = number
        size = next(size for size in SIZES if size >= number)
        self._simulation = Simulation(self.scenario, self.roles, size)
        self.games: list[Game] = []

    def reset(self, seeds: Sequence[int], episode_ids: Sequence[str] | None = None) -> list[View]:
        """Start a game per seed; returns the views of the first seat.

        Args:
            seeds: 0 .. 2**31 - 1, as of ``garrison eval``.
            episode_ids: names for the transcripts; by default scenario and seed.
        """
        if len(seeds) != self.number:
            raise ValueError(f"{len(seeds)} seeds for {self.number} games; give one for each")
        for seed in seeds:
            if not 0 <= int(seed) <= MAX_SEED:
                raise ValueError(f"seed is {seed}; it must be in 0..{MAX_SEED}")
        seeds = [int(seed) for seed in seeds]
        padded = seeds + [seeds[0]] * (self._simulation.size - self.number)
        obs, losses, since = self._simulation.begin(padded)
        ids = episode_ids or [f"{self.scenario.name}-{seed}" for seed in seeds]
        self.games = [
            Game(self.scenario, self.seats, self.roles, seed, name, obs[i], losses[i], since[i], self.plan)
            for i, (seed, name) in enumerate(zip(seeds, ids, strict=True))
        ]
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
        self._advance()

    def rows(self, number: int, seat: str | None = None) -> np.ndarray:
        """The observations of a seat's agents in a game, for scripted players: ``f32[agent, feature]``."""
        return self._simulation.observations(number)[list(SEATS[seat or self.seats[0]])]

    def _advance(self) -> None:
        """Play ticks until each game waits for a seat or is over."""
        size = self._simulation.size
        while any(game.waits for game in self.games):
            moves = np.zeros(size, bool)
            actions = np.tile(self.roles.actions, (size, 1))
            messages = np.zeros((size, *simulation.NO_MESSAGES.shape), np.uint8)
            for i, game in enumerate(self.games):
                if game.waits:
                    moves[i], (actions[i], messages[i]) = True, game.joint()
            for i, tick in enumerate(self._simulation.tick(moves, actions, messages)[: self.number]):
                if tick is not None:
                    self.games[i].played(tick)


class Arena:
    """One game; see :class:`ArenaBatch` for the arguments."""

    def __init__(
        self,
        scenario: str = "small",
        seats: str | Sequence[str] = "blue",
        opponent: str | None = None,
        teammates: str | None = None,
        plan: bool = True,
    ) -> None:
        self._batch = ArenaBatch(1, scenario, seats, opponent, teammates, plan)

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

    def score(self, seat: str | None = None) -> float:
        """The score of a seat, in 0..1. Raises ``RuntimeError`` before the game is over."""
        return self.game.score(seat or self.seats[0])


def _roles(seats: Sequence[str], opponent: str | None, teammates: str | None) -> Roles:
    """Who plays which agents."""
    for name in seats:
        if name not in SEATS:
            raise ValueError(f"no seat {name!r}{did_you_mean(name, SEATS)}; there are: {', '.join(SEATS)}")
    agents = tuple(agent for name in seats for agent in SEATS[name])
    if not agents or len(set(agents)) < len(agents):
        raise ValueError(f"seats are {', '.join(seats) or 'none'}; name at least one, with different agents")
    sides = {"blue" if name.startswith("blue") else "red" for name in seats}
    if len(sides) == 2 and (opponent or teammates):
        raise ValueError("both sides have a seat, which leaves no opponent and no teammates; leave these out")
    if teammates and not sides.isdisjoint(seats):
        raise ValueError(f"teammates is {teammates!r}, but the seat has all agents of its side; leave it out")
    blue, red = (teammates, opponent) if sides == {"blue"} else (opponent, teammates)
    default = "idle" if "blue" in seats else "guard"  # where nobody is left to play
    return Roles(agents, blue or default, red or "fsm")
