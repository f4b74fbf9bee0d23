"""Figures of a whole league: cross play, ranks, and what was forgotten.

All are made from the payoff matrix, and each gets its interval from the resamples of its seeds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize

from garrison.league.payoff import Payoffs
from garrison.league.run import League
from garrison.league.solve import solve

_ELO = 400 / np.log(10)  # points per unit of log odds
_PRIOR = 1.0  # virtual draws per pair, which keep ratings finite


def figures(league: League) -> dict[str, Any]:
    """All figures of a league as JSON-ready data. Raises ``ValueError`` before its first round is solved."""
    rounds = league.rounds()
    if not rounds:
        raise ValueError(f"{league.path} has no complete round yet; continue it: garrison league train")
    rows, columns = ([one.id for one in league.active(side)] for side in league.sides)
    found = league.matrix()
    ratings = elo(found.wins, found.games)
    ranks = solve("alpharank", found.mean)
    last = rounds[-1]
    return {
        "path": str(league.path),
        "world": league.config.world,
        "options": league.config.options,
        "sides": list(league.sides),
        "finished": league.state.finished,
        "rows": rows,
        "columns": columns,
        "retired": {s: [m.id for m in own if m.retired] for s, own in league.state.members.items()},
        "mean": found.mean.tolist(),
        "low": _cells(found, 0).tolist(),
        "high": _cells(found, 1).tolist(),
        "games": found.games.tolist(),
        "wins": found.wins.tolist(),
        "mixtures": last["mixtures"],
        "support": last["support"],
        "value": last["value"],
        "u": last["u"],
        "gap": last["gap"],
        "solver": last["solver"],
        "elo": dict(zip(league.sides, _named(ratings, rows, columns), strict=True)),
        "alpharank": dict(zip(league.sides, _named((ranks.rows, ranks.columns), rows, columns), strict=True)),
        "transitive_share": _with_interval(found, transitive_share),
        "forgetting": {
            side: forgetting(found if place == 0 else _mirrored(found))
            for place, side in enumerate(league.sides)
        },
        "rounds": [_round(row) for row in rounds],
    }


def _named(pair: Any, rows: list[str], columns: list[str]) -> list[dict[str, float]]:
    return [
        {name: float(x) for name, x in zip(names, own, strict=True)}
        for names, own in zip((rows, columns), pair, strict=True)
    ]


def _round(row: dict[str, Any]) -> dict[str, Any]:
    """What is shown of a round."""
    kept = ("round", "value", "u", "gap", "mixtures", "held_out", "games", "retired")
    shown = {name: row[name] for name in kept if name in row}
    candidates = row.get("candidates", {})
    names = ("gain", "distance", "joined", "reason", "steps")
    shown["candidates"] = {
        side: [{"member": one["member"]["id"]} | {x: one[x] for x in names if x in one} for one in own]
        for side, own in candidates.items()
    }
    return shown


def _cells(found: Payoffs, end: int) -> np.ndarray:
    """An end of the interval of each cell, f64[row, column]."""
    return np.array(
        [
            [found.interval(found.resamples[:, i, j])[end] for j in range(found.mean.shape[1])]
            for i in range(found.mean.shape[0])
        ]
    )


def _with_interval(found: Payoffs, figure: Any) -> dict[str, float]:
    low, high = found.interval(np.array([figure(one) for one in found.resamples]))
    return {"value": figure(found.mean), "low": low, "high": high}


def _mirrored(found: Payoffs) -> Payoffs:
    """The payoffs as the other side sees them."""
    return Payoffs(
        *(-found.mean.T, found.deviation.T, found.games.T, (found.games - found.wins).T),
        resamples=-found.resamples.swapaxes(1, 2),
    )


def elo(wins: np.ndarray, games: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Elo ratings of rows and columns, the mean of all being 0, by maximum likelihood.

    A row beats a column with probability 1 / (1 + 10^((column - row) / 400)). A virtual draw per pair keeps
    ratings of undefeated members finite. Ratings say nothing of cycles: see :func:`transitive_share`.
    """
    rows, columns = wins.shape
    won, played = wins + _PRIOR / 2, games + _PRIOR

    def loss(ratings: np.ndarray) -> tuple[float, np.ndarray]:
        odds = ratings[:rows, None] - ratings[None, rows:]
        slope = played / (1 + np.exp(-odds)) - won
        value = np.sum(played * np.logaddexp(0, odds) - won * odds) + 1e-9 * ratings @ ratings
        return float(value), np.append(slope.sum(1), -slope.sum(0)) + 2e-9 * ratings

    found = minimize(loss, np.zeros(rows + columns), jac=True, method="L-BFGS-B", options={"gtol": 1e-9}).x
    found = _ELO * (found - found.mean())
    return found[:rows], found[rows:]


def transitive_share(payoffs: np.ndarray) -> float:
    """Share of the variance of payoffs that strengths of rows and columns explain, 0 to 1.

    The rest depends on the pair: 1 says that ranks tell everything, 0 that they tell nothing.
    """
    payoffs = np.asarray(payoffs, np.float64)
    mean = payoffs.mean()
    whole = np.sum((payoffs - mean) ** 2)
    if whole < 1e-12:
        return 1.0
    fitted = payoffs.mean(axis=1, keepdims=True) + payoffs.mean(axis=0, keepdims=True) - mean
    return float(1 - np.sum((payoffs - fitted) ** 2) / whole)


def forgetting(found: Payoffs) -> dict[str, float]:
    """How much less the newest row earns than the best earlier one, mean over columns; 0 for a single row.

    Negative where the newest is better than all before it. It is computed again on each resample.
    """
    if len(found.mean) == 1:
        return {"value": 0.0, "low": 0.0, "high": 0.0}
    best = np.argmax(found.mean[:-1], axis=0)  # fixed, as the best of noisy cells is biased upwards
    columns = np.arange(found.mean.shape[1])
    lost = np.mean(found.resamples[:, best, columns] - found.resamples[:, -1], axis=1)
    low, high = found.interval(lost)
    return {"value": float(np.mean(found.mean[best, columns] - found.mean[-1])), "low": low, "high": high}
