"""A finished game played again by scripted players in place of its seat: what its score is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from garrison.llm.concurrent import ConcurrentGames, Setup
from garrison.llm.game import Game
from garrison.llm.players import player
from garrison.llm.truth import TruthRecorder
from garrison.view.replay import Replay


@dataclass(frozen=True)
class Reference:
    """The game of a scripted player, with the same seed."""

    player: str
    game: Game
    replay: Replay


def players_of(game: Game) -> tuple[str, ...]:
    """Scripted players that a game is compared with, the better one first.

    Raises ``ValueError`` for a game of several seats, which no scripted player can play alone.
    """
    if len(game.seats) > 1:
        raise ValueError("a game of several seats cannot be played again by a scripted player")
    [seat] = game.seats.values()
    if seat.side == "red":
        return ("attacker", "idle")
    return ("guard" if seat.referee is None else "guard+plan", "idle")


def references(game: Game, size: int = 1) -> list[Reference]:
    """Play a game's setup and seed by each of :func:`players_of`.

    Args:
        size: of a simulation that is compiled.
    """
    [(name, seat)] = game.seats.items()
    setup = Setup(game.scenario, (name,), game.roles, seat.referee is not None, seat.style)
    return [_played(setup, game.seed, one, size) for one in players_of(game)]


def _played(setup: Setup, seed: int, who: str, size: int) -> Reference:
    games = ConcurrentGames(setup.roles.blue, size)
    games.start({0: (setup, seed, None)})
    game, name = games.games[0], setup.seats[0]
    game.players[name] = who
    recorder = TruthRecorder(game, lambda: games.simulation.episode(0))
    game.watchers.append(recorder)
    one: Any = player(who, seed, game.seats[name].side)
    while game.outcome is None:
        game.act(one.act(game.seats[name], games.rows(0, name)), name)
        games.advance()
    return Reference(who, game, Replay(recorder.header, tuple(recorder.ticks), recorder.end()))
