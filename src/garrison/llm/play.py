"""Whole games: a player per seat, one game or a batch of them, until all are over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from garrison.llm.arena import ArenaBatch
from garrison.llm.game import Game
from garrison.llm.players import Player


def play_games(batch: ArenaBatch, seeds: Sequence[int], make_player: Callable[[int], Player]) -> list[Game]:
    """Play a game per seed, each with a fresh player on the batch's seat; returns the finished games."""
    seat = batch.seats[0]
    batch.reset(seeds)
    players = [make_player(seed) for seed in seeds]
    while any(game.outcome is None for game in batch.games):
        batch.step(
            [
                None if game.outcome is not None else players[i].act(game.seats[seat], batch.rows(i))
                for i, game in enumerate(batch.games)
            ]
        )
    return batch.games
