"""Games that begin and end one by one, and advance together in one compiled step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from garrison.core.plugins import did_you_mean
from garrison.llm import simulation
from garrison.llm.game import REWARDS, Game
from garrison.llm.scenarios import Scenario
from garrison.llm.scenarios import scenario as scenario_of
from garrison.llm.seat import SEATS
from garrison.llm.simulation import Roles, Simulation, Start
from garrison.llm.styles import check_style

MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Setup:
    """What a game is, but for its seed. Made by :meth:`of`."""

    scenario: Scenario
    seats: tuple[str, ...]
    roles: Roles
    plan: bool = True
    style: str = "compact"
    reward: str = "terminal"

    @classmethod
    def of(
        cls,
        scenario: str = "small",
        seats: str | Sequence[str] = "blue",
        opponent: str | None = None,
        teammates: str | None = None,
        plan: bool = True,
        style: str = "compact",
        reward: str = "terminal",
    ) -> Setup:
        """A setup by names, as of :class:`~garrison.llm.arena.ArenaBatch`. Raises ``ValueError`` likewise."""
        size, names = scenario_of(scenario), (seats,) if isinstance(seats, str) else tuple(seats)
        roles = _roles(names, opponent, teammates)
        check_style(style, [SEATS[name] for name in names])
        if reward not in REWARDS:
            raise ValueError(f"reward is {reward!r}; it is one of: {', '.join(REWARDS)}")
        return cls(size, names, roles, plan, style, reward)


class ConcurrentGames:
    """``size`` games at once, each in a slot of the simulation.

    Args:
        blue: the policy that plays blue agents without a seat, in all games.
        size: of the games, which have numbers 0 .. size - 1; each size is compiled once.
    """

    def __init__(self, blue: str = "idle", size: int = 1) -> None:
        self.simulation = Simulation(blue, size)
        self.games: dict[int, Game] = {}

    @property
    def size(self) -> int:
        return self.simulation.size

    def start(self, games: Mapping[int, tuple[Setup, int, str | None]]) -> None:
        """Start games: by slot a setup, a seed and a name for the transcript (by default scenario and seed).

        Raises:
            ValueError: for a seed outside 0 .. 2**31 - 1.
        """
        for _, seed, _ in games.values():
            check_seed(seed)
        begun = self.simulation.begin(
            {slot: Start(setup.scenario, setup.roles, seed) for slot, (setup, seed, _) in games.items()}
        )
        for slot, (setup, seed, name) in games.items():
            obs, reference, held_since, losses = begun[slot]
            name = f"{setup.scenario.name}-{seed}" if name is None else name
            self.games[slot] = Game(
                *(setup.scenario, setup.seats, setup.roles, seed, name, obs, reference, held_since),
                *(setup.plan, setup.style, setup.reward, losses),
            )

    def drop(self, slot: int) -> None:
        """Forget the game of a slot, which is free again."""
        self.games.pop(slot, None)

    def advance(self) -> None:
        """Play ticks until each game waits for a seat or is over."""
        while waiting := {slot: game for slot, game in self.games.items() if game.waits}:
            moves = np.zeros(self.size, bool)
            actions = np.tile(simulation.SLEEP, (self.size, 1))
            messages = np.zeros((self.size, *simulation.NO_MESSAGES.shape), np.uint8)
            for slot, game in waiting.items():
                moves[slot], (actions[slot], messages[slot]) = True, game.joint()
            ticks = self.simulation.tick(moves, actions, messages)
            for slot, game in waiting.items():
                tick = ticks[slot]
                assert tick is not None
                game.played(tick)

    def rows(self, slot: int, seat: str) -> np.ndarray:
        """The observations of a seat's agents: ``f32[agent, feature]``."""
        return self.simulation.observations(slot)[list(SEATS[seat])]


def check_seed(seed: int) -> None:
    """Raise ``ValueError`` for a seed that no episode has."""
    if not 0 <= seed <= MAX_SEED:
        raise ValueError(f"seed is {seed}; it must be in 0..{MAX_SEED}")


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
