"""A seat: the agents that one client decides for, their queues of orders, and its turns.

Everything here is Python on small numbers. A seat reads the rows of its agents' observations by its tracker;
what the referee of the plan sees of the simulator stays with the referee.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from garrison.llm import acd
from garrison.llm import calls as C
from garrison.llm.calls import Call, CallError
from garrison.llm.names import AGENTS, HOSTS, ZONES
from garrison.llm.orders import Act, Order, agent_of, orders_of, sleep
from garrison.llm.playbook import Item, Referee
from garrison.llm.scenarios import Scenario
from garrison.llm.text import NEVER, TURN_ENDED, Busy, Done, Turn, accepted, known_host, query, text_of
from garrison.llm.tools import TOOLS, tools_of
from garrison.llm.tracker import tracker_of
from garrison.worlds.cc4 import tables as T

#: Agents of each seat, by position on the world's agent axis.
SEATS: dict[str, tuple[int, ...]] = {
    "blue": tuple(range(T.NUM_BLUE)),
    **{name: (i,) for i, name in enumerate(T.BLUE_AGENTS)},
    "red": tuple(range(T.NUM_BLUE, T.NUM_BLUE + T.NUM_RED)),
    **{name: (T.NUM_BLUE + i,) for i, name in enumerate(T.RED_AGENTS)},
}
MAX_QUEUE = 4  # orders of an agent that wait
MAX_QUERIES = 4  # in a turn
EXTRA_CALLS = 8  # calls of a turn besides one per agent
MAX_TICKS = 5  # of a turn
MAX_MALFORMED = 20  # malformed turns in a row that end the game


@dataclass
class Worker:
    """An agent of a seat: its orders and the action that it carries out."""

    agent: int
    queue: deque[Order] = field(default_factory=deque)
    order: Order | None = None
    step: int = 0  # number of the order's action that is in progress or next
    acting: Act | None = None  # submitted and not finished
    began: int = 0  # tick in which the order began, counted from 1
    results: list[str] = field(default_factory=list)

    @property
    def has_orders(self) -> bool:
        return self.order is not None or bool(self.queue)

    def next_act(self, tick: int) -> Act | None:
        """What the agent, which is free, submits next; None: it has no orders."""
        if self.order is None:
            if not self.queue:
                return None
            self.order, self.step, self.began, self.results = self.queue.popleft(), 0, tick, []
        self.acting = self.order.acts[self.step]
        return self.acting

    def cancel(self) -> int:
        """Drop what has not begun; returns the number of actions."""
        dropped = sum(len(order.acts) for order in self.queue)
        self.queue.clear()
        if self.order is not None:
            keep = self.step + (self.acting is not None)
            dropped += len(self.order.acts) - keep
            cut = replace(self.order, acts=self.order.acts[:keep])
            self.order = cut if self.acting is not None else None
        return dropped


@dataclass
class Tally:
    """What a seat did, for scores and metrics."""

    turns: int = 0
    calls: int = 0  # malformed ones included
    malformed: int = 0
    errors: Counter[str] = field(default_factory=Counter)  # by code
    tools: Counter[str] = field(default_factory=Counter)  # accepted calls by name
    verdicts: list[tuple[int, int, str]] = field(default_factory=list)  # tick, host, verdict


class Seat:
    """One seat of a game.

    Args:
        name: of :data:`SEATS`.
        rows: observations of all agents at the start, ``f32[agent, feature]``.
        referee: of the plan; None without one.
    """

    def __init__(
        self,
        name: str,
        scenario: Scenario,
        rows: np.ndarray,
        referee: Referee | None,
        style: str = "compact",
    ) -> None:
        self.name, self.scenario, self.referee, self.style = name, scenario, referee, style
        self.agents = SEATS[name]
        self.side = "blue" if self.agents[0] < T.NUM_BLUE else "red"
        self.tracker: Any = tracker_of(self.agents)
        self.tracker.start(rows[list(self.agents)])
        self.tools = tools_of(self.side, len(self.agents) == 1, referee is not None)
        self.orders = orders_of(scenario, self.tracker)
        self.text = text_of(scenario, self.tracker, referee, full=style == "full")
        self.present = Turn(scenario.ticks, 0)  # the last turn that was told
        self.workers = {agent: Worker(agent) for agent in self.agents}
        self.tally = Tally()
        self.deciding, self.over = True, False
        self.malformed_in_a_row = 0
        self.status = 0  # bits to send with the next tick
        self._done: list[Done] = []
        self._ticks_left = 0  # of the turn; after that the seat decides again
        self._asked_ticks = False
        self._calls, self._queries, self._malformed_turn = 0, 0, False
        self._orders = 0  # accepted in the game

    # ------------------------------------------------------------ turns

    def turn(self) -> Turn:
        """The facts of the turn that begins now. Results are reported once."""
        done, self._done = self._done, []
        busy = [
            self._busy(w) for w in self.workers.values() if w.has_orders or self.tracker.ticks_of(w.agent)
        ]
        inactive = [agent for agent in self.agents if not self.tracker.active(agent)]
        since = self.present.tick if self.tracker.tick else NEVER
        self.present = Turn(self.scenario.ticks, self.tracker.tick, done, busy, self.free(), inactive, since)
        return self.present

    def ended_now(self) -> list[Done]:
        """Orders that ended in the last tick."""
        return [one for one in self._done if one.ended == self.tracker.tick]

    def _busy(self, worker: Worker) -> Busy:
        """An agent with orders, or with an action that the warm-up left."""
        order = worker.order or (worker.queue[0] if worker.queue else None)
        label = "earlier action" if order is None else order.label
        return Busy(worker.agent, label, self.tracker.ticks_of(worker.agent), len(worker.queue))

    def free(self) -> list[int]:
        """Agents that can act and have nothing to do."""
        return [
            agent
            for agent, worker in self.workers.items()
            if self.tracker.active(agent) and not self.tracker.ticks_of(agent) and not worker.has_orders
        ]

    def act(self, action: Any) -> list[dict[str, Any]]:
        """Carry out an action object or a text with one; returns an answer per call.

        The turn ends by a control, by a malformed action, when all free agents have something to do, or
        after too many calls.
        """
        assert self.deciding
        try:
            calls = C.calls_of(acd.action_of(action, self) if self.style == "acd" else action)
        except CallError as error:
            return [self._malformed(error)]
        orders = self._orders
        answers = [self._call(call) for call in calls]
        self._malformed_turn |= any(answer.get("error", {}).get("code") == "MALFORMED" for answer in answers)
        ordered = self._orders > orders and not self.free()
        if self.deciding and self.style == "acd" and not ordered:
            self._end_turn(1)  # a turn has one answer
        if self.deciding and (ordered or self._calls >= EXTRA_CALLS + len(self.agents)):
            self._end_turn(None)
        return answers

    def pass_turn(self) -> None:
        """End the turn without a call."""
        self._end_turn(1)

    def actions(self) -> dict[int, int]:
        """What the agents submit in the next tick: action indices by agent. Busy agents submit Sleep."""
        now = self.tracker.tick + 1
        chosen = {}
        for agent, worker in self.workers.items():
            act = None
            if not self.tracker.ticks_of(agent) and self.tracker.active(agent) and worker.acting is None:
                act = worker.next_act(now)
            chosen[agent] = (act or sleep(agent)).index
        return chosen

    def update(self, rows: np.ndarray) -> None:
        """The observation after a tick, of all agents."""
        before = set(self.free())
        self.tracker.update(rows[list(self.agents)])
        self.status = 0
        for worker in self.workers.values():
            if worker.acting is not None and not self.tracker.ticks_of(worker.agent):
                self._finish(worker)
        self._ticks_left -= 1
        working = set(self.free()) - before if self._asked_ticks else set(self.free())
        if self._ticks_left <= 0 or working:
            self._begin_turn()

    def stop(self) -> None:
        """The game is over."""
        self.over, self.deciding = True, False

    # ------------------------------------------------------------ calls

    def _call(self, call: dict[str, Any]) -> dict[str, Any]:
        self._calls += 1
        self.tally.calls += 1
        try:
            if not self.deciding:
                raise CallError("OVER", "the turn has ended", "calls after end_turn are not carried out")
            checked = C.checked(call, self.side)
            if checked.tool.name not in self.tools:
                raise CallError("UNKNOWN_TOOL", f"this seat has no tool {checked.tool.name!r}")
            answer = self._carry_out(checked)
        except CallError as error:
            self.tally.errors[error.code] += 1
            self.tally.malformed += error.code == "MALFORMED"
            return {"call": str(call["tool_name"])[:64], "error": error.row()}
        self.tally.tools[checked.tool.name] += 1
        return {"call": checked.tool.name, "answer": answer}

    def _carry_out(self, call: Call) -> str:
        name = call.tool.name
        if call.tool.kind == "query":
            return self._query(call)
        if name == "end_turn":
            self._end_turn(call.params["ticks"])
            return TURN_ENDED
        if name == "cancel":
            agent = agent_of(call, self.agents, self.agents)
            return f"{AGENTS[agent]}: {self.workers[agent].cancel()} actions dropped"
        if name == "send_status":
            self.status = call.params["bits"]
            return f"sends {self.status:08b}"
        if name == "execute_instruction":
            return self._instruction(call)
        if name == "checkpoint_plan" and self.referee is not None:
            agent = agent_of(call, self.agents, self.agents)
            if self.referee.sealed_in_window(agent):
                stride = self.scenario.stride
                at = (self.tracker.tick // stride + 1) * stride
                raise CallError(
                    "NOTHING_TO_DO", f"{AGENTS[agent]} had its checkpoint; the next is from T{at} on"
                )
        return self._queue(self.orders.of(call))

    def _query(self, call: Call) -> str:
        self._queries += 1
        if self._queries > MAX_QUERIES:
            raise CallError("QUERY_BUDGET", f"{MAX_QUERIES} queries in a turn", "give orders or end_turn")
        verdicts = call.params.get("verdicts") or {}
        judged = [(known_host(self.tracker, host), verdict) for host, verdict in verdicts.items()]
        self.tally.verdicts += [(self.tracker.tick, host, verdict) for host, verdict in judged]
        return query(call, self.tracker)

    def _queue(self, order: Order) -> str:
        worker = self.workers[order.agent]
        if len(worker.queue) >= MAX_QUEUE:
            raise CallError(
                "QUEUE_FULL", f"{AGENTS[order.agent]} has {MAX_QUEUE} orders waiting", "cancel or wait"
            )
        worker.queue.append(order)
        self._orders += 1
        return accepted(order.agent, order.label)

    def _instruction(self, call: Call) -> str:
        number, referee = call.params["id"], self.referee
        assert referee is not None
        if referee.item(number) is None:
            raise CallError("BAD_PARAMS", f"id is {number}; the plan has #1..#{len(referee.items)}")
        item = referee.execute(number, self.agents)
        if item is None:
            raise CallError("NOT_CURRENT", f"#{number} is not a current instruction: a violation")
        if referee.in_place(item):
            return f"#{item.id}: already in place"
        return self._queue(self.orders.of(self._meant(item, call)))

    def _meant(self, item: Item, call: Call) -> Call:
        """The call that an instruction stands for."""
        name = item.tool
        if item.kind == "secure" and self.tracker.root[item.place]:
            name = "restore_backup"
        tool = TOOLS["blue"][name]
        params: dict[str, Any] = dict.fromkeys((*tool.parameters, "agent"))
        params[tool.target or "agent"] = (HOSTS if item.on_host else ZONES)[item.place]
        params["agent"] = AGENTS[item.agent]
        return Call(tool, params, call.rationale)

    def _malformed(self, error: CallError) -> dict[str, Any]:
        self._calls += 1
        self.tally.calls += 1
        self.tally.malformed += 1
        self.tally.errors[error.code] += 1
        self._malformed_turn = True
        self._end_turn(1)
        return {"call": None, "error": error.row()}

    # ------------------------------------------------------------ within a turn

    def _end_turn(self, ticks: int | None) -> None:
        self.deciding = False
        self._ticks_left, self._asked_ticks = ticks or MAX_TICKS, ticks is not None
        self.tally.turns += 1
        self.malformed_in_a_row = self.malformed_in_a_row + 1 if self._malformed_turn else 0

    def _begin_turn(self) -> None:
        self.deciding = True
        self._calls, self._queries, self._malformed_turn = 0, 0, False

    def _finish(self, worker: Worker) -> None:
        """The action of a worker ended: note its result, and go on to the next of its order."""
        act, order = worker.acting, worker.order
        assert act is not None
        assert order is not None
        worker.acting = None
        worker.step += 1
        if order.tool != "wait":
            worker.results.append(self._result(act))
        if worker.step < len(order.acts):
            return
        if worker.results:
            result = _summary(worker.results)
            self._done.append(Done(order.agent, order.label, result, worker.began, self.tracker.tick))
        worker.order = None

    def _result(self, act: Act) -> str:
        """How an action ended, from the agent's observation."""
        outcome = self.tracker.outcome(act.agent)
        if self.side == "blue" and act.host is not None and outcome.succeeded:
            if act.kind == T.Blue.ANALYSE:
                found = [name for name, flags in _FILES if getattr(self.tracker, flags)[act.host]]
                return "+".join(found) or "clean"
            if act.kind == T.Blue.DECOY:
                return "decoys " + " ".join(
                    T.DECOY_NAMES[1 + i] for i in np.flatnonzero(self.tracker.decoys[act.host]).tolist()
                )
        return outcome.word


_FILES = (("cmd.sh", "shell"), ("escalate.sh", "root"))


def _summary(results: list[str]) -> str:
    """One result, or how often each occurred."""
    if len(results) == 1:
        return results[0]
    return ", ".join(f"{result} x{number}" for result, number in Counter(results).items())
