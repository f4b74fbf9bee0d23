"""Replaying recorded episodes through ``step_with`` and comparing after every step."""

from __future__ import annotations

import copy
import os
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Protocol

import jax
import numpy as np

from garrison.adapters.cyborg.red_view import RedView
from garrison.parity.recording import trace
from garrison.parity.recording.network import Names, from_header
from garrison.parity.recording.rich_observations import RichObserver
from garrison.parity.replay import compare, cyborg_side, garrison_side, tape
from garrison.parity.replay.compare import ReplayDifference
from garrison.parity.replay.render import Renderer
from garrison.parity.replay.step_draws import TapeError
from garrison.worlds import cc4
from garrison.worlds.cc4 import capacity, describe, reds
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import red
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.two_sided import TwoSidedCC4

_AROUND = 3  # steps that are described when a difference is found


@dataclass
class ReplayReport:
    """The result of a replay.

    ``steps`` were compared and ``draws`` laid out; ``differences`` is empty iff the episode is exact.
    ``rich``: whether rich observations, and what ``recall`` adds, were compared too, which needs a recording
    with raw observations.
    ``overflow`` has the bits of ``tables.Overflow``; a set bit is among the differences too. ``largest`` is
    the largest use of each bounded list, by the names in ``capacity.CAPACITY``. ``around`` has the events of
    both sides up to the first difference, in lines.
    """

    path: str
    red: str
    blue: str
    steps: int = 0
    draws: int = 0
    overflow: int = 0
    seconds: float = 0.0
    differences: list[ReplayDifference] = field(default_factory=list)
    rich: bool = False
    largest: dict[str, int] = field(default_factory=dict)
    around: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        return not self.differences


class ReplayEngine:
    """A world's ``step_with`` compiled for replaying.

    A test gives :func:`replay` another one to check that a wrong rule is found: of a world with other
    options, or one that is traced while a rule is replaced by a wrong one.
    """

    options: cc4.Options | None = None  # of the episodes; None: the world's

    def __init__(self, world: cc4.CC4 | TwoSidedCC4):
        self.world = world

        def after(episode: cc4.Episode) -> tuple:
            """What a replay needs of a state: masks, and red's memory as it is when red decides next."""
            return world.legal(episode), red.remember(episode.red_memory, episode.state)

        def advance(draws: Draws, episode: cc4.Episode, actions: jax.Array) -> tuple:
            tickets = episode.state.red_next_order
            obs, episode, step = world.step_with(draws, episode, actions)
            used = capacity.used(tickets, episode.state)
            return episode, (episode.state, episode.red_memory, obs, step, used, *after(episode))

        self.after = jax.jit(after)
        self.advance = jax.jit(advance)


def engine(
    red: str, green: str = "enterprise", options: Mapping[str, Any] = MappingProxyType({})
) -> ReplayEngine:
    """The engine that plays CC4, with ``options`` if there are any.

    Compiled once per red, but once for all that ``fsm`` can become.
    """
    if red == "fsm" or red not in reds.REDS:
        use = copy.copy(_engine_of(red, green))
        if options:
            base = cc4.default_options(**options)
            use.options = base if red == "discovery" else base.replace(red_discovery_probability=None)
        return use
    use, row = copy.copy(_engine_of(tuple(reds.REDS), green)), tuple(reds.REDS).index(red)
    use.options = jax.tree.map(lambda leaf: leaf[row], reds.options(tuple(reds.REDS), **options))
    return use


@cache
def _engine_of(red: str | tuple[str, ...], green: str) -> ReplayEngine:
    if red == trace.LISTED:
        return ReplayEngine(TwoSidedCC4(green=green, observation="recall", red_observation="acts"))
    world: Any = cc4.make(red=red, green=green, observation="recall")
    return ReplayEngine(world)


class Watcher(Protocol):
    """Looks at an episode while it is replayed; everything it gets is in NumPy."""

    def start(self, episode: cc4.Episode) -> None:
        """The state after the reset."""
        ...

    def add(self, before: cc4.Episode, actions: np.ndarray, after: cc4.Episode, step: Any) -> None:
        """A step that both sides did alike so far."""
        ...


def replay(
    recording: str | os.PathLike | trace.Trace,
    use: ReplayEngine | None = None,
    keep_going: bool = False,
    watcher: Watcher | None = None,
) -> ReplayReport:
    """Replay one recording.

    Args:
        recording: a ``.jsonl.gz`` or ``.jsonl.xz`` file, or an episode that is open.
        use: another engine than the true one.
        keep_going: compare all steps; by default the replay ends with the first step that differs.

    Raises:
        TraceError: when the file is not a whole recording.
    """
    started = time.perf_counter()
    if not isinstance(recording, trace.Trace):
        recording = trace.read(recording)
    report = ReplayReport(str(recording.path), recording.header["red"], recording.header["blue"])
    known = (*red.POLICIES, trace.LISTED)
    if report.red not in known:
        raise trace.TraceError(f"{recording.path}:1: red is {report.red!r}; known: {', '.join(known)}")
    header = recording.header
    use = use or engine(report.red, header.get("green", "enterprise"), header.get("options", {}))
    run = _Run(recording, use, watcher)
    report.differences += run.compare_reset()
    for step in recording.steps():
        if report.differences and not keep_going:
            break
        try:
            report.differences += run.play(step)
        except TapeError as error:  # Garrison's state implies other draws than CybORG made: stop
            report.differences.append(ReplayDifference(step.t, "/tape", str(error), "as recorded"))
            report.around = report.around or run.around(step)
            break
        if report.differences and not report.around:
            report.around = run.around()
        report.steps += 1
        report.draws += len(step.tape)
    report.rich, report.overflow, report.largest = run.rich, run.overflow, run.largest()
    report.seconds = time.perf_counter() - started
    return report


class _Run:
    """One episode on its way through the engine."""

    def __init__(self, recording: trace.Trace, use: ReplayEngine, watcher: Watcher | None = None):
        header = recording.header
        self._use, self._red, self._header = use, header["red"], header
        try:
            self._network = from_header(header)
        except ValueError as error:
            raise trace.TraceError(f"{recording.path}:1: {error}") from error
        self._episode = use.world.begin(self._network, use.options)
        self._options = jax.device_get(self._episode.options)
        self._names = Names(self._network)
        self._renderer = Renderer(self._network, self._names)
        self._recorded = cyborg_side.Recorded(self._red)
        self._before = header["snapshot"]
        recalls = use.world.observation == "recall"
        self._observer = RichObserver(header) if recalls and "raw" in header else None
        self._largest = np.zeros(len(capacity.CAPACITY), int)
        self._view = RedView() if self._red == trace.LISTED else None
        self._lately: deque[tuple] = deque(maxlen=_AROUND)
        self.overflow = 0
        self._watcher = watcher
        if watcher is not None:
            watcher.start(jax.device_get(self._episode))

    @property
    def rich(self) -> bool:
        return self._observer is not None

    def largest(self) -> dict[str, int]:
        return dict(zip(capacity.CAPACITY, self._largest.tolist(), strict=True))

    def compare_reset(self) -> list[ReplayDifference]:
        """Differences between the states, observations and constants of both sides after reset."""
        legal, self._memory = jax.device_get(self._use.after(self._episode))
        obs = np.asarray(self._use.world.observe(self._episode))
        self._state, memory = jax.device_get((self._episode.state, self._episode.red_memory))
        garrison = self._renderer.render(self._state, memory=memory)
        garrison |= garrison_side.at_reset(self._names, self._options, obs, legal)
        garrison |= self._garrison_rich(obs) | self._garrison_listed(obs, legal)
        cyborg = self._recorded.snapshot(self._before) | cyborg_side.at_reset(self._header)
        cyborg |= self._cyborg_rich(self._header["observations"])
        cyborg |= self._cyborg_listed(self._header.get("knowledge"))
        return list(compare.differences(-1, garrison, cyborg))

    def play(self, step: trace.TraceStep) -> list[ReplayDifference]:
        """Do one step on Garrison and compare it with the recorded one."""
        known = (self._network, self._options, self._state, self._memory, self._before, self._names)
        draws = tape.draws_of(step, self._red, *known)
        before, actions = self._episode, trace.joint_actions_of(step)
        self._episode, result = self._use.advance(draws, before, actions)
        self._state, memory, obs, result, used, legal, self._memory = jax.device_get(result)
        events = result.info["events"]
        self._lately.append((step, before, self._episode, events))
        if self._watcher is not None:
            earlier, later = jax.device_get((before, self._episode))
            self._watcher.add(earlier, np.asarray(actions), later, result)
        garrison = self._renderer.render(self._state, events, memory)
        garrison |= garrison_side.outputs(obs, legal, result) | {
            "executed": garrison_side.executed(events, self._names)
        }
        garrison |= self._garrison_rich(obs) | self._garrison_listed(obs, legal)
        cyborg = self._recorded.snapshot(step.snapshot)
        cyborg |= cyborg_side.outputs(step, self._header["action_mask"])
        cyborg |= {"executed": cyborg_side.executed(step, self._options)}
        if self._observer is not None:
            raw: Any = step.raw  # there, as the observations are
            self._observer.update(raw, trace.actions_of(step).tolist())
        cyborg |= self._cyborg_rich(step.observations) | self._cyborg_listed(step.knowledge)
        self._before = step.snapshot
        self.overflow |= int(self._state.overflow)
        self._largest = np.maximum(self._largest, used)
        return list(compare.differences(step.t, garrison, cyborg))

    def _garrison_rich(self, obs: np.ndarray) -> dict[str, Any]:
        return {} if self._observer is None else {"rich": garrison_side.rich(obs)}

    def _cyborg_rich(self, vectors: dict[str, list]) -> dict[str, Any]:
        if self._observer is None:
            return {}
        return {"rich": garrison_side.rich(self._observer.observe(vectors, "recall"))}

    def _garrison_listed(self, obs: np.ndarray, legal: np.ndarray) -> dict[str, Any]:
        if self._view is None:
            return {}
        return garrison_side.listed(obs[T.NUM_BLUE :], legal[T.NUM_BLUE :])

    def _cyborg_listed(self, knowledge: Any) -> dict[str, Any]:
        if self._view is None:
            return {}
        self._view.update(knowledge)
        return garrison_side.listed(self._view.vectors(), self._view.masks())

    def around(self, failed: trace.TraceStep | None = None) -> list[str]:
        """The latest events of both sides, in lines; ``failed`` is a step that Garrison could not do."""
        lines = []
        for step, before, after, events in self._lately:
            lines += [f"step {step.t}, CybORG:", *cyborg_side.event_lines(step)]
            lines += [f"step {step.t}, Garrison:", *describe.event_lines(before, after, events)]
        if failed is not None:
            lines += [f"step {failed.t}, CybORG:", *cyborg_side.event_lines(failed)]
        return [line if line.startswith("step ") else f"  {line}" for line in lines]
