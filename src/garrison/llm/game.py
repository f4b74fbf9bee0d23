"""A game: its seats, the plan, the account of what happened, and the transcript.

A game is Python around single ticks of the simulator, which :mod:`garrison.llm.arena` plays, for one game or
for many at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import garrison
from garrison.llm.metrics import Recorder
from garrison.llm.playbook import Referee, generate
from garrison.llm.rubric import Figures, account, damage, rubric, scores, security
from garrison.llm.scenarios import Scenario
from garrison.llm.seat import MAX_MALFORMED, Seat
from garrison.llm.simulation import Roles, Tick, world
from garrison.llm.styles import written
from garrison.llm.tracker import BlueTracker
from garrison.worlds.cc4 import tables as T

REWARDS = ("terminal", "dense")
MAX_SHOWN = 8_000  # characters of an action that are kept for viewers


@dataclass(frozen=True)
class View:
    """What a seat is given."""

    text: str
    facts: dict[str, Any]
    errors: tuple[dict[str, str], ...]  # of the calls just made
    tick: int
    turn: int
    done: bool
    outcome: str | None  # "blue", "red", "forfeit", or "over" where nothing decides; None: not over
    #: the score at the end, before it as of :data:`REWARDS`; None: the game is not scored
    reward: float | None
    metadata: dict[str, Any] = field(default_factory=dict)  # at the end


class Transcript:
    """Canonical JSON lines, each hashed with the hash of the one before it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.hash = hashlib.sha256(b"").hexdigest()

    def add(self, record: dict[str, Any]) -> None:
        """Add a record: sorted keys, no spaces, no times."""
        line = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
        self.lines.append(line)
        self.hash = hashlib.sha256((self.hash + line).encode()).hexdigest()


class Game:
    """One game from its first tick to its score.

    Args:
        obs: observations of all agents at the start, ``f32[agent, feature]``.
        reference: loss of the reference in the same episode.
        held_since: of :class:`~garrison.llm.simulation.Tick`, at the start.
        plan: blue seats have a plan, if the scenario has instructions.
        style: of :data:`~garrison.llm.styles.STYLES`.
        reward: of :data:`REWARDS`; ``"dense"`` needs ``reference_losses``.
        reference_losses: the reference's losses by tick, ``f32[tick]``.
    """

    def __init__(
        self,
        scenario: Scenario,
        seats: Sequence[str],
        roles: Roles,
        seed: int,
        episode_id: str,
        obs: np.ndarray,
        reference: float,
        held_since: np.ndarray,
        plan: bool = True,
        style: str = "compact",
        reward: str = "terminal",
        reference_losses: np.ndarray | None = None,
    ) -> None:
        self.style, self.reward, self.reference_losses = style, reward, reference_losses
        self.losses: list[float] = []  # by tick
        self.scenario, self.roles, self.seed, self.episode_id = scenario, roles, seed, episode_id
        self.reference, self.loss, self.tick = float(reference), 0.0, 0
        self.parts: dict[str, float] = {}
        self.outcome: str | None = None
        self.transcript = Transcript()
        self.referee = self._plan(obs) if plan and scenario.instructions else None
        self.seats = {
            name: Seat(name, scenario, obs, self.referee if name.startswith("blue") else None, style)
            for name in seats
        }
        self.recorder = Recorder(scenario, held_since)
        self._trees = {name: rubric(seat.side, seat.referee is not None) for name, seat in self.seats.items()}
        self.transcript.add(
            {
                "garrison": garrison.__version__,
                "world": f"{world().name} {world().version}",
                "scenario": scenario.name,
                "seats": list(self.seats),
                "blue": roles.blue,
                "red": roles.red,
                "seed": seed,
                "episode_id": episode_id,
                "plan": self.referee is not None,
            }
        )
        self.hints = dict.fromkeys(self.seats, 0)
        self.players = {name: name for name in self.seats}  # what viewers call them
        #: called after each tick, such as recorders
        self.watchers: list[Callable[[Tick], None]] = []
        #: the joint actions and messages of each tick, from which the game can be played again
        self.played_actions: list[tuple[np.ndarray, np.ndarray]] = []
        #: what seats read and did, for viewers: with the number ``t`` of ticks played before it
        self.turns: list[dict[str, Any]] = []
        #: the plan's instructions, number and state, that changed by each number of ticks played
        self.plans: list[list[list[Any]]] = []
        self._plan_states: dict[int, str] = {}
        self._notes: dict[str, dict[str, Any]] = {}
        self._read: dict[str, str] = {}
        self._note_plan()
        self._answers: dict[str, list[dict[str, Any]]] = {name: [] for name in self.seats}
        self._new_turn = dict.fromkeys(self.seats, True)
        self._views: dict[str, View] = {}
        # tick of each seat's last turn, up to which it was rewarded
        self._told = dict.fromkeys(self.seats, 0)

    # ------------------------------------------------------------ for whoever plays ticks

    @property
    def waits(self) -> bool:
        """Whether all seats have ended their turns, so that the next tick can be played."""
        return self.outcome is None and not any(seat.deciding for seat in self.seats.values())

    def joint(self) -> tuple[np.ndarray, np.ndarray]:
        """Actions ``int32[agent]`` and messages ``uint8[blue, 8]`` of the next tick."""
        actions = self.roles.actions
        messages = np.zeros((T.NUM_BLUE, T.MESSAGE_BITS), np.uint8)
        for seat in self.seats.values():
            for agent, index in seat.actions().items():
                actions[agent] = index
            if seat.status:
                bits = np.unpackbits(np.array([seat.status], np.uint8))
                messages[seat.agents[0]] = bits
        self.transcript.add({"tick": self.tick + 1, "actions": actions.tolist()})
        self.played_actions.append((actions, messages))
        return actions, messages

    def played(self, tick: Tick) -> None:
        """Take note of a tick."""
        self.tick += 1
        self.loss += float(tick.loss)
        self.losses.append(float(tick.loss))
        for name, part in tick.parts.items():
            self.parts[name] = self.parts.get(name, 0.0) + float(part)
        if self.referee is not None:
            self.referee.update(tick)
        for name, seat in self.seats.items():
            seat.update(tick.obs)
            if seat.deciding:
                self._changed(name)
        self.recorder.add(self.tick, tick, next(iter(self.seats.values())))
        self.transcript.add({"tick": self.tick, "loss": _short(tick.loss)})
        self._note_plan()
        for watch in self.watchers:
            watch(tick)
        if self.tick == self.scenario.ticks:
            self._end()

    # ------------------------------------------------------------ for clients

    def act(self, action: Any, name: str) -> None:
        """Carry out an action object, or a text with one, of a seat.

        Raises ``RuntimeError`` for a seat that has ended its turn.
        """
        seat = self.seats[name]
        if not seat.deciding:
            raise RuntimeError(f"it is not the turn of {name}; the other seats have to end theirs")
        answers = self._answers[name] = seat.act(action)
        self._views.pop(name, None)
        recorded = _recorded(action)
        self.transcript.add({"seat": name, "action": recorded, "answers": answers})
        turn = {"read": self._read.pop(name, None), "action": _cut(recorded), "answers": answers}
        self._took(name, **turn, model=self._notes.pop(name, None))
        if seat.malformed_in_a_row >= MAX_MALFORMED:
            self._end("forfeit")

    def skip(self, name: str) -> None:
        """End the turn of a seat that does not answer; its agents without an order sleep."""
        self.seats[name].pass_turn()
        self.transcript.add({"seat": name, "skipped": True})
        self._took(name, skipped=True)

    def helped(self, name: str) -> None:
        """Take note that a seat was shown what a scripted player would do."""
        self.hints[name] += 1
        self.transcript.add({"seat": name, "hint": True})
        self._took(name, hint=True)

    def note(self, name: str, /, **facts: Any) -> None:
        """Keep facts about the next action of a seat for viewers, such as tokens. They are not scored."""
        self._notes[name] = {key: value for key, value in facts.items() if value is not None}

    def view(self, name: str) -> View:
        """What a seat is given: the answers to its last calls and, where a turn began since, the facts."""
        if name not in self._views:
            self._views[name] = self._view(self.seats[name], self._answers[name], self._new_turn[name])
            self._answers[name], self._new_turn[name] = [], False
            self._read[name] = self._views[name].text
        return self._views[name]

    def score(self, name: str) -> float:
        """The score of a seat. Raises ``RuntimeError`` before the game is over."""
        if self.outcome is None:
            raise RuntimeError(
                f"the game is at tick {self.tick} of {self.scenario.ticks}; it has no score yet"
            )
        last = self._trees[name].last_score
        assert last is not None
        return 0.0 if self.outcome == "forfeit" else last

    def figures(self, name: str) -> Figures:
        """What the score of a seat is made of."""
        tally, referee = self.seats[name].tally, self.seats[name].referee
        return Figures(
            loss=self.loss,
            reference=self.reference,
            smoothing=self.scenario.smoothing,
            calls=tally.calls,
            malformed=tally.malformed,
            mission=None if referee is None else referee.mission,
            done=0 if referee is None else referee.done,
            violations=0 if referee is None else referee.counts.violations,
        )

    def dense(self, name: str, first: int, last: int) -> float:
        """The part of a seat's score that the loss decides, of the ticks after ``first`` up to ``last``.

        In 0..1: it is 1/2 for the loss of the reference in the same ticks, and 0 for no ticks.
        """
        if last <= first:
            return 0.0
        assert self.reference_losses is not None
        figures = Figures(
            loss=sum(self.losses[first:last]),
            reference=float(self.reference_losses[first:last].sum()),
            smoothing=self.scenario.smoothing * (last - first) / self.scenario.ticks,
            calls=0,
            malformed=0,
        )
        return damage(figures) if self.seats[name].side == "red" else security(figures)

    def account(self, name: str) -> list[dict[str, Any]]:
        """Why the score of a seat is what it is, as rows of :func:`~garrison.llm.rubric.account`."""
        rows = account(self._trees[name])
        return [*rows[:-1], rows[-1] | {"value": self.score(name)}]

    def metadata(self, name: str) -> dict[str, Any]:
        """The account of a finished game."""
        seat, figures = self.seats[name], self.figures(name)
        plan = None
        if seat.referee is not None:
            counts, referee = seat.referee.counts, seat.referee
            plan = {
                "instructions": len(referee.items),
                "done": referee.done,
                "sealed": referee.sealed,
                "missed": counts.missed,
                "out_of_order": counts.out_of_order,
                "breaches": counts.breaches,
                "reopened": counts.reopened,
                "done_before_first_violation": counts.before_violation,
            }
        return {
            "return": -self.loss,
            "reward_parts": dict(sorted(self.parts.items())),
            "loss": self.loss,
            "reference_loss": self.reference,
            "ratio": figures.ratio,
            "scores": scores(self._trees[name]) | {"score": self.score(name)},
            "plan": plan,
            "calls": seat.tally.calls,
            "turns": seat.tally.turns,
            "hints": self.hints[name],
            "errors": dict(sorted(seat.tally.errors.items())),
            "tools": dict(sorted(seat.tally.tools.items())),
            "transcript": self.transcript.hash,
        }

    # ------------------------------------------------------------ within

    def _changed(self, name: str) -> None:
        """A turn of a seat began, or the game is over: its next view is another one."""
        self._new_turn[name] = True
        self._views.pop(name, None)

    def _took(self, name: str, **what: Any) -> None:
        self.turns.append(
            {"t": self.tick, "seat": name} | {key: value for key, value in what.items() if value is not None}
        )

    def _note_plan(self) -> None:
        """Note the instructions whose state is another one than after the tick before."""
        now = (
            {} if self.referee is None else {item.id: self.referee.state(item) for item in self.referee.items}
        )
        self.plans.append([[n, state] for n, state in now.items() if self._plan_states.get(n) != state])
        self._plan_states = now

    def _plan(self, obs: np.ndarray) -> Referee | None:
        agents = tuple(agent for agent in self.roles.agents if agent < T.NUM_BLUE)
        if not agents:
            return None
        tracker = BlueTracker(agents)
        tracker.start(obs[list(agents)])
        return Referee(self.scenario, generate(self.seed, tracker.exists, self.scenario, agents))

    def _end(self, outcome: str | None = None) -> None:
        if self.referee is not None:
            self.referee.verify()
        for name, tree in self._trees.items():
            tree.forward(self.figures(name))
        self.outcome = outcome or self._decided()
        for name, seat in self.seats.items():
            seat.stop()
            self._changed(name)
        self.transcript.add(
            {
                "outcome": self.outcome,
                "scores": {name: _short(self.score(name)) for name in self.seats},
                "loss": _short(self.loss),
                "reference": _short(self.reference),
            }
        )

    def _decided(self) -> str:
        """Who won; ``"over"`` where there is no plan."""
        if self.referee is None or self.scenario.threshold is None:
            return "over"
        ratio = next(
            self.figures(name).ratio for name, seat in self.seats.items() if seat.referee is not None
        )
        return "blue" if ratio <= self.scenario.threshold and self.referee.share >= 0.6 else "red"

    def _view(self, seat: Seat, answers: list[dict[str, Any]], new_turn: bool) -> View:
        over = self.outcome is not None
        turn = seat.turn() if new_turn else None
        facts: dict[str, Any] = {} if turn is None else seat.text.facts(turn)
        end = None if self.outcome is None else (self.outcome, self.score(seat.name))
        reward = 0.0
        if self.reward == "dense" and turn is not None:
            reward, self._told[seat.name] = self.dense(seat.name, self._told[seat.name], self.tick), self.tick
        return View(
            text=written(seat, answers, turn, facts, end),
            facts=facts,
            errors=tuple(answer["error"] for answer in answers if "error" in answer),
            tick=self.tick,
            turn=seat.tally.turns,
            done=over,
            outcome=self.outcome,
            reward=self.score(seat.name) if over else reward,
            metadata=self.metadata(seat.name) if over else {},
        )


def _recorded(action: Any) -> Any:
    """An action as it is recorded; what is not JSON becomes text."""
    try:
        json.dumps(action, allow_nan=False)
    except (TypeError, ValueError):
        return repr(action)
    return action


def _cut(action: Any) -> Any:
    """A recorded action, or the start of its text where that is too long to show."""
    text = action if isinstance(action, str) else json.dumps(action)
    return action if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]} … (cut)"


def _short(value: Any) -> float:
    """A number as the shortest text that gives the same float32."""
    return float(str(np.float32(value)))
