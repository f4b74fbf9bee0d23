"""Scripted players of seats: the reference that carries out the plan, and those that tests and canaries need.

A player answers a view with an action object, as a language model does. It may read the seat, which holds
what its agents know, and the rows of their observations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.plugins import did_you_mean
from garrison.llm.names import AGENTS, HOSTS, ZONES
from garrison.llm.playbook import DONE
from garrison.llm.seat import MAX_QUERIES, Seat
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import guard

Action = dict[str, Any] | str


class Player(Protocol):
    """Whoever answers for a seat in one game."""

    def act(self, seat: Seat, rows: np.ndarray) -> Action:
        """The answer to the seat's present view.

        Args:
            rows: observations of the seat's agents, ``f32[agent, feature]``.
        """
        ...


def call(name: str, **params: Any) -> dict[str, Any]:
    """A call of a tool."""
    return {"tool_name": name, "params": params}


def end(ticks: int = 1) -> dict[str, Any]:
    """The call that ends the turn."""
    return call("end_turn", ticks=ticks)


def several(calls: list[dict[str, Any]]) -> Action:
    """An action of several calls."""
    return {"calls": calls}


# ---------------------------------------------------------------- the reference


@lru_cache(maxsize=1)
def _decide() -> Any:
    """``(actions, memory, urgent)`` of the guard; the last says whose action should not wait for the plan."""

    def decide(obs: Any, mask: Any, memory: Any) -> tuple[Any, Any, Any]:
        actions, after = guard.decide(obs, mask, memory)
        look = jnp.max(guard.urgencies(guard.view(obs, memory), memory)[_ANALYSE], axis=1) >= guard.LOOK
        kinds = jnp.asarray(T.BLUE_ACTIONS)[jnp.arange(T.NUM_BLUE), actions, 0]
        waits = (kinds == T.Blue.SLEEP) | (kinds == T.Blue.DECOY) | ((kinds == T.Blue.ANALYSE) & ~look)
        return actions, after, ~waits

    return jax.jit(decide)


_ANALYSE = 2  # place of Analyse in guard.urgencies


class GuardPlayer:
    """The guard by the tools of a blue seat, one tick a turn; with the plan where nothing is more urgent.

    Args:
        plan: carry out the plan: its current instruction where the guard's own urgency is below that of a
            suspect host, and a checkpoint in the second half of each window.
    """

    def __init__(self, plan: bool = True) -> None:
        self.plan = plan
        self._memory: Any = jax.device_get(guard.Guard().init(jax.random.key(0), T.NUM_BLUE))

    def act(self, seat: Seat, rows: np.ndarray) -> Action:
        obs = np.zeros((T.NUM_BLUE, rows.shape[1]), np.float32)
        obs[0] = rows[0]  # from which the guard reads the phase
        obs[list(seat.agents)] = rows
        actions, memory, urgent = jax.device_get(_decide()(obs, _mask(seat.tracker.exists), self._memory))
        tries = memory.tries.copy()
        calls = []
        for agent in seat.free():
            chosen = None if urgent[agent] or not self.plan else planned(seat, agent)
            if chosen is not None:
                tries[agent] = self._memory.tries[agent]  # the guard's choice was not carried out
            else:
                chosen = call_of(agent, int(actions[agent]))
            calls += [chosen] if chosen is not None else []
        self._memory = memory.replace(tries=tries)
        return several([*calls, end()])


def planned(seat: Seat, agent: int, late: bool = True) -> dict[str, Any] | None:
    """The checkpoint of an agent if there is something to seal, else its current instruction.

    Args:
        late: seal in the second half of a window only.
    """
    referee, stride = seat.referee, seat.scenario.stride
    if referee is None:
        return None
    due = not late or seat.tracker.tick % stride >= stride // 2
    if due and referee.tally(agent)[DONE] and not referee.sealed_in_window(agent):
        return call("checkpoint_plan", agent=AGENTS[agent])
    item = referee.current(agent)
    return None if item is None else call("execute_instruction", id=item.id)


def _mask(exists: np.ndarray) -> np.ndarray:
    """Legal actions ``bool[blue, action]``: all but those on hosts that do not exist."""
    hosts = T.BLUE_ACTIONS[:, :, 1].astype(int)
    there = np.append(exists, np.zeros(T.NO_HOST - len(exists), bool))
    there = np.append(there, True)  # NO_HOST: actions without one
    listed = np.arange(T.MAX_BLUE_ACTIONS) < np.array(T.BLUE_ACTION_COUNTS)[:, None]
    return there[hosts] & listed


def call_of(agent: int, index: int) -> dict[str, Any] | None:
    """A blue agent's CC4 action as a call of a tool; None for Sleep and Monitor."""
    kind, host, source, to = (int(x) for x in T.BLUE_ACTIONS[agent, index])
    if kind in _TOOLS:
        return call(_TOOLS[kind], host=HOSTS[host])
    if kind == T.Blue.BLOCK:  # every zone has a first server
        return call("isolate_host", host=HOSTS[T.server_host(to, 0)], from_zone=ZONES[source])
    if kind == T.Blue.ALLOW:
        return call("reconcile_state", zone=ZONES[to], from_zone=ZONES[source])
    return None


_TOOLS: dict[int, str] = {
    T.Blue.ANALYSE: "run_forensics",
    T.Blue.REMOVE: "disable_account",
    T.Blue.RESTORE: "restore_backup",
    T.Blue.DECOY: "deploy_patch",
}


# ---------------------------------------------------------------- simple players


class Idle:
    """Ends each turn."""

    def act(self, seat: Seat, rows: np.ndarray) -> Action:
        return end()


class Silent:
    """Answers with text without a call."""

    def act(self, seat: Seat, rows: np.ndarray) -> Action:
        return "I see. Let me think about that."


class Malformed:
    """Calls without the name of a tool."""

    def act(self, seat: Seat, rows: np.ndarray) -> Action:
        return {"tool": "run_forensics", "host": "RZA-s0"}


class PlanOnly:
    """Carries out the plan and nothing else."""

    def act(self, seat: Seat, rows: np.ndarray) -> Action:
        calls = []
        for agent in seat.free():
            calls += [chosen] if (chosen := planned(seat, agent, late=False)) is not None else []
        return several([*calls, end()])


class CheckpointOnly:
    """Seals the plan in each window and does nothing else."""

    def act(self, seat: Seat, rows: np.ndarray) -> Action:
        calls = [call("checkpoint_plan", agent=AGENTS[agent]) for agent in seat.free()]
        return several([*calls, end()])


class Spam:
    """Calls one tool again and again, over the targets of each agent in turn.

    Args:
        name: of a blue tool.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._targets: dict[int, Iterator[dict[str, Any]]] = {}

    def act(self, seat: Seat, rows: np.ndarray) -> Action:
        calls = []
        for agent in seat.free():
            if agent not in self._targets:
                self._targets[agent] = _cycle(lambda agent=agent: targets(self.name, seat, agent))
            calls.append(next(self._targets[agent]))
        return several([*calls, end()])


def _cycle(calls: Callable[[], list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    while True:
        yield from calls()


def targets(name: str, seat: Seat, agent: int) -> list[dict[str, Any]]:
    """Calls of a blue order tool on each target of an agent."""
    zones = T.BLUE_SUBNETS[agent]
    hosts = [
        HOSTS[h] for h in np.flatnonzero(seat.tracker.exists & (T.HOST_BLUE == agent) & ~T.IS_ROUTER).tolist()
    ]
    if name == "isolate_host":
        firsts = [HOSTS[T.server_host(zone, 0)] for zone in zones]
        return [call(name, host=h, from_zone=z) for h in firsts for z in ZONES if not h.startswith(z)]
    if name == "publish_ioc_blocklist":
        return [call(name, from_zone=zone, agent=AGENTS[agent]) for zone in ZONES]
    if name in ("rotate_secrets", "harden_policy", "reconcile_state"):
        return [call(name, zone=ZONES[zone]) for zone in zones]
    return [call(name, host=host) for host in hosts]


class QuerySpam:
    """Asks each of its queries twice in each turn, then ends it.

    Args:
        names: of query tools, in turn.
        verdicts: call every host compromised.
    """

    def __init__(self, *names: str, verdicts: bool = False) -> None:
        self.names, self.verdicts = names, verdicts

    def act(self, seat: Seat, rows: np.ndarray) -> Action:
        calls = [call(name) for name in (*self.names, *self.names)[:MAX_QUERIES]]
        if self.verdicts:
            hosts = [HOSTS[h] for h in np.flatnonzero(seat.tracker.exists).tolist()]
            calls = [call("triage_alerts", verdicts=dict.fromkeys(hosts, "compromised"))]
        return several([*calls, end()])


class RandomLegal:
    """A random order on a random target for each free agent."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def act(self, seat: Seat, rows: np.ndarray) -> Action:
        calls = []
        for agent in seat.free():
            name = ORDER_TOOLS[self._rng.integers(len(ORDER_TOOLS))]
            options = targets(name, seat, agent)
            calls.append(options[self._rng.integers(len(options))])
        return several([*calls, end()])


class RandomJunk:
    """Random tools with parameters that are mostly wrong."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def act(self, seat: Seat, rows: np.ndarray) -> Action:
        tools = [tool.schema() for tool in seat.tools.values()]
        tool = tools[self._rng.integers(len(tools))]
        junk = [None, -1, 3, "RZA-s0", "OZB", "nowhere", [], {"host": 1}, True]
        names = [*tool["parameters"]["properties"], "extra"]
        params = {name: junk[self._rng.integers(len(junk))] for name in names if self._rng.random() < 0.7}
        return several([call(tool["name"], **params), end()])


class Attacker:
    """A red seat at random among what makes sense: each agent goes on from what it knows and holds."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def act(self, seat: Seat, rows: np.ndarray) -> Action:
        calls = [one for agent in seat.free() for one in self._call(seat, agent)]
        return several([*calls, end()])

    def _call(self, seat: Seat, agent: int) -> list[dict[str, Any]]:
        t, place = seat.tracker, seat.tracker.place(agent)
        own = T.RED_OWNS_HOST[agent - T.NUM_BLUE]
        address, name, shell, root = (known[place] for known in (t.address, t.name, t.shell, t.root))
        scanned = t.ports[place] > 0
        hosts = {
            "execute_exfiltration": root & name & T.HAS_OT,
            "sabotage_recovery_plan": root & name,
            "dump_credentials": shell & name & ~root,
            "attempt_exploit": address & scanned & own & ~shell,
            "pivot_host": address & scanned & ~own,
            "enumerate_services": address & ~scanned & ~shell,
        }
        options = [(tool, np.flatnonzero(flags)) for tool, flags in hosts.items() if flags.any()]
        zones = np.flatnonzero(t.known_zone[place])
        choice = int(self._rng.integers(len(options) + bool(zones.size)))
        if choice == len(options):
            return [call("recon_network", zone=ZONES[self._rng.choice(zones)], agent=AGENTS[agent])]
        tool, found = options[choice]
        return [call(tool, host=HOSTS[self._rng.choice(found)], agent=AGENTS[agent])]


#: Blue tools that act on the network.
ORDER_TOOLS = (
    "run_forensics",
    "disable_account",
    "rotate_secrets",
    "restore_backup",
    "deploy_patch",
    "isolate_host",
    "publish_ioc_blocklist",
    "harden_policy",
    "reconcile_state",
)

#: Players by name; each makes a fresh one from the seed of a game.
PLAYERS: dict[str, Callable[[int], Player]] = {
    "guard+plan": lambda seed: GuardPlayer(plan=True),
    "guard": lambda seed: GuardPlayer(plan=False),
    "idle": lambda seed: Idle(),
    "plan": lambda seed: PlanOnly(),
    "random": RandomLegal,
}
#: Players of red seats, likewise.
RED_PLAYERS: dict[str, Callable[[int], Player]] = {"attacker": Attacker, "idle": lambda seed: Idle()}


def player(name: str | None, seed: int, side: str = "blue") -> Player:
    """A fresh player of a side by name, for one game; None: the first of :data:`PLAYERS` or RED_PLAYERS.

    Raises ``ValueError`` for an unknown name.
    """
    known = PLAYERS if side == "blue" else RED_PLAYERS
    name = next(iter(known)) if name is None else name
    if name not in known:
        raise ValueError(
            f"no player {name!r} of {side}{did_you_mean(name, known)}; there are: {', '.join(known)}"
        )
    return known[name](seed)
