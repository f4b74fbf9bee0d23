"""Exact solutions of small games, to measure what learning and solvers miss.

Two kinds of worlds have them:

- :class:`ExactGame`: the world itself enumerates, as ``toy/matrix`` and ``toy/kuhn`` do;
- games in *stages*, such as ``toy/duel``: both sides see the state and choose at once, and the world gives
  its rules as tables (``stages()``). They are solved by backward induction, a matrix game per state and step
  (Shapley 1953).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Policy
from garrison.league.solve import equilibria


class ExactGame(Protocol):
    """What a world offers that plays exactly."""

    def expected_return(self, row: Policy, column: Policy) -> float:
        """Mean return of the first side."""
        ...

    def best_response(self, side: str, opponents: Sequence[Policy], weights: Sequence[float]) -> Policy:
        """A best response of ``side`` to opponents of which one is drawn per episode."""
        ...


def game_of(world: Any) -> ExactGame:
    """The world as an exact game. Raises ``ValueError`` if it is none."""
    if not (hasattr(world, "best_response") and hasattr(world, "expected_return")):
        raise ValueError(
            f"world {world.name!r} has no exact best responses; toy/matrix and toy/kuhn have: "
            "use the oracle ippo"
        )
    return world


def nash_conv(game: ExactGame, sides: Sequence[str], rows: Mixture, columns: Mixture) -> float:
    """What both sides gain by exact best responses to each other's mixture (Lanctot et al. 2017)."""
    best_row = game.best_response(sides[0], *columns)
    best_column = game.best_response(sides[1], *rows)
    return _mean(game, ([best_row], [1.0]), columns) - _mean(game, rows, ([best_column], [1.0]))


#: Policies and the probabilities with which one of them is drawn per episode.
Mixture = tuple[Sequence[Policy], Sequence[float]]


def _mean(game: ExactGame, rows: Mixture, columns: Mixture) -> float:
    return sum(
        p * q * game.expected_return(row, column)
        for row, p in zip(*rows, strict=True)
        for column, q in zip(*columns, strict=True)
        if p * q > 0
    )


# ---------------------------------------------------------------- stages


def stage_value(stages: Any) -> float:
    """The value of the game for the first side, by backward induction.

    Args:
        stages: tables of the rules, :class:`garrison.worlds.toy.duel.Stages`.
    """
    after = np.zeros(len(stages.reward))
    for _ in range(stages.steps):
        games = stages.reward + after[stages.following]
        for axis, legal in enumerate(stages.legal, start=1):
            # An action that is not legal stands for the first one, which is.
            place = np.where(legal, np.arange(legal.shape[1]), 0)
            shape = (len(games), -1, 1) if axis == 1 else (len(games), 1, -1)
            games = np.take_along_axis(games, place.reshape(shape), axis=axis)
        after = equilibria(games)[2]
    return float(after[stages.start])


def stage_response(stages: Any, side: int, opponents: Mixture) -> float:
    """The return of the first side when ``side`` (0 or 1) answers best to a mixture of the other.

    One opponent is drawn per episode, and the answer may depend on all that was seen: what the opponent did
    tells which one it is. The tree is walked whole, so it is for games of few steps.

    Args:
        opponents: policies without memory that say their probabilities.
    """
    policies, weights = opponents
    plays = np.stack([_played(stages, 1 - side, one) for one in policies])  # [opponent, step, state, action]
    sign = 1 if side == 0 else -1
    reward = sign * (stages.reward if side == 0 else stages.reward.swapaxes(1, 2))
    following = stages.following if side == 0 else stages.following.swapaxes(1, 2)

    def best(step: int, state: int, belief: np.ndarray) -> float:
        """Greatest return from here, weighed with the probability of coming here."""
        if step == stages.steps:
            return 0.0
        joint = belief[:, None] * plays[:, step, state]  # [opponent, action]
        values = []
        for action in np.flatnonzero(stages.legal[side][state]):
            value = float(joint.sum(axis=0) @ reward[state, action])
            for after in np.unique(following[state, action][joint.sum(axis=0) > 0]):
                reached = joint[:, following[state, action] == after].sum(axis=1)
                value += best(step + 1, int(after), reached)
            values.append(value)
        return max(values)

    return sign * best(0, stages.start, np.asarray(weights, np.float64))


def stage_nash_conv(stages: Any, rows: Mixture, columns: Mixture) -> float:
    """What both sides gain by exact best responses to each other's mixture."""
    return stage_response(stages, 0, columns) - stage_response(stages, 1, rows)


def stage_return(stages: Any, row: Policy, column: Policy) -> float:
    """The first side's mean return of two policies without memory that say their probabilities."""
    rows, columns = _played(stages, 0, row), _played(stages, 1, column)
    here, total = np.eye(len(stages.reward))[stages.start], 0.0
    for step in range(stages.steps):
        joint = here[:, None, None] * rows[step][:, :, None] * columns[step][:, None, :]
        total += float(np.sum(joint * stages.reward))
        here = np.bincount(stages.following.reshape(-1), joint.reshape(-1), minlength=len(here))
    return total


def _played(stages: Any, side: int, policy: Policy) -> np.ndarray:
    """Probability of each action, f64[step, state, action]."""
    if not hasattr(policy, "probabilities"):
        raise ValueError(
            f"{type(policy).__name__} does not say the probabilities of its actions, which exact play needs"
        )
    shape = stages.observations.shape[:2]
    obs = jnp.asarray(stages.observations).reshape(-1, 1, stages.observations.shape[2])
    legal = jnp.asarray(np.broadcast_to(stages.legal[side], (*shape, stages.legal[side].shape[1])))
    found = _probabilities(policy, obs, legal.reshape(len(obs), 1, -1))
    return np.asarray(found, np.float64).reshape(*shape, -1)


@jax.jit
def _probabilities(policy: Any, obs: jax.Array, legal: jax.Array) -> jax.Array:
    return jax.vmap(policy.probabilities)(obs, legal)
