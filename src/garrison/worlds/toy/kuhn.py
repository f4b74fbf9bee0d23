"""Kuhn poker: three cards, one bet, and a value that is known exactly.

Kuhn 1950, "A simplified two-person poker". Each player antes 1 and gets one of three cards. The first passes
or bets 1; the other answers; after pass and bet the first may still call. Of two passes and of two bets the
higher card wins the pot; who passes after a bet loses the ante. The value is -1/18 for the first player.
While the other decides, a player can only pass, which changes nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Mask, Obs, Policy
from garrison.core.spaces import check_actions
from garrison.core.struct import Struct
from garrison.core.typing import Array, Int32, PRNGKeyArray
from garrison.core.world import Step, World
from garrison.worlds.toy.tabular import Tabular, table_of

CARDS = ("jack", "queen", "king")
DEALS = np.array(list(itertools.permutations(range(3), 2)), np.int32)  # [deal, player]
#: What was done so far where a decision is due, and whose it is.
HISTORIES = ("", "pass", "bet", "pass bet")
ACTING = np.array([0, 1, 1, 0])
_OVER = len(HISTORIES)
# Per history and action: the next one, and what player 1 gets: won or lost outright, or by the higher card.
_NEXT = np.array([[1, 2], [_OVER, 3], [_OVER, _OVER], [_OVER, _OVER], [_OVER, _OVER]])
_OUTRIGHT = np.array([[0, 0], [0, 0], [1, 0], [-1, 0], [0, 0]])
_SHOWDOWN = np.array([[0, 0], [1, 0], [0, 2], [0, 2], [0, 0]])


class KuhnState(Struct):
    cards: Int32[Array, "*env player"]  # from 0, the jack
    history: Int32[Array, "*env"]  # by place in HISTORIES; behind them: the game is over


@dataclass(frozen=True)
class Kuhn(World):
    """The world ``toy/kuhn``; see the module."""

    name = "toy/kuhn"
    version = "1"
    agents = ("first", "second")
    action_counts = (2, 2)
    observation_sizes = (len(HISTORIES) * len(CARDS),) * 2
    max_steps = 3
    zero_sum = True
    asynchronous = True

    @property
    def sides(self) -> Mapping[str, tuple[int, ...]]:
        return {"first": (0,), "second": (1,)}

    def reset(self, key: PRNGKeyArray) -> tuple[Obs, KuhnState]:
        deal = jax.random.randint(key, (), 0, len(DEALS))
        state = KuhnState(jnp.asarray(DEALS)[deal], jnp.zeros((), jnp.int32))
        return self._observe(state), state

    def step(self, key: PRNGKeyArray, state: KuhnState, actions: Array) -> tuple[Obs, KuhnState, Step]:
        actions = check_actions(self, actions)
        history = jnp.clip(state.history, 0, _OVER)
        acting = jnp.asarray(np.append(ACTING, 0))[history]
        action = jnp.where(actions[acting] == 1, 1, 0)
        higher = jnp.where(state.cards[0] > state.cards[1], 1, -1)
        paid = jnp.asarray(_OUTRIGHT)[history, action] + jnp.asarray(_SHOWDOWN)[history, action] * higher
        after = state.replace(history=jnp.asarray(_NEXT, jnp.int32)[history, action])
        reward = jnp.stack([paid, -paid]).astype(jnp.float32)
        obs = self._observe(after)
        step = Step(reward, after.history == _OVER, jnp.zeros((), bool), final_obs=obs, info={})
        return obs, after, step

    def legal(self, state: KuhnState) -> Mask:
        acts = (jnp.asarray(np.append(ACTING, -1))[state.history] == np.arange(2))[:, None]
        return jnp.concatenate([jnp.ones((2, 1), bool), acts], axis=1)

    def action_labels(self, agent: int | str) -> list[str]:
        self.agent_index(agent)
        return ["pass", "bet"]

    def observation_labels(self, agent: int | str) -> list[str]:
        self.agent_index(agent)
        return [f"{card} after {history or 'the deal'}" for history in HISTORIES for card in CARDS]

    def policies(self, side: str | None = None) -> dict[str, Policy]:
        """``random``; ``honest``, which bets a king and never else; ``bold``, which always bets."""
        self.side_agents(side)
        return {"honest": bets(np.tile([0, 0, 1], 4)), "bold": bets(np.ones(12)), **super().policies(side)}

    def describe(self, state: KuhnState) -> dict[str, Any]:
        history = int(state.history)
        cards = [CARDS[card] for card in np.asarray(state.cards)]
        return {"cards": cards, "history": "over" if history == _OVER else HISTORIES[history]}

    def _observe(self, state: KuhnState) -> Array:
        """One-hot by history and own card; zeros when the game is over."""
        return jax.nn.one_hot(jnp.where(state.history < _OVER, 3 * state.history + state.cards, -1), 12)

    # ------------------------------------------------------------ exact play

    def expected_return(self, first: Policy, second: Policy) -> float:
        """The first player's mean return over all deals."""
        return expected(_betting(first), _betting(second))

    def best_response(self, side: str, opponents: Sequence[Policy], weights: Sequence[float]) -> Tabular:
        """The best of all 64 pure strategies, against opponents that are drawn with ``weights``."""
        sign, player = (1, 0) if side == "first" else (-1, 1)
        tables = [_betting(one) for one in opponents]
        values = []
        for own in pure_strategies(player):
            pairs = [(own, other) if player == 0 else (other, own) for other in tables]
            values.append(sign * np.dot(weights, [expected(*pair) for pair in pairs]))
        return bets(list(pure_strategies(player))[int(np.argmax(np.round(values, 6)))])


def bets(probabilities: Sequence[float] | np.ndarray) -> Tabular:
    """The policy that bets with these probabilities, ``f[12]`` by place in the observation."""
    bet = jnp.asarray(np.asarray(probabilities), jnp.float32)
    return Tabular(jnp.stack([1 - bet, bet], axis=1))


def equilibrium(alpha: float = 0.0) -> tuple[Tabular, Tabular]:
    """An optimal policy of each player (Kuhn 1950). ``alpha``, 0 to 1/3: how often the first bluffs."""
    first = np.zeros((4, 3))
    first[0], first[3] = (alpha, 0, 3 * alpha), (0, alpha + 1 / 3, 1)
    second = np.zeros((4, 3))
    second[1], second[2] = (1 / 3, 0, 1), (0, 1 / 3, 1)
    return bets(first.reshape(-1)), bets(second.reshape(-1))


def pure_strategies(player: int) -> Sequence[np.ndarray]:
    """All 64, ``f[12]`` each: whether to bet; 0 where the other decides."""
    own = np.flatnonzero(np.repeat(ACTING == player, 3))
    found = np.zeros((2 ** len(own), 12))
    found[:, own] = list(itertools.product((0, 1), repeat=len(own)))
    return list(found)


def expected(first: np.ndarray, second: np.ndarray) -> float:
    """The first player's mean return, from the probabilities of betting, ``f[12]`` each."""
    one, other = DEALS[:, 0], DEALS[:, 1]
    a, b = first.reshape(4, 3), second.reshape(4, 3)
    higher = np.where(one > other, 1, -1)
    after_bet = b[2, other] * 2 * higher + (1 - b[2, other])
    after_pass_bet = a[3, one] * 2 * higher - (1 - a[3, one])
    after_pass = b[1, other] * after_pass_bet + (1 - b[1, other]) * higher
    return float(np.mean(a[0, one] * after_bet + (1 - a[0, one]) * after_pass))


def _betting(policy: Policy) -> np.ndarray:
    return table_of(policy, np.ones((12, 2), bool))[:, 1]
