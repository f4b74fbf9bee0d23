"""Meta-solvers: mixtures of two populations from the matrix of their payoffs.

Rows maximize ``payoffs``, columns minimize them; in a general-sum game columns maximize a second matrix.
Every solution carries its gap: what the best row and the best column gain over it (NashConv in the matrix).

| solver | is |
|---|---|
| ``uniform`` | all members alike |
| ``replicator`` | discrete replicator dynamics of both sides, time average |
| ``prd`` | projected replicator dynamics (Lanctot et al. 2017), time average |
| ``nash`` | an equilibrium by linear programming; of several the most even one |
| ``rectified`` | ``nash``, with opponents for each member (Balduzzi et al. 2019) |
| ``alpharank`` | masses of the α-Rank chain (Omidshafiei et al. 2019); a ranking, not an equilibrium |

The dynamics run on payoffs that are scaled to 0 .. 1, so that step sizes and the gaps at which they stop do
not depend on the units; reported gaps are in the units of the payoffs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from garrison.core.plugins import did_you_mean

Mixtures = tuple[np.ndarray, np.ndarray]

_SUPPORT = 1e-9  # weights below are rounding
_CHECK_EVERY = 100  # steps of the dynamics between two looks at the gap
_ALPHA, _ALPHA_MOST, _POPULATION = 0.1, 2.0**20, 50  # of α-Rank


@dataclass(frozen=True)
class Solution:
    """Mixtures of both sides, f64[row] and f64[column], each summing to 1."""

    rows: np.ndarray
    columns: np.ndarray
    value: float  # mean payoff of the row side
    gap: float  # at least 0; 0 in an equilibrium
    #: opponents of each member, f64[row, column] and f64[column, row]; zeros for members without weight.
    #: None: all play against the mixture.
    opponents: Mixtures | None = None


def solve(
    solver: str, payoffs: np.ndarray, column_payoffs: np.ndarray | None = None, start: Mixtures | None = None
) -> Solution:
    """Mixtures for ``payoffs`` (f64[row, column]) by the solver of that name.

    Args:
        column_payoffs: what columns maximize; by default ``-payoffs``.
        start: where the dynamics begin; by default in the middle. Other solvers do not need one.

    Raises:
        ValueError: for an unknown solver, for payoffs that are not a finite matrix, and for a game that is
            not zero-sum where the solver needs one.
    """
    if solver not in SOLVERS:
        raise ValueError(
            f"no meta-solver {solver!r}{did_you_mean(solver, SOLVERS)}; solvers: {', '.join(SOLVERS)}"
        )
    payoffs = np.asarray(payoffs, np.float64)
    other = -payoffs if column_payoffs is None else np.asarray(column_payoffs, np.float64)
    for matrix in (payoffs, other):
        if matrix.ndim != 2 or not matrix.size or not np.isfinite(matrix).all():
            raise ValueError(f"payoffs have shape {matrix.shape}; expected a finite matrix [row, column]")
    if payoffs.shape != other.shape:
        raise ValueError(f"payoffs of rows have shape {payoffs.shape}, those of columns {other.shape}")
    if solver in _ZERO_SUM and np.ptp(payoffs + other) > 1e-9:
        raise ValueError(f"{solver} is for zero-sum games; use prd or replicator, which take two matrices")
    return SOLVERS[solver](payoffs, other, start)


def gap(payoffs: np.ndarray, rows: np.ndarray, columns: np.ndarray, other: np.ndarray | None = None) -> float:
    """NashConv of two mixtures within the matrix: what both sides gain by their best pure answers."""
    other = -payoffs if other is None else other
    gains = np.max(payoffs @ columns) - rows @ payoffs @ columns
    gains += np.max(rows @ other) - rows @ other @ columns
    return max(0.0, float(gains))


def _solution(payoffs: np.ndarray, other: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> Solution:
    return Solution(rows, columns, float(rows @ payoffs @ columns), gap(payoffs, rows, columns, other))


# ---------------------------------------------------------------- dynamics


def _uniform(payoffs: np.ndarray, other: np.ndarray, start: Mixtures | None) -> Solution:
    return _solution(payoffs, other, *_middle(payoffs))


def _replicator(payoffs: np.ndarray, other: np.ndarray, start: Mixtures | None) -> Solution:
    return _averaged(payoffs, other, start, rate=0.02, floor=0.0, enough=0.005, steps=50_000)


def _projected(payoffs: np.ndarray, other: np.ndarray, start: Mixtures | None) -> Solution:
    return _averaged(payoffs, other, start, rate=0.01, floor=1e-6, enough=0.002, steps=100_000)


def _averaged(
    payoffs: np.ndarray,
    other: np.ndarray,
    start: Mixtures | None,
    *,
    rate: float,
    floor: float,
    enough: float,
    steps: int,
) -> Solution:
    """The time average of the dynamics, once its gap on scaled payoffs is below ``enough``."""
    scaled, scaled_other = _scaled(payoffs), _scaled(other)
    sums = [np.zeros(size) for size in payoffs.shape]
    found = _middle(payoffs)
    for number, path in enumerate(dynamics(scaled, scaled_other, start or found, rate, floor), start=1):
        for total, mixture in zip(sums, path, strict=True):
            total += mixture
        if number % _CHECK_EVERY == 0 or number == steps:
            found = (sums[0] / number, sums[1] / number)
            left = gap(scaled, *found, scaled_other)
            if left < enough or number == steps:
                break
    if left >= enough:
        warnings.warn(
            f"replicator dynamics stopped after {steps:,} steps with a gap of {left:.3g} of the payoffs' "
            f"range, not {enough}",
            RuntimeWarning,
            stacklevel=4,
        )
    return _solution(payoffs, other, *found)


def dynamics(
    payoffs: np.ndarray, other: np.ndarray, start: Mixtures, rate: float, floor: float = 0.0
) -> Iterator[Mixtures]:
    """The path of the replicator dynamics: each mixture grows where it earns more than its mean.

    Args:
        payoffs, other: of rows and columns, scaled to 0 .. 1, so that no weight turns negative for rates
            below 1.
        floor: least weight. Weights below are raised to it and all divided by their sum, which is how
            OpenSpiel's ``projected_replicator_dynamics`` approximates the projection.
    """
    rows, columns = (np.array(mixture, np.float64) for mixture in start)
    while True:
        earned, earned_other = payoffs @ columns, rows @ other
        rows, columns = (
            _grown(rows, earned, rate, floor),
            _grown(columns, earned_other, rate, floor),
        )
        yield rows, columns


def _grown(mixture: np.ndarray, earned: np.ndarray, rate: float, floor: float) -> np.ndarray:
    grown = np.maximum(mixture * (1 + rate * (earned - mixture @ earned)), floor)
    return grown / grown.sum()


def _scaled(payoffs: np.ndarray) -> np.ndarray:
    return (payoffs - payoffs.min()) / (np.ptp(payoffs) or 1.0)


def _middle(payoffs: np.ndarray) -> Mixtures:
    rows, columns = payoffs.shape
    return np.full(rows, 1 / rows), np.full(columns, 1 / columns)


# ---------------------------------------------------------------- linear programs


def _nash(payoffs: np.ndarray, other: np.ndarray, start: Mixtures | None) -> Solution:
    """An equilibrium; of several the one whose least weight is greatest, then the next least, and so on.

    The choice does not depend on the order of members, and does not jump with ties.
    """
    rows, value, marginals = _maximin(payoffs)
    columns = marginals if _is_mixture(marginals) else _maximin(-payoffs.T)[0]
    if not _unique(payoffs, rows, columns, value):
        rows, columns = _most_even(payoffs, value), _most_even(-payoffs.T, -value)
    return _solution(payoffs, other, rows, columns)


def _maximin(payoffs: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """The mixture of rows with the greatest least payoff, that payoff, and the dual: a mixture of columns."""
    from scipy.optimize import linprog  # imported late: slow, and most commands do not need it

    rows, columns = payoffs.shape
    result = linprog(
        np.append(np.zeros(rows), -1.0),
        A_ub=np.hstack([-payoffs.T, np.ones((columns, 1))]),
        b_ub=np.zeros(columns),
        A_eq=np.append(np.ones(rows), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0, None)] * rows + [(None, None)],
        method="highs",
    )
    if result.x is None:
        raise RuntimeError(f"the linear program of a {rows} x {columns} game failed: {result.message}")
    return _cleaned(result.x[:-1]), float(result.x[-1]), _cleaned(-result.ineqlin.marginals)


def _is_mixture(weights: np.ndarray) -> bool:
    return bool(np.isfinite(weights).all() and abs(weights.sum() - 1) < 1e-6)


def _cleaned(weights: np.ndarray) -> np.ndarray:
    weights = np.where(weights < _SUPPORT, 0.0, weights)
    return weights / weights.sum() if weights.sum() > 0 else weights


def _unique(payoffs: np.ndarray, rows: np.ndarray, columns: np.ndarray, value: float) -> bool:
    """Whether the equilibrium is the only one.

    It is if as many rows as columns have weight, all others earn less, and the supports' square system has
    one solution.
    """
    tolerance = 1e-7 * max(1.0, float(np.ptp(payoffs)))
    tight = payoffs @ columns > value - tolerance, rows @ payoffs < value + tolerance
    support = rows > 0, columns > 0
    if (
        any((a != b).any() for a, b in zip(tight, support, strict=True))
        or support[0].sum() != support[1].sum()
    ):
        return False
    square = payoffs[np.ix_(*support)]
    size = len(square)
    bordered = np.block([[square, -np.ones((size, 1))], [np.ones((1, size)), np.zeros((1, 1))]])
    return bool(np.linalg.matrix_rank(bordered, tol=1e-9) == size + 1)


def _most_even(payoffs: np.ndarray, value: float) -> np.ndarray:
    """Of the mixtures that guarantee ``value``, the one whose sorted weights are the greatest, least first.

    Linear programs raise the least of the free weights as far as it goes; dual prices tell which weights keep
    it there, and these are fixed.
    """
    from scipy.optimize import linprog  # imported late: slow, and most commands do not need it

    rows, columns = payoffs.shape
    fixed = np.full(rows, np.nan)
    slack = 1e-9 * max(1.0, float(np.abs(payoffs).max()))
    while np.isnan(fixed).any():
        free = np.flatnonzero(np.isnan(fixed))
        least = np.zeros((len(free), rows + 1))
        least[np.arange(len(free)), free], least[:, -1] = -1.0, 1.0
        result = linprog(
            np.append(np.zeros(rows), -1.0),
            A_ub=np.vstack([np.hstack([-payoffs.T, np.zeros((columns, 1))]), least]),
            b_ub=np.append(np.full(columns, slack - value), np.zeros(len(free))),
            A_eq=np.append(np.ones(rows), 0.0)[None],
            b_eq=[1.0],
            bounds=[(0, None) if np.isnan(x) else (max(0.0, x - slack), x + slack) for x in fixed]
            + [(None, None)],
            method="highs",
        )
        if result.x is None:
            raise RuntimeError(f"the linear program of a {rows} x {columns} game failed: {result.message}")
        prices = -result.ineqlin.marginals[columns:]
        held = free[prices > 1e-9]
        fixed[held if held.size else free] = max(0.0, result.x[-1])
    return _cleaned(fixed)


def _rectified(payoffs: np.ndarray, other: np.ndarray, start: Mixtures | None) -> Solution:
    """``nash``; each member of the support plays the opponents against which it does at least as well.

    Balduzzi et al. 2019 write it for symmetric games, whose value is 0; here "as well" is the value.
    """
    found = _nash(payoffs, other, None)
    ahead = payoffs - found.value >= -_SUPPORT, found.value - payoffs.T >= -_SUPPORT
    pairs = zip(ahead, (found.rows, found.columns), (found.columns, found.rows), strict=True)
    opponents = [_rows_to_one((own > 0)[:, None] * against * better) for better, own, against in pairs]
    return Solution(found.rows, found.columns, found.value, found.gap, (opponents[0], opponents[1]))


def _rows_to_one(weights: np.ndarray) -> np.ndarray:
    sums = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0)


# ---------------------------------------------------------------- α-Rank


def _alpharank(payoffs: np.ndarray, other: np.ndarray, start: Mixtures | None) -> Solution:
    """Masses of the rows and columns in the two-population chain.

    The selection strength α is doubled until the order of rows and of columns stays the same three times.
    """
    scaled, scaled_other = _scaled(payoffs), _scaled(other)
    alpha, same, before, masses = _ALPHA, 0, None, _middle(payoffs)
    while same < 3 and alpha <= _ALPHA_MOST:
        joint = chain_masses(scaled, scaled_other, alpha).reshape(payoffs.shape)
        masses = joint.sum(axis=1), joint.sum(axis=0)
        order = [tuple(np.argsort(-np.round(mass, 6), kind="stable")) for mass in masses]
        same, before, alpha = (same + 1 if order == before else 0), order, 2 * alpha
    return _solution(payoffs, other, *masses)


def chain_masses(
    payoffs: np.ndarray, other: np.ndarray, alpha: float, population: int = _POPULATION
) -> np.ndarray:
    """Stationary distribution f64[row * column] of α-Rank's chain over pairs of a row and a column.

    From a pair, each other row and each other column is tried with the same probability, and takes over its
    population with the fixation probability of its advantage (Omidshafiei et al. 2019, equation 8).
    """
    rows, columns = payoffs.shape
    step = np.zeros((rows * columns, rows * columns))
    if len(step) == 1:
        return np.ones(1)
    tried = 1 / (rows + columns - 2)
    for row in range(rows):
        for column in range(columns):
            here = row * columns + column
            gains = payoffs[:, column] - payoffs[row, column]
            step[here, np.arange(rows) * columns + column] = tried * _fixation(alpha * gains, population)
            gains = other[row] - other[row, column]
            step[here, row * columns + np.arange(columns)] = tried * _fixation(alpha * gains, population)
    np.fill_diagonal(step, 0.0)
    return _stationary(step)


def _fixation(u: np.ndarray, population: int) -> np.ndarray:
    """(1 - exp(-u)) / (1 - exp(-m u)), and 1 / m where u is 0; a least value keeps the chain connected."""
    u = np.clip(u, -600 / population, 600.0)
    near = np.abs(u) < 1e-12
    safe = np.where(near, 1.0, u)
    return np.where(near, 1 / population, np.expm1(-safe) / np.expm1(-population * safe))


def _stationary(step: np.ndarray) -> np.ndarray:
    """Stationary distribution of a chain from its rates (diagonal 0).

    Eliminates state by state without subtractions, so that tiny rates keep their digits (Grassmann, Taksar
    and Heyman 1985).
    """
    rates = step.copy()
    for last in range(len(rates) - 1, 0, -1):
        rates[:last, last] /= rates[last, :last].sum()
        rates[:last, :last] += np.outer(rates[:last, last], rates[last, :last])
    mass = np.zeros(len(rates))
    mass[0] = 1.0
    for state in range(1, len(rates)):
        mass[state] = mass[:state] @ rates[:state, state]
    return mass / mass.sum()


# ---------------------------------------------------------------- many matrices


def equilibria(payoffs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and values of zero-sum games, f64[game, row], f64[game, column], f64[game].

    The simplex method on all games of ``payoffs`` (f64[game, row, column]) at once, for resamples: each
    game's answer is an equilibrium, and which one of several is not specified. Games that rounding leaves
    unsolved go to the linear program.
    """
    different, place = np.unique(payoffs, axis=0, return_inverse=True)
    if len(different) < len(payoffs):
        rows, columns, values = equilibria(different)
        place = place.reshape(-1)
        return rows[place], columns[place], values[place]
    games, rows, columns = payoffs.shape
    low = payoffs.min(axis=(1, 2), keepdims=True)
    span = np.maximum(np.ptp(payoffs, axis=(1, 2)), 1e-300)[:, None, None]
    positive = 1 + (payoffs - low) / span
    # Maximize the sum of y >= 0 with positive @ y <= 1; columns play y, rows the dual.
    table = np.zeros((games, rows + 1, columns + rows + 1))
    table[:, :rows, :columns] = positive
    table[:, :rows, columns:-1] = np.eye(rows)
    table[:, :rows, -1] = 1.0
    table[:, rows, :columns] = -1.0
    basis = np.tile(columns + np.arange(rows), (games, 1))
    every = np.arange(games)
    for _ in range(20 * (rows + columns)):
        prices = table[:, rows, :-1]
        enters = np.argmax(prices < -1e-12, axis=1)  # Bland's rule: the first that gains, so none cycles
        open_ = prices[every, enters] < -1e-12
        if not open_.any():
            break
        entering = table[every, :rows, enters]
        ratios = np.where(
            entering > 1e-12, table[:, :rows, -1] / np.where(entering > 1e-12, entering, 1.0), np.inf
        )
        least = ratios <= ratios.min(axis=1, keepdims=True) * (1 + 1e-12)
        leaves = np.argmin(np.where(least, basis, np.iinfo(np.int64).max), axis=1)
        pivot = table[every, leaves] / table[every, leaves, enters][:, None]
        factors = table[every, :, enters]
        changed = table - factors[:, :, None] * pivot[:, None, :]
        changed[every, leaves] = pivot
        table = np.where(open_[:, None, None], changed, table)
        basis[every, leaves] = np.where(open_, enters, basis[every, leaves])
    weights = np.zeros((games, columns + rows))
    np.put_along_axis(weights, basis, table[:, :rows, -1], axis=1)
    y, x = weights[:, :columns], np.maximum(table[:, rows, columns:-1], 0.0)
    found = x / x.sum(axis=1, keepdims=True), y / y.sum(axis=1, keepdims=True)
    gaps = np.einsum("gij,gj->gi", payoffs, found[1]).max(1) - np.einsum("gi,gij->gj", found[0], payoffs).min(
        1
    )
    for game in np.flatnonzero(~(gaps < 1e-7 * np.maximum(1.0, span[:, 0, 0]))):
        found[0][game], found[1][game] = _maximin(payoffs[game])[0], _maximin(-payoffs[game].T)[0]
    return *found, np.einsum("gi,gij,gj->g", found[0], payoffs, found[1])


Solver = Callable[[np.ndarray, np.ndarray, Mixtures | None], Solution]

SOLVERS: dict[str, Solver] = {
    "uniform": _uniform,
    "replicator": _replicator,
    "prd": _projected,
    "nash": _nash,
    "rectified": _rectified,
    "alpharank": _alpharank,
}
_ZERO_SUM = ("nash", "rectified")
