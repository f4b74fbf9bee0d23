"""Small steps for tests: one action from its start to its completion, with chosen draws."""

from __future__ import annotations

from typing import Any

from garrison.worlds.soc.tables.laws import NEVER
from garrison.worlds.soc.tables.scenarios import Scenario
from reference import goals, kernel
from reference.tape import constant, episode
from reference.world import NUM_BLUE, World, slots

RED = NUM_BLUE  #: the first red agent
WAIT_RED, WAIT_BLUE = (21, 255), (19, 255)


def quiet(
    scenario: Scenario = Scenario.RANSOMWARE, seed: int = 3, reds: int = 1, size: str = "small"
) -> World:
    """An episode without clocks and noise."""
    world = episode(seed, scenario, size=size, reds=reds)
    world.clock = [NEVER] * 5
    world.options |= {"noise_scale": 0, "alarm_scale": 0}
    return world


def first(world: World, role: int | None = None, zone: int | None = None, rank: int = 0) -> int:
    """A host of a role in a zone."""
    return [h for h in slots(world, zone) if role in (None, world.hosts[h]["role"])][rank]


def own(world: World, h: int, privilege: int = 1, red: int = 0) -> int:
    """Give a red agent a session."""
    world.hosts[h].update(priv=privilege, owner=red)
    world.reds[red]["known"].add(h)
    world.reds[red]["visited"].add(h)
    return h


def picture(world: World, h: int, red: int = 0) -> int:
    """Let a red agent know a host and its true ports and weaknesses."""
    world.reds[red]["known"].add(h)
    world.reds[red]["scan"][h] = (world.net["ports"][h], world.net["weak"][h])
    return h


def begin(world: World, agent: int, kind: int, target: int = 255, u: float = 0.5) -> int:
    """Start a legal action; returns the time of its completion."""
    assert kernel.legal(world, agent, kind, target), (kind, target)
    kernel.start(world, agent, int(kind), target, u, (0.0, 0.0), goals.account())
    return world.agents[agent]["done"]


def until(world: World, agent: int, acc: dict[str, int] | None = None, **draws: Any) -> int:
    """Events until an agent is free; returns the outcome of its action."""
    acc = goals.account() if acc is None else acc
    row = constant(len(world.hosts), 0.5, **draws)
    for _ in range(200):
        kernel.event(world, row, acc)
        if kernel.is_free(world, agent) or world.ended:
            return world.agents[agent]["last_outcome"]
    raise AssertionError(f"agent {agent} is still busy")


def play(world: World, agent: int, kind: int, target: int = 255, u: float = 0.5, **draws: Any) -> int:
    """One action from its start to its completion; returns its outcome."""
    begin(world, agent, kind, target, u)
    return until(world, agent, **draws)


def run_to(world: World, time: int, value: float = 0.5, acc: dict[str, int] | None = None) -> None:
    """All events up to a time; the clock then shows that of the last one."""
    acc = goals.account() if acc is None else acc
    while not world.ended and kernel.pending(world)[0][0] <= time:
        kernel.event(world, constant(len(world.hosts), value), acc)


def types(world: World) -> list[int]:
    """Types of the tokens in the ring, oldest first."""
    ring = world.ring[world.ring_next :] + world.ring[: world.ring_next]
    return [entry["what"] & 31 for entry in ring if entry]
