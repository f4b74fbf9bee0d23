"""Replaying recorded episodes through ``step_with`` and comparing after every step."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from functools import cache

import jax
import numpy as np

from garrison.parity import compare, ours, recorded, tape, trace
from garrison.parity.compare import Difference
from garrison.parity.names import Names
from garrison.parity.render import Renderer
from garrison.parity.turn import TapeError
from garrison.worlds import cc4
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4 import topology as networks
from garrison.worlds.cc4.agents import fsm
from garrison.worlds.cc4.draws import Draws


@dataclass
class Report:
    """What a replay found.

    ``steps`` were compared and ``draws`` laid down; ``differences`` is empty iff the episode is exact.
    ``overflow`` has the bits of ``tables.Overflow``; a set bit is among the differences too.
    """

    path: str
    red: str
    blue: str
    steps: int = 0
    draws: int = 0
    overflow: int = 0
    seconds: float = 0.0
    differences: list[Difference] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        return not self.differences


class Engine:
    """A world's ``step_with`` compiled for replaying.

    Give :func:`replay` another one to see that a wrong rule is found: of a world with other options, or one
    made while a rule is replaced by a wrong one, which it then traces.
    """

    def __init__(self, world: cc4.CC4):
        self.world = world
        remembers = world.red in ("fsm", "discovery")

        def after(episode: cc4.Episode) -> tuple:
            """What a replay needs of a state: masks, and the state as red remembers it when it decides."""
            state = fsm.remember(episode.state) if remembers else episode.state
            return world.legal(episode), state

        def advance(draws: Draws, episode: cc4.Episode, actions: jax.Array) -> tuple:
            obs, episode, step = world.step_with(draws, episode, actions)
            return episode, (episode.state, obs, step, *after(episode))

        self.after = jax.jit(after)
        self.advance = jax.jit(advance)


@cache
def engine(red: str) -> Engine:
    """The engine that plays CC4 as it is, compiled once per red."""
    return Engine(cc4.make(red=red))


def replay(path: str | os.PathLike, use: Engine | None = None, keep_going: bool = False) -> Report:
    """Replay one recording.

    Args:
        path: a ``.jsonl.gz`` or ``.jsonl.xz`` recording.
        use: another engine than the true one, to see that a wrong rule is found.
        keep_going: compare all steps; by default the replay ends with the first step that differs.

    Raises:
        TraceError: when the file is not a whole recording.
    """
    started = time.perf_counter()
    recording = trace.read(path)
    report = Report(str(path), recording.header["red"], recording.header["blue"])
    if report.red not in tape.REDS:
        raise trace.TraceError(f"{path}:1: red is {report.red!r}; known: {', '.join(tape.REDS)}")
    run = _Run(recording, use or engine(report.red))
    report.differences += run.compare_reset()
    for step in recording.steps():
        if report.differences and not keep_going:
            break
        try:
            report.differences += run.play(step)
        except TapeError as error:  # our state implies other draws than CybORG made: no way to go on
            report.differences.append(Difference(step.t, "/tape", str(error), "as recorded"))
            break
        report.steps += 1
        report.draws += len(step.tape)
    report.overflow = run.overflow
    report.seconds = time.perf_counter() - started
    return report


class _Run:
    """One episode on its way through the engine."""

    def __init__(self, recording: trace.Trace, use: Engine):
        header = recording.header
        self._use, self._red, self._header = use, header["red"], header
        try:
            self._network = networks.from_header(header)
        except ValueError as error:
            raise trace.TraceError(f"{recording.path}:1: {error}") from error
        self._episode = use.world.begin(self._network)
        self._options = jax.device_get(self._episode.options)
        self._names = Names(self._network)
        self._renderer = Renderer(self._network, self._names)
        self._recorded = recorded.Recorded(self._red)
        self._before = header["snapshot"]
        self.overflow = 0

    def compare_reset(self) -> list[Difference]:
        """Differences between the states, observations and constants of both sides after reset."""
        legal, self._memory = jax.device_get(self._use.after(self._episode))
        obs = np.asarray(self._use.world.observe(self._episode))
        mine = self._renderer.render(jax.device_get(self._episode.state))
        mine |= ours.at_reset(self._names, self._options, obs, legal)
        theirs = self._recorded.snapshot(self._before) | recorded.at_reset(self._header)
        return list(compare.differences(-1, mine, theirs))

    def play(self, step: trace.TraceStep) -> list[Difference]:
        """Do one step on our side; differences to the recorded one."""
        draws = tape.draws_of(
            step, self._red, self._network, self._options, self._memory, self._before, self._names
        )
        self._episode, result = self._use.advance(draws, self._episode, _actions(step))
        state, obs, result, legal, self._memory = jax.device_get(result)
        events = result.info["events"]
        mine = self._renderer.render(state, events)
        mine |= ours.outputs(obs, legal, result) | {"executed": ours.executed(events, self._names)}
        theirs = self._recorded.snapshot(step.snapshot)
        theirs |= recorded.outputs(step, self._header["action_mask"])
        theirs |= {"executed": recorded.executed(step, self._options)}
        self._before = step.snapshot
        self.overflow |= int(state.overflow)
        return list(compare.differences(step.t, mine, theirs))


_SLEEP = [int(np.argmax(T.BLUE_ACTIONS[b, :, 0] == T.Blue.SLEEP)) for b in range(T.NUM_BLUE)]


def _actions(step: trace.TraceStep) -> np.ndarray:
    """The submitted indices, ``int32[blue]``; agents that submitted nothing slept."""
    chosen = [step.actions.get(agent, _SLEEP[b]) for b, agent in enumerate(T.BLUE_AGENTS)]
    return np.array(chosen, np.int32)
