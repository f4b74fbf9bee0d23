"""The kernel as tests play it: one event at a time, with states and draws of their choice."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.worlds.soc import clock, legal, step
from garrison.worlds.soc.draws import Draws, Rows, blank
from garrison.worlds.soc.generate import generate
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.options import Static, default_options
from garrison.worlds.soc.reset import initial_state
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables.blue import Blue
from garrison.worlds.soc.tables.hosts import NO_HOST, NUM_BLUE, Role, Zone
from garrison.worlds.soc.tables.laws import NEVER
from garrison.worlds.soc.tables.red import Red

Game = clock.Game
FIRST_RED = NUM_BLUE
SMALL = Static()


@cache
def programs(static: Static) -> dict[str, Any]:
    """Compiled functions of a size."""

    def game(options: Any, topology: Any) -> Game:
        return Game(static, options, topology)

    return {
        "generate": jax.jit(lambda options, number: generate(static, options, number)),
        "reset": jax.jit(lambda options, topology, u: initial_state(game(options, topology), u)),
        "legal": jax.jit(
            lambda options, topology, state: (
                legal.legal(game(options, topology), state),
                clock.deciding(game(options, topology), state),
                clock.pending(game(options, topology), state),
            )
        ),
        "begin": jax.jit(
            lambda options, topology, draws, state, actions: step.begin(
                game(options, topology), draws, state, actions
            )
        ),
        "advance": jax.jit(
            lambda options, topology, row, state: step.advance(game(options, topology), row, state)
        ),
        "step": jax.jit(
            lambda options, topology, draws, state, actions: step.step_with(
                game(options, topology), draws, state, actions
            )
        ),
    }


class Sim:
    """One episode.

    Draws are 0 unless a test says otherwise: whatever has a chance happens, and durations are the shortest.
    """

    def __init__(
        self,
        scenario: str = "ransomware",
        preset: str = "easy",
        number: int = 3,
        static: Static = SMALL,
        clocks: bool = False,
        **options: Any,
    ):
        self.static = static
        made = jax.tree.map(jnp.asarray, default_options(static.size, scenario, preset))
        if not clocks:
            made = made.replace(clock_mean=jnp.zeros(5, jnp.int32))
        self.options = made.replace(**options)
        self.run = programs(static)
        self.topology = self.run["generate"](self.options, jnp.uint32(number))
        self.state: State = self.run["reset"](self.options, self.topology, jnp.full(5, 0.5))
        self.zone = layout(static).zone
        self.draws = _blank(static)
        self.row: Rows = jax.tree.map(lambda x: x[0], self.draws.rows)

    # ---------------------------------------------------------------- looking

    def mask(self) -> np.ndarray:
        return np.asarray(self.run["legal"](self.options, self.topology, self.state)[0])

    def deciding(self) -> np.ndarray:
        return np.asarray(self.run["legal"](self.options, self.topology, self.state)[1])

    def pending(self) -> np.ndarray:
        return np.asarray(self.run["legal"](self.options, self.topology, self.state)[2])

    def index(self, agent: int, kind: int, target: int = NO_HOST) -> int:
        """Index of an action in an agent's list."""
        table = legal.action_list(self.static, agent)
        (found,) = np.flatnonzero((table == (int(kind), int(target))).all(axis=1))
        return int(found)

    def allows(self, agent: int, kind: int, target: int = NO_HOST) -> bool:
        return bool(self.mask()[agent, self.index(agent, kind, target)])

    def hosts(self, role: Role | None = None, zone: Zone | None = None) -> list[int]:
        """Live slots of a role and zone."""
        fits = np.asarray(self.state.host_exists)
        if role is not None:
            fits = fits & (np.asarray(self.state.host_role) == role)
        if zone is not None:
            fits = fits & (self.zone == zone)
        return np.flatnonzero(fits).tolist()

    def owner(self, kind: int, target: int) -> int:
        """The blue agent that may aim a kind at a target."""
        for agent in range(NUM_BLUE):
            if (legal.action_list(self.static, agent) == (int(kind), int(target))).all(axis=1).any():
                return agent
        raise ValueError(f"no blue agent has {kind!r} at {target}")

    # ---------------------------------------------------------------- changing

    def set(self, **fields: Any) -> Sim:
        """Set fields of the state: a value for all, or ``{index: value}`` for some."""
        self.state = self.state.replace(**{k: _changed(getattr(self.state, k), v) for k, v in fields.items()})
        return self

    def fix(self, **fields: Any) -> Sim:
        """The same for the topology."""
        new = {k: _changed(getattr(self.topology, k), v) for k, v in fields.items()}
        self.topology = self.topology.replace(**new)
        return self

    def draw(self, **fields: Any) -> Sim:
        """Set draws of the rows to come."""
        self.row = self.row.replace(**{k: _changed(getattr(self.row, k), v) for k, v in fields.items()})
        return self

    # ---------------------------------------------------------------- playing

    def start(self, actions: dict[int, tuple], durations: dict[int, float] | None = None) -> Sim:
        """Agents that decide start ``{agent: (kind, target)}``; the others wait."""
        chosen = [
            self.index(a, *actions.get(a, (Blue.WAIT if a < NUM_BLUE else Red.WAIT,)))
            for a in range(self.static.num_agents)
        ]
        return self.start_indices(chosen, durations)

    def start_indices(self, indices: list[int], durations: dict[int, float] | None = None) -> Sim:
        u = np.zeros(self.static.num_agents, np.float32)
        for agent, value in (durations or {}).items():
            u[agent] = value
        draws: Draws = self.draws.replace(start=jnp.asarray(u))
        actions = jnp.asarray(indices, jnp.int32)
        self.state = self.run["begin"](self.options, self.topology, draws, self.state, actions)
        return self

    def event(self, row: Rows | None = None) -> Any:
        """The next event; returns its account."""
        row = self.row if row is None else row
        self.state, self.sums, event = self.run["advance"](self.options, self.topology, row, self.state)
        return event

    def until(self, agent: int) -> int:
        """Play until an agent's action completes; returns the outcome."""
        for _ in range(200):
            event = self.event()
            if int(event.agent) == agent:
                return int(event.outcome)
        raise AssertionError(f"agent {agent} has not completed in 200 events")

    def alone(self, agent: int, kind: int, target: int = NO_HOST, done: int = 1000) -> Sim:
        """Start one action that completes in ``done`` milliseconds, before everything else."""
        assert self.allows(agent, kind, target), f"{kind!r} at {target} is not legal"
        self.start({agent: (kind, target)})
        return self.set(agent_done={agent: int(self.state.time) + done})

    def complete(self, agent: int, kind: int, target: int = NO_HOST) -> int:
        """Start one action and play until it completes; returns the outcome."""
        return self.alone(agent, kind, target).until(agent)


def _changed(field: jax.Array, value: Any) -> jax.Array:
    if isinstance(value, dict):
        made = np.array(field)
        for index, one in value.items():
            made[index] = one
        return jnp.asarray(made)
    return jnp.broadcast_to(jnp.asarray(value, field.dtype), field.shape)


def random_draws(static: Static, rng: np.random.Generator) -> Draws:
    """Draws of one step, as NumPy arrays."""

    def uniform(like: jax.Array) -> np.ndarray:
        return rng.integers(0, 2**24, like.shape).astype(np.float32) * np.float32(2.0**-24)

    return jax.tree.map(uniform, _blank(static))


@cache
def _blank(static: Static) -> Draws:
    return blank(static)


def same(left: State, right: State, ignore: tuple[str, ...] = ()) -> list[str]:
    """Names of fields in which two states differ."""
    return [
        name
        for name, value in vars(left).items()
        if name not in ignore and not np.array_equal(value, vars(right)[name])
    ]


__all__ = ["FIRST_RED", "NEVER", "Game", "Sim", "programs", "random_draws", "same"]
