"""Games as replays with all that is true: recorded while they are played, or played again afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from garrison.core.world import Step
from garrison.llm.game import Game
from garrison.llm.simulation import NUM_AGENTS, Simulation, Start, Tick, world
from garrison.view.record import Recorder
from garrison.view.replay import Replay


class TruthRecorder:
    """Records a game. It is one of the game's ``watchers``.

    Args:
        episode: gives the world's present state, in NumPy.
    """

    def __init__(self, game: Game, episode: Callable[[], Any]) -> None:
        self._game, self._episode, self._state = game, episode, episode()
        self._recorder = Recorder(world(), self._state)

    @property
    def ticks(self) -> list[dict[str, Any]]:
        """The lines of ticks so far, which grow."""
        return self._recorder.ticks

    @property
    def header(self) -> dict[str, Any]:
        """The first line."""
        game = self._game
        sides = {seat.side for seat in game.seats.values()}
        against = None if len(sides) > 1 else game.roles.red if sides == {"blue"} else game.roles.blue
        return self._recorder.header(
            " and ".join(game.seats),
            against=against,
            seed=game.seed,
            options=[f"scenario={game.scenario.name}"],
        )

    def __call__(self, tick: Tick) -> None:
        """Add a tick."""
        actions, _ = self._game.played_actions[len(self.ticks) - 1]
        self.add(actions, tick)

    def add(self, actions: np.ndarray, tick: Tick) -> None:
        """Add a tick with its joint actions."""
        before, self._state = self._state, self._episode()
        info = {"events": tick.events, "reward_parts": tick.parts, "team_reward": -np.asarray(tick.loss)}
        over = cast("Any", np.zeros((), bool))
        reward = cast("Any", np.full(NUM_AGENTS, -np.asarray(tick.loss), np.float32))
        self._recorder.add(before, actions, self._state, Step(reward, over, over, tick.obs, info))

    def end(self) -> dict[str, Any]:
        """The last line of a game that is over."""
        game = self._game
        return {
            "end": True,
            "steps": game.tick,
            "return": round(-game.loss, 6),
            "outcome": game.outcome,
            "scores": {name: game.score(name) for name in game.seats},
            "transcript": game.transcript.hash,
        }


def played_again(game: Game, size: int = 1) -> Replay:
    """The replay of a finished game: its actions are played again from its seed.

    Args:
        size: of a simulation that is compiled.

    Raises:
        RuntimeError: for a game that is not over, or whose losses are not the same again.
    """
    if game.outcome is None:
        raise RuntimeError("the game is not over")
    simulation = Simulation(game.roles.blue, size)
    simulation.begin({0: Start(game.scenario, game.roles, game.seed)})
    recorder, loss = TruthRecorder(game, lambda: simulation.episode(0)), 0.0
    moves = np.arange(size) == 0
    for actions, messages in game.played_actions:
        tick = simulation.tick(moves, *(np.stack([one] * size) for one in (actions, messages)))[0]
        assert tick is not None
        loss += float(tick.loss)
        recorder.add(actions, tick)
    if loss != game.loss:
        raise RuntimeError(f"the loss is {loss} when played again, and was {game.loss}")
    return Replay(recorder.header, tuple(recorder.ticks), recorder.end())
