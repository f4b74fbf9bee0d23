"""Games as replays with all that is true: recorded while they are played, or played again afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np

from garrison.core.world import Step
from garrison.llm.concurrent import Setup
from garrison.llm.game import Game
from garrison.llm.names import AGENTS
from garrison.llm.prompt import system_prompt
from garrison.llm.simulation import NO_MESSAGES, NUM_AGENTS, Roles, Simulation, Start, Tick, world
from garrison.view.record import Recorder
from garrison.view.replay import Replay


class TruthRecorder:
    """Records a game. It is one of the game's ``watchers``.

    Args:
        episode: gives the world's present state, in NumPy.
    """

    def __init__(self, game: Game, episode: Callable[[], Any]) -> None:
        self._game, self._lines = game, _Lines(episode)
        annotate(game, self.ticks, 0)

    @property
    def ticks(self) -> list[dict[str, Any]]:
        """The lines of ticks so far, which grow."""
        return self._lines.recorder.ticks

    @property
    def header(self) -> dict[str, Any]:
        """The first line."""
        game = self._game
        sides = {seat.side for seat in game.seats.values()}
        against = None if len(sides) > 1 else game.roles.red if sides == {"blue"} else game.roles.blue
        header = self._lines.recorder.header(
            " and ".join(game.players.values()),
            against=against,
            seed=game.seed,
            options=[f"scenario={game.scenario.name}"],
        )
        about = {
            "scenario": game.scenario.name,
            "seats": list(game.seats),
            "blue": game.roles.blue,
            "red": game.roles.red,
            "prompts": {
                name: system_prompt(game.scenario, name, seat.referee is not None, seat.style)
                for name, seat in game.seats.items()
            },
        }
        if game.referee is not None:
            about["plan"] = [[item.id, AGENTS[item.agent], item.order] for item in game.referee.items]
        return header | {"game": about}

    def __call__(self, tick: Tick) -> None:
        """Add a tick."""
        self._lines.add(*self._game.played_actions[len(self.ticks) - 1], tick)
        annotate(self._game, self.ticks, len(self.ticks) - 1)

    def end(self) -> dict[str, Any]:
        """The last line of a game that is over."""
        game = self._game
        return {
            "end": True,
            "steps": game.tick,
            "return": round(-game.loss, 6),
            "outcome": game.outcome,
            "scores": {name: game.score(name) for name in game.seats},
            "account": {name: game.account(name) for name in game.seats},
            "hints": game.hints,
            "transcript": game.transcript.hash,
        } | _turns(game, game.tick)


#: of a tick: what seats read and called before it, and the plan's instructions that changed their state
NOTES = ("turns", "plan")


def annotate(game: Game, ticks: list[dict[str, Any]], t: int) -> None:
    """Add the turns that led to tick ``t``, and what changed of the plan, to its line."""
    ticks[t] |= _turns(game, t - 1)
    if game.plans[t]:
        ticks[t]["plan"] = game.plans[t]


def _turns(game: Game, t: int) -> dict[str, Any]:
    """What seats did after tick ``t``, if anything."""
    found = [{key: x for key, x in turn.items() if key != "t"} for turn in game.turns if turn["t"] == t]
    return {"turns": found} if found else {}


class _Lines:
    """The lines of ticks, of one state after the other."""

    def __init__(self, episode: Callable[[], Any]) -> None:
        self._episode, self.state = episode, episode()
        self.recorder = Recorder(world(), self.state)

    def add(self, actions: np.ndarray, messages: np.ndarray, tick: Tick) -> None:
        before, self.state = self.state, self._episode()
        info = {"events": tick.events, "reward_parts": tick.parts, "team_reward": -np.asarray(tick.loss)}
        over = cast("Any", np.zeros((), bool))
        reward = cast("Any", np.full(NUM_AGENTS, -np.asarray(tick.loss), np.float32))
        line = self.recorder.add(before, actions, self.state, Step(reward, over, over, tick.obs, info))
        if messages.any():
            line["messages"] = messages.tolist()


def _play(start: Start, played: Iterable[tuple[Any, Any]], size: int) -> tuple[_Lines, float]:
    """Play actions and messages again; the lines, and the loss."""
    simulation = Simulation(start.roles.blue, size)
    simulation.begin({0: start})
    lines, loss, moves = _Lines(lambda: simulation.episode(0)), 0.0, np.arange(size) == 0
    for actions, messages in played:
        tick = simulation.tick(moves, *(np.stack([one] * size) for one in (actions, messages)))[0]
        assert tick is not None
        loss += float(tick.loss)
        lines.add(actions, messages, tick)
    return lines, loss


def played_again(game: Game, size: int = 1) -> Replay:
    """The replay of a finished game: its actions are played again from its seed.

    Args:
        size: of a simulation that is compiled.

    Raises:
        RuntimeError: for a game that is not over, or whose losses are not the same again.
    """
    if game.outcome is None:
        raise RuntimeError("the game is not over")
    lines, loss = _play(Start(game.scenario, game.roles, game.seed), game.played_actions, size)
    if loss != game.loss:
        raise RuntimeError(f"the loss is {loss} when played again, and was {game.loss}")
    about, ticks = TruthRecorder(game, lambda: lines.state), lines.recorder.ticks
    for t in range(len(ticks)):
        annotate(game, ticks, t)
    return Replay(about.header, tuple(ticks), about.end())


def ticks_again(replay: Replay, size: int = 1) -> list[dict[str, Any]]:
    """The ticks of the replay of a game, when its actions are played again, with its turns and plan as noted.

    Raises:
        ValueError: for a header that names no game which can be played.
    """
    about = replay.header["game"]
    setup = Setup.of(about["scenario"], about["seats"])
    start = Start(
        setup.scenario, Roles(setup.roles.agents, about["blue"], about["red"]), replay.header["seed"]
    )
    played = (
        (np.array(tick["actions"], np.int32), np.array(tick.get("messages", NO_MESSAGES), np.uint8))
        for tick in replay.ticks[1:]
    )
    again = _play(start, played, size)[0].recorder.ticks
    for tick, noted in zip(again, replay.ticks, strict=True):
        tick |= {name: noted[name] for name in NOTES if name in noted}
    return again
