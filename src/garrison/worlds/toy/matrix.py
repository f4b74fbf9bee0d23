"""Matrix games: two sides choose one action each, and a matrix says who pays what.

| game | value | equilibrium |
|---|---|---|
| ``rps`` | 0 | each of rock, paper, scissors with 1/3 |
| ``biased_rps`` | 0 | (1/4, 1/2, 1/4) on both sides |
| ``two_by_two`` | 1/5 | (2/5, 3/5) on both sides |
| ``dominated`` | 0 | ``rps`` with a row and a column that nobody should play |
| ``many`` | 0 | the third row, any mixture of the others in equal parts, and all between |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.plugins import did_you_mean
from garrison.core.policy import Constant, Mask, Obs, Policy
from garrison.core.spaces import check_actions
from garrison.core.struct import Struct
from garrison.core.typing import Array, Int32, PRNGKeyArray
from garrison.core.world import Step, World
from garrison.worlds.toy.tabular import Tabular, table_of

Payoffs = tuple[tuple[float, ...], ...]

#: Payoffs of the row side by game.
GAMES: dict[str, Payoffs] = {
    "rps": ((0, -1, 1), (1, 0, -1), (-1, 1, 0)),
    "biased_rps": ((0, -1, 2), (1, 0, -1), (-2, 1, 0)),
    "two_by_two": ((2, -1), (-1, 1)),
    "dominated": ((0, -1, 1, 2), (1, 0, -1, 2), (-1, 1, 0, 2), (-2, -2, -2, 0)),
    "many": ((1, -1), (-1, 1), (0, 0)),
}
_HANDS = ("rock", "paper", "scissors")


class MatrixState(Struct):
    time: Int32[Array, "*env"]  # 0 before the only step, 1 after it


@dataclass(frozen=True)
class Matrix(World):
    """The world ``toy/matrix``; :func:`make` makes it."""

    payoffs: Payoffs = GAMES["rps"]
    noise: float = 0.0

    name = "toy/matrix"
    version = "1"
    agents = ("rower", "columner")
    observation_sizes = (1, 1)
    max_steps = 1
    fixed_horizon = True
    zero_sum = True

    @property
    def sides(self) -> Mapping[str, tuple[int, ...]]:
        return {"row": (0,), "column": (1,)}

    @property
    def action_counts(self) -> tuple[int, ...]:
        return len(self.payoffs), len(self.payoffs[0])

    def reset(self, key: PRNGKeyArray) -> tuple[Obs, MatrixState]:
        return jnp.ones((2, 1), jnp.float32), MatrixState(jnp.zeros((), jnp.int32))

    def step(self, key: PRNGKeyArray, state: MatrixState, actions: Array) -> tuple[Obs, MatrixState, Step]:
        row, column = check_actions(self, actions)
        paid = jnp.asarray(self.payoffs, jnp.float32).at[row, column].get(mode="fill", fill_value=0.0)
        paid = paid + self.noise * jax.random.normal(key, dtype=jnp.float32)
        obs = jnp.ones((2, 1), jnp.float32)
        step = Step(jnp.stack([paid, -paid]), jnp.ones((), bool), jnp.zeros((), bool), final_obs=obs, info={})
        return obs, state.replace(time=state.time + 1), step

    def legal(self, state: MatrixState) -> Mask:
        return jnp.asarray(np.arange(self.num_actions) < np.array(self.action_counts)[:, None])

    def action_labels(self, agent: int | str) -> list[str]:
        count = self.action_counts[self.agent_index(agent)]
        return [*_HANDS[:count], *(f"action {number}" for number in range(len(_HANDS), count))]

    def observation_labels(self, agent: int | str) -> list[str]:
        self.agent_index(agent)
        return ["always 1"]

    def policies(self, side: str | None = None) -> dict[str, Policy]:
        """One per action, by its label, and ``random``."""
        (row,) = self.side_agents(side)
        named = {label: Constant((i,)) for i, label in enumerate(self.action_labels(row))}
        return {**named, **super().policies(side)}

    def describe(self, state: MatrixState) -> dict[str, Any]:
        return {"time": int(state.time)}

    # ------------------------------------------------------------ exact play

    def expected_return(self, row: Policy, column: Policy) -> float:
        """The row side's mean return."""
        return float(self._mixture("row", row) @ np.array(self.payoffs) @ self._mixture("column", column))

    def best_response(self, side: str, opponents: Sequence[Policy], weights: Sequence[float]) -> Tabular:
        """The action, the first of the best ones, against opponents that are drawn with ``weights``."""
        other = "column" if side == "row" else "row"
        mixed = sum(
            weight * self._mixture(other, one) for weight, one in zip(weights, opponents, strict=True)
        )
        payoffs = np.array(self.payoffs)
        values = payoffs @ mixed if side == "row" else -(mixed @ payoffs)
        best = np.argmax(np.round(values, 6))
        return Tabular(jax.nn.one_hot(jnp.array([best]), len(values), dtype=jnp.float32))

    def _mixture(self, side: str, policy: Policy) -> np.ndarray:
        (row,) = self.side_agents(side)
        return table_of(policy, np.ones((1, self.action_counts[row]), bool))[0]


def make(
    game: str | None = None, payoffs: Sequence[Sequence[float]] | None = None, noise: float = 0.0
) -> Matrix:
    """A matrix game.

    Args:
        game: name of one of :data:`GAMES`; ``"rps"`` by default.
        payoffs: what the row side gets, ``[row][column]``, in place of a named game.
        noise: standard deviation of normal noise on each payoff.

    Raises:
        ValueError: for an unknown game, for both a game and payoffs, and for payoffs that are not a matrix.
    """
    if game is not None and payoffs is not None:
        raise ValueError("give either the name of a game or its payoffs")
    if payoffs is None and (game := game or "rps") not in GAMES:
        raise ValueError(f"no matrix game {game!r}{did_you_mean(game, GAMES)}; games: {', '.join(GAMES)}")
    rows = tuple(tuple(map(float, row)) for row in (GAMES[game or "rps"] if payoffs is None else payoffs))
    if not rows or not rows[0] or len({len(row) for row in rows}) > 1 or not np.isfinite(rows).all():
        raise ValueError(f"payoffs are {payoffs}; they must be rows of equally many finite numbers")
    if not noise >= 0:
        raise ValueError(f"noise is {noise}; it must be at least 0")
    return Matrix(rows, float(noise))
