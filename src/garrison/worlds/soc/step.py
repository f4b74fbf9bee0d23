"""The step: learners start, then at most ``events`` events happen, until one can decide (``§2``)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Int32, Integer, UInt32
from garrison.worlds.soc import clock as C
from garrison.worlds.soc import dynamics, emitted, goals, identity, integrate, telemetry
from garrison.worlds.soc.actions import attempt, blue, red
from garrison.worlds.soc.actions.context import Done, completing
from garrison.worlds.soc.actions.effects import constant, write
from garrison.worlds.soc.cancel import cancel_across, cancel_at
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.draws import Draws, Rows
from garrison.worlds.soc.legal import action_table, allows
from garrison.worlds.soc.start import WAIT, start
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables.actions import FUNDS_UNIT, Outcome


class Sums(Struct):
    """What a step adds up; integers, so that it does not matter how it is cut into events."""

    elapsed: Int32[Array, "*env"]  # milliseconds
    loss: Int32[Array, "*env 4"]  # loss points times milliseconds, of integrate.PARTS
    spent: Int32[Array, "*env 2"]  # funds of blue and red
    exfiltrated: Int32[Array, "*env"]  # data units
    left: Int32[Array, "*env"]  # milliseconds to the horizon when red reached its goal, 0 else
    reached: Int32[Array, "*env"]  # 1 where red reached its goal in this step
    rows: Int32[Array, "*env"]  # event rows used


class Events(Struct):
    """What happened, row by row: the truth, for judges and replays. ``slot`` -1: the row was not used."""

    slot: Int32[Array, "*row"]  # of tables.laws.event_slots
    time: Int32[Array, "*row"]
    agent: Int32[Array, "*row"]  # -1 where no action completed, as in the next three
    kind: Int32[Array, "*row"]
    target: Int32[Array, "*row"]
    outcome: Int32[Array, "*row"]


def step_with(
    game: Game, draws: Draws, state: State, actions: Integer[Array, "agent"]
) -> tuple[State, Sums, Events]:
    """Advance one step.

    Args:
        game: what the episode keeps.
        draws: of this step.
        state: of one environment.
        actions: index into each agent's list; of agents that do not decide, whatever it is.

    Returns:
        The state at which the step stops, its sums, and its events (axis ``row``).
    """
    with jax.named_scope("start"):
        begun = begin(game, draws, state, actions)
    spent = (state.funds - begun.funds) // FUNDS_UNIT
    zero = jnp.zeros((), jnp.int32)
    sums = Sums(zero, jnp.zeros(len(integrate.PARTS), jnp.int32), spent, zero, zero, zero, zero)

    def one(carry: tuple[State, Sums, Array], row: Rows) -> tuple[tuple[State, Sums, Array], Events]:
        state, sums, stopped = carry
        after, added, event = advance(game, row, state)
        state, sums, event = jax.tree.map(
            lambda old, new: jax.lax.select(stopped, old, new),
            (state, sums, jax.tree.map(lambda x: jnp.full_like(x, -1), event)),
            (after, jax.tree.map(jnp.add, sums, added), event),
        )
        return (state, sums, stopped | _stops(game, state)), event

    carry, events = jax.lax.scan(one, (begun, sums, C.ended(begun)), draws.rows)
    return carry[0], carry[1], events


def begin(game: Game, draws: Draws, state: State, actions: Integer[Array, "agent"]) -> State:
    """Agents that decide start what they chose, the lower index first; what is not legal becomes ``wait``."""
    table, decides = action_table(game.static), C.deciding(game, state)
    agents = np.arange(game.static.num_agents, dtype=np.uint32)
    actions = actions.astype(jnp.int32)
    inside = (actions >= 0) & (actions < table.kind.shape[1])
    index = jnp.where(inside, actions, 0).astype(jnp.uint32)
    right = inside & allows(game, state, index)
    wait = WAIT[(agents >= T.NUM_BLUE).astype(int)]
    kind = jnp.where(right, jnp.asarray(table.kind, jnp.uint32)[agents, index], wait)
    target = jnp.where(right, jnp.asarray(table.target, jnp.uint32)[agents, index], T.NO_HOST)

    def one(state: State, choice: tuple[Array, ...]) -> tuple[State, telemetry.Entries]:
        return start(game, state, *choice)

    choices = (decides, jnp.asarray(agents), kind, target.astype(jnp.uint32), draws.start, draws.first)
    state, tokens = jax.lax.scan(one, state, choices)
    return telemetry.push(state, jax.tree.map(lambda x: x[:, 0], tokens))


def advance(game: Game, row: Rows, state: State) -> tuple[State, Sums, Events]:
    """The earliest event: time passes until then, and it happens."""
    agents = game.static.num_agents
    number = L.event_slots(agents)
    with jax.named_scope("next"):
        times = C.pending(game, state)
        slot = jnp.argmin(times).astype(jnp.int32)
        dt = times[slot] - state.time
    with jax.named_scope("integrate"):
        loss = integrate.losses(game, state) * dt
        state = integrate.refill(state.replace(time=times[slot]), dt)
    before = state
    truncates = slot == number["horizon"]
    agent = jnp.clip(slot - 1, 0, agents - 1).astype(jnp.uint32)
    completes = (slot >= 1) & (slot <= agents)
    with jax.named_scope("complete"):
        done = completing(game, row, state, agent, completes)
        state, made, outcome = complete(done, completes)
    with jax.named_scope("clocks"):
        state = identity.expire(state, slot == number["expiry"])
        state = _timer(state, slot == number["timer"])
        clocks = jnp.arange(L.NUM_CLOCKS) + number["logon"] == slot
        state, logged_on = dynamics.tick(game, row, state, clocks)
    batch = slot == number["batch"]
    with jax.named_scope("plant"):
        state = dynamics.relax(game, row.ot, state, batch)
    with jax.named_scope("telemetry"):
        tokens = telemetry.joined(
            emitted.of_event(done, made, outcome, state, logged_on),
            emitted.of_batch(game, row.host, before, state.plant_value, batch),
        )
        state = telemetry.push(state, telemetry.sensed(game, before, tokens))
        state = telemetry.deliver(game, state, batch)
    state = state.replace(
        batch_next=state.batch_next + jnp.where(batch, L.BATCH_MS, 0),
        truncated=state.truncated | truncates,
        terminated=state.terminated | (slot == number["hold"]),
    )
    with jax.named_scope("goals"):
        state = identity.fall_back(game, state, before)
        state = goals.check(game, state)
    reached = (state.terminated & ~before.terminated).astype(jnp.int32)
    left = reached * (jnp.asarray(game.options.horizon, jnp.int32) - state.time)
    taken = (state.loot - before.loot).astype(jnp.int32)
    one = jnp.ones((), jnp.int32)
    sums = Sums(dt, loss, jnp.zeros(2, jnp.int32), taken, left, reached, one)
    about = lambda value: jnp.where(completes, value.astype(jnp.int32), -1)  # noqa: E731
    event = Events(
        slot=slot,
        time=state.time,
        agent=about(agent),
        kind=about(before.agent_kind[agent]),
        target=about(before.agent_target[agent]),
        outcome=about(outcome),
    )
    return state, sums, event


def complete(done: Done, when: Bool[Array, ""]) -> tuple[State, attempt.Attempt, Int32[Array, ""]]:
    """The action of an agent completes where ``when``: its effects, and the agent is free."""
    game, state, agent = done.game, done.state, done.agent
    made, result = attempt.attempt(done), blue.outcome(done)
    outcome = jnp.where(agent < T.NUM_BLUE, result, made.outcome)
    success = when & (outcome == Outcome.SUCCESS)
    host = constant(success, done.code, done.host)
    host = blue.on_host(done, success, result, host)
    host = red.on_host(done, success, made, host)
    state = write(state, done.slot, host)
    state = blue.on_state(done, success, state)
    state = red.on_state(done, success, made, state)
    here = np.arange(game.static.hosts, dtype=np.uint32) == done.slot
    state = cancel_at(game, state, blue.cancels_host(done, success) & here)
    state = cancel_across(game, state, blue.closes_zone(done, success), done.zone)
    return _release(game, state, agent, when, outcome), made, outcome


def _release(
    game: Game, state: State, agent: UInt32[Array, ""], when: Bool[Array, ""], outcome: Int32[Array, ""]
) -> State:
    mine = when & (jnp.arange(game.static.num_agents) == agent)

    def put(field: Array, value: Array | int) -> Array:
        return jnp.where(mine, jnp.asarray(value).astype(field.dtype), field)

    return state.replace(
        last_kind=put(state.last_kind, state.agent_kind[agent]),
        last_target=put(state.last_target, state.agent_target[agent]),
        last_outcome=put(state.last_outcome, outcome),
        last_duration=put(state.last_duration, state.time - state.agent_start[agent]),
        agent_kind=put(state.agent_kind, 0),
        agent_target=put(state.agent_target, T.NO_HOST),
        agent_source=put(state.agent_source, T.NO_HOST),
        agent_done=put(state.agent_done, L.NEVER),
        agent_cancelled=put(state.agent_cancelled, False),
        agent_lease=put(state.agent_lease, 0),
        agent_status=put(state.agent_status, 0),
    )


def _timer(state: State, when: Bool[Array, ""]) -> State:
    """All panics and re-logon phases that are due end."""
    back = when & (state.host_until <= state.time)
    over = when & (state.reauth_until <= state.time)
    return state.replace(
        host_status=jnp.where(back, T.Status.ONLINE, state.host_status).astype(jnp.uint8),
        host_until=jnp.where(back, L.NEVER, state.host_until),
        reauth_until=jnp.where(over, L.NEVER, state.reauth_until),
    )


def _stops(game: Game, state: State) -> Bool[Array, ""]:
    return C.ended(state) | jnp.any(C.deciding(game, state))
