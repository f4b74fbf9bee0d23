"""Matchmaking: with which probability a learner meets each opponent.

| name | probability in proportion to |
|---|---|
| ``uniform`` | 1 |
| ``latest`` | 1 for the newest, 0 for all others |
| ``recent`` | exp of the order of entry (OpenSpiel's biased uniform) |
| ``pfsp_var`` | w (1 - w): opponents of about the same strength (Vinyals et al. 2019) |
| ``pfsp_hard`` | (1 - w)^power |
| ``pfsp_linear`` | 1 - w |
| ``pfsp_capped`` | min(1/2, 1 - w) |
| ``psro`` | the meta-strategy of the opponents |
| ``mix`` | ``weight`` of a PFSP rule and the rest of the meta-strategy |

w is the learner's own win rate against the opponent. All but ``latest`` leave a share ``floor`` to the
uniform distribution, so that nobody is forgotten; where a rule weighs all opponents 0 it is uniform.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from garrison.core.plugins import did_you_mean

_RULES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "pfsp_var": lambda wins, power: wins * (1 - wins),
    "pfsp_hard": lambda wins, power: (1 - wins) ** power,
    "pfsp_linear": lambda wins, power: 1 - wins,
    "pfsp_capped": lambda wins, power: np.minimum(0.5, 1 - wins),
}
_ORDERS: dict[str, Callable[[int], np.ndarray]] = {
    "uniform": np.ones,
    "latest": lambda size: np.eye(size)[-1],
    "recent": lambda size: np.exp(np.arange(size) - (size - 1.0)),
}
MATCHMAKERS = (*_ORDERS, *_RULES, "psro", "mix")

_LOST_OR_WON = 0.02  # win rates nearer to 0 or 1 count as always losing or winning


@dataclass(frozen=True)
class Matchmaking:
    """How opponents are chosen. Raises ``ValueError`` for an unknown rule and for numbers out of range."""

    name: str = "psro"
    floor: float = 0.05
    """Share of matches that all opponents get alike."""
    power: float = 2.0
    """Exponent of pfsp_hard."""
    weight: float = 0.5
    """Share of the PFSP rule in mix."""
    rule: str = "pfsp_var"
    """The PFSP rule of mix."""

    def __post_init__(self) -> None:
        if self.name not in MATCHMAKERS:
            raise ValueError(
                f"no matchmaking {self.name!r}{did_you_mean(self.name, MATCHMAKERS)}; "
                f"it is one of: {', '.join(MATCHMAKERS)}"
            )
        if self.rule not in _RULES:
            raise ValueError(f"rule of mix is {self.rule!r}; it is one of: {', '.join(_RULES)}")
        for name, low, high in (("floor", 0, 1), ("weight", 0, 1), ("power", 0, np.inf)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(
                    f"{name} of matchmaking is {getattr(self, name)}; it must be {low} to {high}"
                )

    def probabilities(self, wins: Sequence[float] | np.ndarray, meta: np.ndarray | None = None) -> np.ndarray:
        """Probability of each opponent, f64[opponent], in order of entry.

        Args:
            wins: the learner's win rates, 0 to 1.
            meta: meta-strategy of the opponents, for ``psro`` and ``mix``.

        Raises:
            ValueError: for no opponents, and for a missing meta-strategy.
        """
        wins = np.asarray(wins, np.float64)
        if not wins.size:
            raise ValueError("there are no opponents to choose from")
        if self.name in ("psro", "mix") and (meta is None or len(meta) != wins.size):
            raise ValueError(f"matchmaking {self.name!r} needs a meta-strategy of {wins.size} opponents")
        if self.name == "latest":
            return _ORDERS["latest"](wins.size)
        if self.name in _ORDERS:
            found = _to_one(_ORDERS[self.name](wins.size))
        elif self.name in _RULES:
            found = _to_one(_RULES[self.name](wins, self.power))
        else:
            found = _to_one(np.asarray(meta, np.float64))
            if self.name == "mix":
                found = self.weight * _to_one(_RULES[self.rule](wins, self.power)) + (1 - self.weight) * found
        return (1 - self.floor) * found + self.floor / wins.size


def win_rates(wins: np.ndarray, games: np.ndarray) -> np.ndarray:
    """Posterior means under a uniform prior, Beta(1, 1): 1/2 where nothing was played."""
    return (np.asarray(wins, np.float64) + 1) / (np.asarray(games, np.float64) + 2)


def neglected(wins: np.ndarray, names: Sequence[str]) -> dict[str, list[str]]:
    """Opponents that ``pfsp_var`` gives its floor only: always lost to, and always beaten."""
    return {
        "always lost to": [name for name, w in zip(names, wins, strict=True) if w < _LOST_OR_WON],
        "always beaten": [name for name, w in zip(names, wins, strict=True) if w > 1 - _LOST_OR_WON],
    }


def draw(probabilities: np.ndarray, count: int, seed: Sequence[int]) -> np.ndarray:
    """Indices of ``count`` drawn opponents, int64; ``seed`` names the draw, such as (league, round, side)."""
    return np.random.default_rng(list(seed)).choice(len(probabilities), count, p=probabilities)


def _to_one(weights: np.ndarray) -> np.ndarray:
    total = weights.sum()
    return weights / total if total > 0 else np.full(len(weights), 1 / len(weights))


# ---------------------------------------------------------------- roles


ROLES = ("main", "main_exploiter", "league_exploiter")
SNAPSHOT = 0.7  #: win rate against all matched opponents at which a learner's snapshot joins
RESET = {"main": 0.0, "main_exploiter": 1.0, "league_exploiter": 0.25}
_SELF, _PAST = 0.35, 0.5  # of a main agent's matches; the rest go to what it forgot
_TOO_STRONG = 0.2  # win rate against the current main below which its exploiter meets its past instead


@dataclass(frozen=True)
class Opponent:
    """A member of the other side, as the roles see it."""

    role: str = "main"
    current: bool = False  # it still learns, instead of being a snapshot
    wins: float = 0.5  # the learner's win rate against it
    best: float = 0.5  # the greatest win rate that the learner's line ever had against it


def role_probabilities(role: str, opponents: Sequence[Opponent], floor: float = 0.05) -> np.ndarray:
    """Matches of a learner with a role of Vinyals et al. 2019, f64[opponent].

    - ``main``: 35% against the current main of the other side, 50% ``pfsp_hard`` over all snapshots, 15%
      against snapshots that its line once beat and that now win, else against past mains.
    - ``main_exploiter``: against the current main; below 20% wins there, ``pfsp_var`` over past mains.
    - ``league_exploiter``: ``pfsp_hard`` over all snapshots.

    Shares of which there is no opponent go to the others.

    Raises:
        ValueError: for an unknown role, and for no opponents.
    """
    if role not in ROLES:
        raise ValueError(f"no role {role!r}{did_you_mean(role, ROLES)}; roles: {', '.join(ROLES)}")
    if not opponents:
        raise ValueError("there are no opponents to choose from")
    wins = np.array([one.wins for one in opponents])
    main = np.array([one.role == "main" for one in opponents])
    current = np.array([one.current for one in opponents])
    lost = np.array([one.best > 0.5 > one.wins for one in opponents])
    hard, var = _RULES["pfsp_hard"](wins, 2.0), _RULES["pfsp_var"](wins, 2.0)
    if role == "main":
        forgotten = ~current & lost
        forgotten = forgotten if forgotten.any() else ~current & main
        parts = [(_SELF, (main & current) * 1.0), (_PAST, ~current * hard)]
        parts.append((1 - _SELF - _PAST, forgotten * hard))
    elif role == "main_exploiter":
        easy = (main & current & (wins >= _TOO_STRONG)) * 1.0
        parts = [(1.0, easy if easy.any() else (main & ~current) * var)]
        parts += [] if parts[0][1].any() else [(1.0, (main & current) * 1.0)]
    else:
        parts = [(1.0, ~current * hard)]
    shares = [(share, weights / weights.sum()) for share, weights in parts if weights.sum() > 0]
    if not shares:
        return np.full(len(wins), 1 / len(wins))
    total = sum(share for share, _ in shares)
    found = sum(share / total * weights for share, weights in shares)
    return (1 - floor) * np.asarray(found) + floor / len(wins)


def joins(wins: np.ndarray, spent: bool) -> bool:
    """Whether a snapshot of the learner joins: it beats all matched opponents, or its budget is spent."""
    return spent or bool(len(wins) and np.min(wins) >= SNAPSHOT)


def restarts(role: str, seed: Sequence[int]) -> bool:
    """Whether a learner starts again from its initial networks after a snapshot; ``seed`` names the draw."""
    return bool(np.random.default_rng(list(seed)).random() < RESET[role])
