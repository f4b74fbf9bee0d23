"""Whole games: a player per seat, one game or a batch of them, until all are over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from garrison.llm.arena import ArenaBatch
from garrison.llm.clients import ClientError
from garrison.llm.game import Game
from garrison.llm.players import Action, Player

#: A fresh player for a game.
MakePlayer = Callable[[Game], Player]


def play_games(
    batch: ArenaBatch,
    seeds: Sequence[int],
    make_player: MakePlayer,
    on_failure: Callable[[Game, ClientError], None] | None = None,
    threads: int = 1,
) -> list[Game]:
    """Play a game per seed, each with a fresh player on the batch's seat; returns the games.

    Args:
        seeds: at most as many as the batch has games; what is left of it stays where it is.
        on_failure: called with a game whose model could not be asked, which is left unfinished; by default
            the error is raised.
        threads: players that are asked at the same time, which pays where they wait for a server.
    """
    seat, number = batch.seats[0], len(seeds)
    batch.reset([*seeds, *[seeds[0]] * (batch.number - number)])
    games = batch.games[:number]
    players: list[Player | None] = [make_player(game) for game in games]

    def ask(i: int) -> Action | ClientError | None:
        one = players[i]
        if one is None or games[i].outcome is not None:
            return None
        try:
            return one.act(games[i].seats[seat], batch.rows(i))
        except ClientError as error:
            return error

    with ThreadPoolExecutor(max(1, threads)) as pool:
        every = pool.map if threads > 1 else map
        while any(one is not None and game.outcome is None for one, game in zip(players, games, strict=True)):
            actions: list[Action | None] = []
            for i, answer in enumerate(every(ask, range(number))):
                if isinstance(answer, ClientError):
                    if on_failure is None:
                        raise answer
                    on_failure(games[i], answer)
                    players[i] = None
                actions.append(None if isinstance(answer, ClientError) else answer)
            batch.step([*actions, *[None] * (batch.number - number)])
    return games


def play_seeds(
    batch: ArenaBatch,
    seeds: Sequence[int],
    make_player: MakePlayer,
    on_failure: Callable[[Game, ClientError], None] | None = None,
    threads: int = 1,
) -> Iterator[Game]:
    """The games of any number of seeds in their order, a batch at a time; arguments as of `play_games`."""
    for first in range(0, len(seeds), batch.number):
        part = seeds[first : first + batch.number]
        yield from play_games(batch, part, make_player, on_failure, threads)
