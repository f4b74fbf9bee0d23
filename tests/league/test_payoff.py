"""Payoffs: the store, its bootstrap, and what is played next."""

import json

import numpy as np
import pytest

from garrison.league.payoff import BLOCK, Cell, PayoffStore, Scale, fill, next_cell, payoffs
from garrison.league.solve import equilibria
from garrison.worlds.toy.matrix import GAMES

RPS = np.array(GAMES["rps"], float)
NAMES = ("a", "b", "c")


def noisy(seed, truth=RPS, sd=1.0):
    """Plays cells of a matrix with normal noise of its own per cell and episode."""

    def play(cell, first, episodes):
        rng = np.random.default_rng([seed, cell.row, cell.column, first])
        return truth[cell.row, cell.column] + sd * rng.normal(size=episodes), 0.0

    return play


def nash(found):
    rows, columns, _ = equilibria(found.mean[None])
    return rows[0], columns[0], equilibria(found.resamples)[2]


def filled(seed, **limits):
    store = PayoffStore()
    limits = {"width": 0.0, "blocks": 9} | limits
    return store, fill(store, NAMES, NAMES, noisy(seed), nash, **limits)


def test_the_matrix_depends_on_both_players():
    """Exchanging a row or a column changes exactly that row or column."""
    store, found = filled(0)
    other = payoffs(store, ("b", "a", "c"), NAMES)
    np.testing.assert_array_equal(other.mean, found.mean[[1, 0, 2]])
    other = payoffs(store, NAMES, ("a", "c", "b"))
    np.testing.assert_array_equal(other.mean, found.mean[:, [0, 2, 1]])
    for row, column in np.ndindex(3, 3):
        assert found.mean[row, column] == store.returns(NAMES[row], NAMES[column]).mean()
    assert len(np.unique(found.mean)) == 9


def test_what_was_played_is_never_played_again(tmp_path):
    store = PayoffStore.open(tmp_path / "payoffs.jsonl", 1000)
    asked = []

    def play(cell, first, episodes):
        asked.append((cell, first))
        return np.arange(first, first + episodes, dtype=float), 3.0

    fill(store, "ab", "c", play, nash, width=np.inf, blocks=0)
    assert asked == [(Cell(0, 0), 1000), (Cell(1, 0), 1000)]
    again = PayoffStore.open(tmp_path / "payoffs.jsonl", 1000)
    fill(again, "ab", "cd", play, nash, width=np.inf, blocks=0)
    assert asked[2:] == [(Cell(0, 1), 1000), (Cell(1, 1), 1000)]
    assert again.returns("a", "c").tolist() == list(range(1000, 1000 + BLOCK))
    assert again.wins("a", "c") == 3
    assert again.blocks == 4
    again.add("a", "c", [0.5], 1.0)
    assert json.loads((tmp_path / "payoffs.jsonl").read_text().splitlines()[-1])["seed"] == 1000 + BLOCK


def test_a_half_written_line_is_dropped_and_a_damaged_one_named(tmp_path):
    path = tmp_path / "payoffs.jsonl"
    PayoffStore.open(path, 0).add("a", "b", [1.0, 2.0], 1.0)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"row": "a", "col')
    assert PayoffStore.open(path, 0).games("a", "b") == 2
    assert path.read_bytes() == whole
    path.write_bytes(whole + whole)
    with pytest.raises(ValueError, match="damaged in line 2 \\(seed is 0, expected 2\\)"):
        PayoffStore.open(path, 0)


def test_cells_without_episodes_are_named():
    with pytest.raises(ValueError, match="nothing was played between a and b"):
        payoffs(PayoffStore(), ["a"], ["b"])


def test_seeds_are_resampled_for_all_cells_together():
    """Cells that hold the same numbers have no difference in any resample."""
    store = PayoffStore()
    returns = np.random.default_rng(0).normal(size=BLOCK)
    for row in "ab":
        store.add(row, "c", returns.tolist(), 0)
    found = payoffs(store, "ab", "c").resamples
    assert found[:, 0].std() > 0.1
    np.testing.assert_array_equal(found[:, 0], found[:, 1])


def test_the_next_block_goes_where_it_tells_most():
    store = PayoffStore()
    rng = np.random.default_rng(1)
    for row, sd in zip("ab", (0.1, 1.0), strict=True):
        for column in "cd":
            store.add(row, column, (sd * rng.normal(size=BLOCK)).tolist(), 0)
    found = payoffs(store, "ab", "cd")
    even = np.array([0.5, 0.5])
    assert next_cell(found, even, np.array([0.9, 0.1])) == Cell(1, 0)
    assert next_cell(found, np.array([1.0, 0.0]), np.array([0.0, 1.0])).row == 1  # little weight, much noise
    assert next_cell(found, np.array([0.999, 0.001]), even).row == 1
    quiet = payoffs(store, "a", "cd")
    assert next_cell(quiet, np.ones(1), np.array([0.0, 1.0])) == Cell(0, 1)


def test_allocation_beats_uniform_play():
    """A member that nobody should play has noisy payoffs, which tell nothing of the value."""
    truth = np.pad(RPS, ((0, 1), (0, 1)), constant_values=0.0)
    truth[3, :3], truth[:3, 3] = -3, 3
    names, widths = "abcd", {"adaptive": [], "uniform": []}
    for seed in range(3):

        def play(cell, first, episodes, seed=seed):
            sd = 0.3 if 3 in (cell.row, cell.column) else 1.0
            return noisy(seed, truth, sd)(cell, first, episodes)

        found = fill(PayoffStore(), names, names, play, nash, width=0.0, blocks=48)
        widths["adaptive"].append(np.ptp(found.interval(nash(found)[2])))
        store = PayoffStore()
        for _ in range(3):
            for cell in (Cell(*place) for place in np.ndindex(4, 4)):
                ids = names[cell.row], names[cell.column]
                store.add(*ids, play(cell, store.games(*ids), BLOCK)[0].tolist(), 0)
        found = payoffs(store, names, names)
        widths["uniform"].append(np.ptp(found.interval(nash(found)[2])))
    assert np.mean(widths["adaptive"]) < 0.9 * np.mean(widths["uniform"])


def test_intervals_hold_the_value():
    """In at least 90% of 200 repeats, from 16 episodes with noise of standard deviation 1 in each cell."""
    inside = 0
    for seed in range(200):
        _, found = filled(seed)
        low, high = found.interval(equilibria(found.resamples)[2])
        inside += low <= 0 <= high
    assert inside >= 180


def test_play_stops_when_the_value_is_known():
    store, found = filled(0, width=0.12, blocks=10_000)
    low, high = found.interval(nash(found)[2])
    assert (high - low) / 2 < 0.12
    assert 9 < store.blocks < 100


def test_scales():
    np.testing.assert_allclose(Scale(-2, 2).u(np.array([-3, -2, 0, 2, 5])), [-0.25, 0, 0.5, 1, 1.75])
    with pytest.raises(ValueError, match="low must be below high"):
        Scale(1, 1)
