"""The recovery plan: instructions drawn at reset, and the referee that says which are done.

The referee reads events and the state of the network, never the names of tools that were called: an
instruction is done when the simulator shows what it asks for. It has no access to what seats see or write.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from garrison.llm.names import HOSTS, PHASES, ZONES
from garrison.llm.scenarios import LEAD, Scenario
from garrison.worlds.cc4 import tables as T

#: Shares of the kinds of instructions, and the tool that each names.
KINDS = {
    "inspect": (0.30, "run_forensics"),
    "trap": (0.25, "deploy_patch"),
    "cut": (0.10, "publish_ioc_blocklist"),
    "enforce": (0.10, "harden_policy"),
    "open": (0.05, "reconcile_state"),
    "evict": (0.10, "disable_account"),
    "secure": (0.10, "run_forensics"),
}
ON_HOST = ("inspect", "trap", "evict", "secure")
AFTER, IN_PHASE = 0.2, 0.1  # shares of instructions with a precondition
DONE_WEIGHT = 0.75  # of a done instruction that is not sealed

OPEN, DONE, SEALED, MISSED = "open", "done", "sealed", "missed"


@dataclass
class Item:
    """One instruction."""

    id: int
    agent: int  # blue agent that carries it out
    kind: str  # of KINDS
    place: int  # host slot, or zone
    after: int | None = None  # id of an instruction of another agent that has to be closed
    phase: int | None = None  # first phase in which it can be carried out
    status: str = OPEN
    due: int | None = None  # ticks done when it is missed; None: it has not become current yet
    sabotaged: bool = False  # done, but undone by red: found out at a checkpoint or by Analyse

    @property
    def on_host(self) -> bool:
        return self.kind in ON_HOST

    @property
    def tool(self) -> str:
        return KINDS[self.kind][1]

    @property
    def text(self) -> str:
        """The instruction as the seat reads it, with its precondition and deadline."""
        due = [f"due T{self.due}"] if self.due is not None and self.status == OPEN else []
        return " ".join([self.order, *due])

    @property
    def order(self) -> str:
        """The instruction with its precondition."""
        place = HOSTS[self.place] if self.on_host else ZONES[self.place]
        parts = [f"#{self.id} {self.tool} {place}"]
        parts += ["(restore_backup if root)"] if self.kind == "secure" else []
        parts += [f"after #{self.after}"] if self.after is not None else []
        parts += [f"from phase {PHASES[self.phase]}"] if self.phase is not None else []
        return " ".join(parts)


def generate(seed: int, exists: np.ndarray, scenario: Scenario, agents: tuple[int, ...]) -> list[Item]:
    """The plan of a game: ``scenario.instructions / 5`` instructions for each blue agent of a seat.

    Args:
        exists: ``bool[host]``, which hosts there are.
    """
    rng = np.random.Generator(np.random.PCG64([seed, scenario.ticks]))
    each = scenario.instructions // T.NUM_BLUE
    lists = [_instructions(rng, agent, each, exists, scenario) for agent in agents]
    items = [item for row in zip(*lists, strict=True) for item in row]  # first ones first
    for number, item in enumerate(items, start=1):
        item.id = number
    for item in items:
        others = [one.id for one in items if one.id < item.id and one.agent != item.agent]
        drawn = rng.random()
        if drawn < AFTER and others:
            item.after = int(rng.choice(others[-2 * len(agents) :]))
        elif AFTER <= drawn < AFTER + IN_PHASE:
            item.phase = T.NUM_PHASES - 1
    return items


def _instructions(
    rng: np.random.Generator, agent: int, number: int, exists: np.ndarray, scenario: Scenario
) -> list[Item]:
    """The instructions of one agent, with hosts and zones in turn, each once before any again."""
    zones = T.BLUE_SUBNETS[agent]
    hosts = np.flatnonzero(exists & (T.HOST_BLUE == agent) & ~T.IS_ROUTER)
    never = scenario.never_needed(1)
    foreign = [z for z in range(T.NUM_ZONES) if z not in zones and all(never[z, own] for own in zones)]
    places = {kind: hosts if kind in ON_HOST else np.array(zones) for kind in KINDS} | {
        "cut": np.array(foreign)
    }
    queues: dict[str, list[int]] = {kind: [] for kind in KINDS}
    items = []
    for kind in rng.permutation(_kinds(rng, number)).tolist():
        if not queues[kind]:
            queues[kind] = rng.permutation(places[kind]).tolist()
        items.append(Item(0, agent, kind, int(queues[kind].pop())))
    return items


def _kinds(rng: np.random.Generator, number: int) -> list[str]:
    """``number`` kinds by their shares; what does not come out even is drawn."""
    exact = {kind: share * number for kind, (share, _) in KINDS.items()}
    kinds = [kind for kind, value in exact.items() for _ in range(math.floor(value))]
    rest = np.array([value - math.floor(value) for value in exact.values()])
    missing = number - len(kinds)
    if missing:
        chosen = rng.choice(len(rest), size=missing, replace=False, p=rest / rest.sum())
        kinds += [list(exact)[i] for i in sorted(chosen)]
    return kinds


@dataclass
class Counts:
    """What the referee counted in a game."""

    missed: int = 0
    out_of_order: int = 0
    breaches: int = 0  # blocks of traffic that users need
    reopened: int = 0
    sabotages: int = 0  # acts of red that undid something
    before_violation: int | None = None  # done instructions at the first violation

    @property
    def violations(self) -> int:
        return self.missed + self.out_of_order + self.breaches


@dataclass
class Referee:
    """Follows a plan tick by tick.

    Args:
        items: of :func:`generate`.
    """

    scenario: Scenario
    items: list[Item]
    counts: Counts = field(default_factory=Counts)
    tick: int = 0  # ticks done

    def __post_init__(self) -> None:
        self.agents = tuple(sorted({item.agent for item in self.items}))
        each = len(self.items) // max(len(self.agents), 1)
        self.deadline = math.ceil(3 * self.scenario.ticks / each) if each else 0
        self.blocked = np.zeros((T.NUM_SUBNETS, T.NUM_SUBNETS), bool)
        self._current: dict[int, Item | None] = dict.fromkeys(self.agents)
        self._window: dict[int, int] = dict.fromkeys(self.agents, -1)
        self._by_id = {item.id: item for item in self.items}
        self._advance()

    # ------------------------------------------------------------ what seats see

    def current(self, agent: int) -> Item | None:
        """The instruction that an agent has to carry out now; None: none can be."""
        return self._current[agent]

    def item(self, number: int) -> Item | None:
        """An instruction by its number."""
        return self._by_id.get(number)

    def coming(self, agent: int) -> list[Item]:
        """The current instruction of an agent and the next two."""
        current = self._current[agent]
        rest = [item for item in self._of(agent) if item.status == OPEN and item is not current]
        return ([current] if current else []) + rest[:2]

    def tally(self, agent: int) -> Counter[str]:
        """Instructions of an agent by the status that it knows."""
        return Counter(item.status for item in self._of(agent))

    def state(self, item: Item) -> str:
        """What is true of an instruction, for viewers: its status, ``current``, or ``undone`` by red."""
        if item.sabotaged:
            return "undone"
        return "current" if self._current[item.agent] is item and item.status == OPEN else item.status

    def sealed_in_window(self, agent: int) -> bool:
        """Whether the agent has had its checkpoint in this window."""
        return self._window[agent] == self.tick // self.scenario.stride

    # ------------------------------------------------------------ what happens

    def execute(self, number: int, agents: tuple[int, ...]) -> Item | None:
        """The current instruction of this number; None where it is not one, which is a violation."""
        item = self._by_id.get(number)
        if item is None or item.agent not in agents or self._current[item.agent] is not item:
            self._violated("out_of_order")
            return None
        return item

    def in_place(self, item: Item) -> bool:
        """Close an instruction on a zone whose condition holds already; returns whether it does."""
        if item.on_host or not self._holds(item):
            return False
        item.status = DONE
        self._advance()
        return True

    def update(self, tick: Any) -> None:
        """A tick was played; ``tick`` is a :class:`~garrison.llm.simulation.Tick`."""
        number, self.tick = self.tick, self.tick + 1
        self.blocked = np.asarray(tick.blocked)
        events = tick.events
        for agent in self.agents:
            kind, host = int(events.blue_kind[agent]), int(events.blue_host[agent])
            self._acted(agent, kind, host, tick, number)
        self._sabotage(events)
        for agent in self.agents:
            item = self._current[agent]
            if item is not None and item.due is not None and item.status == OPEN and self.tick >= item.due:
                item.status = MISSED
                self._violated("missed")
        self._advance()

    def verify(self) -> None:
        """The end of the game: instructions on zones that are not sealed have to hold still."""
        for item in self.items:
            if item.status == DONE and not item.on_host and not self._holds(item):
                item.status = OPEN

    # ------------------------------------------------------------ what counts

    @property
    def done(self) -> int:
        """Done instructions, sealed ones included; those that red undid do not count."""
        return sum(item.status in (DONE, SEALED) and not item.sabotaged for item in self.items)

    @property
    def sealed(self) -> int:
        return sum(item.status == SEALED for item in self.items)

    @property
    def share(self) -> float:
        """p, the share of the plan that is done."""
        return self.done / len(self.items)

    @property
    def mission(self) -> float:
        """m, the same with what is not sealed counting less."""
        return (self.sealed + DONE_WEIGHT * (self.done - self.sealed)) / len(self.items)

    # ------------------------------------------------------------ within

    def _of(self, agent: int) -> list[Item]:
        return [item for item in self.items if item.agent == agent]

    def _acted(self, agent: int, kind: int, host: int, tick: Any, number: int) -> None:
        """What an action that was carried out means for the plan."""
        if kind == T.Blue.BLOCK:
            pair = int(tick.events.blue_to[agent]), int(tick.events.blue_from[agent])
            if self.scenario.needed_traffic(number)[pair]:
                self._violated("breaches")
        if kind == T.Blue.ANALYSE:
            self._find_sabotage(agent, host)
        item = self._current[agent]
        if item is not None and item.status == OPEN and self._completes(item, kind, host, tick):
            item.status = DONE
        if kind == T.Blue.MONITOR and self._window[agent] != number // self.scenario.stride:
            self._window[agent] = number // self.scenario.stride
            self._seal(agent)

    def _completes(self, item: Item, kind: int, host: int, tick: Any) -> bool:
        if item.kind in ("cut", "enforce"):
            return kind == T.Blue.BLOCK and self._holds(item)
        if item.kind == "open":
            return kind == T.Blue.ALLOW and self._holds(item)
        if host != item.place:
            return False
        if item.kind == "inspect":
            return kind == T.Blue.ANALYSE
        if item.kind == "trap":
            return kind == T.Blue.DECOY and bool(tick.decoys[host])
        if item.kind == "evict":
            return kind == T.Blue.REMOVE
        return kind == T.Blue.RESTORE or (kind == T.Blue.ANALYSE and not tick.escalated[host])

    def _holds(self, item: Item) -> bool:
        """Whether the condition of an instruction on a zone is true."""
        if item.kind == "cut":
            own = [zone for zone in T.BLUE_SUBNETS[item.agent] if zone != item.place]
            return bool(np.all(self.blocked[own, item.place]))
        blocked, others = self.blocked[item.place], np.arange(T.NUM_SUBNETS) != item.place
        if item.kind == "open":
            needed = self.scenario.needed_traffic(self.tick)[item.place]
            return not np.any(needed & blocked & others)
        needed = self.scenario.needed_traffic(self.tick, LEAD)[item.place]
        return not np.any(~needed & ~blocked & others)

    def _seal(self, agent: int) -> None:
        for item in self._of(agent):
            if item.status != DONE:
                continue
            good = not item.sabotaged if item.on_host else self._holds(item)
            if good:
                item.status = SEALED
            else:
                self._reopen(item)

    def _find_sabotage(self, agent: int, host: int) -> None:
        for item in self._of(agent):
            if item.sabotaged and item.place == host:
                self._reopen(item)

    def _reopen(self, item: Item) -> None:
        item.status, item.sabotaged, item.due = OPEN, False, None
        self.counts.reopened += 1

    def _sabotage(self, events: Any) -> None:
        """DegradeServices, and Impacts that stop a service, undo what is done on a host and not sealed."""
        kinds = np.isin(events.red_kind, (T.Red.DEGRADE, T.Red.IMPACT))
        hit = events.red_ran & kinds & (events.red_outcome == T.Outcome.TRUE)
        for host in np.unique(events.red_host[hit]).tolist():
            undone = [
                i
                for i in self.items
                if i.on_host and i.place == host and i.status == DONE and not i.sabotaged
            ]
            for item in undone:
                item.sabotaged = True
            self.counts.sabotages += bool(undone)

    def _violated(self, what: str) -> None:
        if not self.counts.violations:
            self.counts.before_violation = self.done
        setattr(self.counts, what, getattr(self.counts, what) + 1)

    def _advance(self) -> None:
        """Give each agent whose current instruction is closed the next one that can be carried out."""
        phase = self.scenario.phase(self.tick)
        for agent in self.agents:
            current = self._current[agent]
            if current is not None and current.status == OPEN:
                continue
            self._current[agent] = next((item for item in self._of(agent) if self._ready(item, phase)), None)
            if (item := self._current[agent]) is not None:
                item.due = self.tick + self.deadline

    def _ready(self, item: Item, phase: int) -> bool:
        if item.status != OPEN or (item.phase is not None and phase < item.phase):
            return False
        return item.after is None or self._by_id[item.after].status != OPEN
