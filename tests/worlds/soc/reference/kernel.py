"""Events, starts and the step (§2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from garrison.worlds.soc import laws
from garrison.worlds.soc.tables import actions, hosts
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables.actions import Outcome, Target
from garrison.worlds.soc.tables.blue import ROWS as BLUE_ROWS
from garrison.worlds.soc.tables.blue import Blue
from garrison.worlds.soc.tables.hosts import NO_HOST, Role, Weakness
from garrison.worlds.soc.tables.laws import NEVER, Clock
from garrison.worlds.soc.tables.red import ROWS as RED_ROWS
from garrison.worlds.soc.tables.red import Red
from reference import blue, clocks, goals, red, telemetry
from reference.world import NUM_BLUE, World, free, is_red, sessions

#: what a script decides: world, agent, the row's draws ``decide`` -> kind and target
Script = Callable[[World, int, Sequence[float]], tuple[int, int]]


# ---------------------------------------------------------------- time


def pending(world: World) -> list[tuple[int, int]]:
    """Times of all slots with their numbers, earliest first; slots in order of precedence at equal times."""
    times = [int(world.options["horizon"])]
    times += [agent["done"] for agent in world.agents]
    times += [red.next_expiry(world), clocks.next_timer(world), world.hold_until]
    times += [*world.clock, world.batch_next]
    return sorted((time, slot) for slot, time in enumerate(times))


def due_now(world: World) -> bool:
    """Whether a further event is due at the present instant."""
    return pending(world)[0][0] <= world.time


def is_free(world: World, agent: int) -> bool:
    return world.agents[agent]["done"] == NEVER


def deciding(world: World, agent: int) -> bool:
    """§2.5."""
    return is_free(world, agent) and not due_now(world) and not world.ended


# ---------------------------------------------------------------- starts


def rows_of(agent: int) -> Any:
    return RED_ROWS if is_red(agent) else BLUE_ROWS


def legal(world: World, agent: int, kind: int, target: int) -> bool:
    """Whether a deciding agent may start an action. ``target`` is ``NO_HOST`` for kinds without one."""
    rows = rows_of(agent)
    if kind not in rows:
        return False
    expected = {
        Target.NONE: [NO_HOST],
        Target.HOST: range(len(world.hosts)),
        Target.ZONE: range(hosts.NUM_ZONES),
        Target.SCOPE: range(hosts.NUM_SCOPES),
    }[rows[kind].target]
    if target not in expected:
        return False
    side, kinds = (red, Red) if is_red(agent) else (blue, Blue)
    return side.legal(world, agent, kinds(kind), target)


def legal_actions(world: World, agent: int) -> list[tuple[int, int]]:
    """Legal actions of a deciding agent, without ``continue``."""
    ranges = {
        Target.NONE: [NO_HOST],
        Target.HOST: range(len(world.hosts)),
        Target.ZONE: range(hosts.NUM_ZONES),
        Target.SCOPE: range(hosts.NUM_SCOPES),
    }
    return [
        (int(kind), target)
        for kind, row in rows_of(agent).items()
        for target in ranges[row.target]
        if legal(world, agent, kind, target)
    ]


def start(
    world: World, agent: int, kind: int, target: int, u: float, first: Sequence[float], acc: dict[str, int]
) -> None:
    """Start an action, or ``wait`` where it is not legal (§2.4)."""
    if not legal(world, agent, kind, target):
        kind, target = (Red.WAIT if is_red(agent) else Blue.WAIT), NO_HOST
    kind = Red(kind) if is_red(agent) else Blue(kind)
    row, doing = rows_of(agent)[kind], world.agents[agent]
    funds, source, port = row.funds, NO_HOST, None
    if is_red(agent):
        r = agent - NUM_BLUE
        source = red.source_of(world, agent, kind, target)
        if row.at_start and row.at_start.type is None:
            port = red.port_used(world, r, kind, target)
        if (
            kind == Red.EXPLOIT_REMOTE_SERVICE
            and red.believed_weakness(world, r, target) == Weakness.S7_ZERO_DAY
        ):
            funds += hosts.ZERO_DAY_FUNDS
    doing["energy"] -= row.energy * actions.ENERGY_UNIT
    world.funds[int(is_red(agent))] -= funds * actions.FUNDS_UNIT
    acc["red_funds" if is_red(agent) else "blue_funds"] += funds
    on_host = row.target == Target.HOST
    doing.update(
        kind=int(kind),
        target=target,
        source=source,
        start=world.time,
        done=world.time + duration(world, agent, kind, target, u),
        cancelled=False,
        lease=world.hosts[target]["lease"] if on_host else 0,
        status=int(world.hosts[target]["status"]) if on_host else 0,
    )
    if row.at_start:
        telemetry.emit(world, world, agent, row, row.at_start, tuple(first), port=port)
    if not is_red(agent):
        blue.start(world, kind, target)


def duration(world: World, agent: int, kind: int, target: int, u: float) -> int:
    """A draw from the kind's law (§2.4); Restore has laws of its own on a PLC."""
    if is_red(agent):
        drawn = laws.draw(laws.quantiles(), int(L.RED_LAW[kind]), u)
        return drawn * int(world.options["dwell_scale"]) // 1000 if kind == Red.LIE_LOW else drawn
    plc = rows_of(agent)[kind].target == Target.HOST and world.hosts[target]["role"] == Role.PLC
    return laws.draw(laws.quantiles(), int((L.BLUE_LAW_PLC if plc else L.BLUE_LAW)[kind]), u)


# ---------------------------------------------------------------- events


def event(world: World, draws: dict[str, Any], acc: dict[str, int]) -> int:
    """Process the earliest event (§2.3, 2-4); returns its slot."""
    time, slot = pending(world)[0]
    advance(world, time - world.time, acc)
    world.time = time
    names = list(L.event_slots(len(world.agents)))
    name = names[slot]
    owned = [bool(sessions(world, r)) for r in range(len(world.reds))]
    rooted = sum(host["rooted"] for host in world.hosts)
    if name == "horizon":
        world.truncated = True
        return slot
    if name.startswith("agent"):
        complete(world, slot - 1, draws, acc)
    elif name == "expiry":
        red.expire(world)
    elif name == "timer":
        clocks.timer(world)
    elif name == "batch":
        clocks.batch(world, draws)
    elif name != "hold":
        clocks.tick(world, Clock[name.upper()], draws)
    for r, before in enumerate(owned):
        if before and not sessions(world, r):
            red.fall_back(world, r)
    acc["rooted"] += sum(host["rooted"] for host in world.hosts) - rooted
    if goals.check(world, held=name == "hold"):
        world.terminated = True
        acc["terminal"] += goals.scenario(world).terminal
        acc["goal_ms"] += int(world.options["horizon"]) - time
    return slot


def advance(world: World, dt: int, acc: dict[str, int]) -> None:
    """Integrate losses and budgets over a segment (§2.3, 3)."""
    goals.integrate(world, dt, acc)
    for agent in world.agents:
        agent["energy"] = min(actions.ENERGY_CAP, agent["energy"] + actions.ENERGY_RATE * dt)
    for side, rate in enumerate(actions.FUNDS_RATE.tolist()):
        world.funds[side] = min(int(actions.FUNDS_CAP[side]), world.funds[side] + rate * dt)


def complete(world: World, agent: int, draws: dict[str, Any], acc: dict[str, int]) -> None:
    """An agent's action completes or pops aborted; it is free then."""
    doing = world.agents[agent]
    if doing["cancelled"]:
        outcome = Outcome.ABORTED
    elif is_red(agent):
        outcome = red.complete(world, agent, draws, acc)
    else:
        outcome = blue.complete(world, agent, draws)
    doing.update(
        last_kind=doing["kind"],
        last_target=doing["target"],
        last_outcome=int(outcome),
        last_duration=world.time - doing["start"],
    )
    doing.update(free())


# ---------------------------------------------------------------- the step


def stopped(world: World, learners: Sequence[int]) -> bool:
    """§2.3, 5."""
    return world.ended or (not due_now(world) and any(is_free(world, a) for a in learners))


def step(
    world: World,
    chosen: dict[int, tuple[int, int]],
    draws: dict[str, Any],
    script: Script | None = None,
    observe: Callable[[World, int | None], None] = lambda world, slot: None,
) -> dict[str, Any]:
    """One step of the protocol, in place.

    Args:
        world: the episode.
        chosen: learner -> kind and target; its agents are the learners, all others play ``script``.
        draws: ``start[agent]``, ``first[agent][2]`` and ``rows``, a list of rows of draws.
        script: decides for the agents that do not learn.
        observe: is called after each row with the slot of its event, None where it had none.

    Returns:
        Rows used, elapsed milliseconds, and what was added up (:func:`reference.goals.account`).
    """
    acc, before, rows = goals.account(), world.time, 0
    if world.ended:
        return {**acc, "rows": 0, "elapsed": 0}
    can_decide = [a for a in sorted(chosen) if deciding(world, a)]
    for a in can_decide:
        start(world, a, *chosen[a], draws["start"][a], draws["first"][a], acc)
    for row in draws["rows"]:
        if stopped(world, list(chosen)):
            break
        rows += 1
        waiting = [a for a in range(len(world.agents)) if a not in chosen and is_free(world, a)]
        if waiting and not due_now(world):
            a = waiting.pop(0)
            start(world, a, *script(world, a, row["decide"]), row["start"], row["first"], acc)
        observe(world, event(world, row, acc) if not waiting or due_now(world) else None)
    return {**acc, "rows": rows, "elapsed": world.time - before}
