"""What a sweep found, from runs that are written here."""

import io

import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from garrison.judge import sweep_report
from garrison.runs import directory as runs
from garrison.runs import sweep as plans
from garrison.runs.trials import plan


def make(folder, grid, ends, seeds=2):
    """A sweep whose trials end at these returns; a trial without one has not begun."""
    sweep = plans.create(folder, "mlp", None, plan(grid, []))
    for trial, end in zip(sweep.trials, ends, strict=True):
        if end is None:
            continue
        run = runs.create(sweep.run(trial).path, {})
        for iteration in range(1, 21):
            returns = [end + seed if iteration > 18 else -100.0 for seed in range(seeds)]
            run.log({"iteration": iteration, "env_steps": 10 * iteration, "seconds": 1.0, "return": returns})
        sweep.note(trial, "finished")
    return sweep


def test_trials_are_judged_by_the_last_tenth_and_the_best_is_first(tmp_path):
    told = sweep_report.figures(make(tmp_path, ["gamma=0.8,0.9,1"], [-30, -10, None]))
    best, second, none = told["trials"]
    assert (best["trial"], best["seeds"], best["mean"]) == ("gamma=0.9", [-10, -9], -9.5)
    assert best["sd"] == pytest.approx(0.5**0.5)
    assert (best["iterations"], best["env_steps"], best["status"]) == (20, 200, "finished")
    assert second["trial"] == "gamma=0.8"
    assert (none["mean"], none["sd"], none["seeds"], none["status"]) == (None, None, [], "waiting")
    assert told["varied"] == ["gamma"]


def test_one_seed_has_no_spread(tmp_path):
    (trial,) = sweep_report.figures(make(tmp_path, ["gamma=1"], [-10], seeds=1))["trials"]
    assert (trial["mean"], trial["sd"]) == (-10, None)


def drawn(sweep, monkeypatch):
    """The figure, and what is written of it."""
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (figures.append(self), save(self, *a, **k)))
    image = imread(io.BytesIO(sweep_report.picture(sweep, sweep_report.figures(sweep))))
    assert image.std() > 0
    return figures[0]


def test_one_field_is_drawn_as_a_line_over_its_values(tmp_path, monkeypatch):
    sweep = make(tmp_path, ["learning_rate=1e-2,1e-4,1e-3"], [-10, -30, -20])
    curves, line = drawn(sweep, monkeypatch).axes
    assert [text.get_text() for text in curves.get_legend().texts] == [
        *("learning_rate=1e-2", "learning_rate=1e-3", "learning_rate=1e-4")
    ]
    means = line.lines[-1]
    assert means.get_xdata().tolist() == [1e-4, 1e-3, 1e-2]
    assert means.get_ydata().tolist() == [-29.5, -19.5, -9.5]
    assert means.get_linestyle() == "-"
    assert line.get_xscale() == "log"


def test_words_are_not_joined(tmp_path, monkeypatch):
    _, line = drawn(make(tmp_path, ["policies=shared,grouped"], [-30, -10]), monkeypatch).axes
    assert line.lines[-1].get_ydata().tolist() == [-9.5, -29.5]
    assert line.lines[-1].get_linestyle() == "None"
    assert [label.get_text() for label in line.get_xticklabels()] == ["grouped", "shared"]


def test_two_fields_are_drawn_as_a_map_with_holes(tmp_path, monkeypatch):
    sweep = make(tmp_path, ["gamma=0.9,1", "clip_eps=0.1,0.2"], [-1, -2, None, -4], seeds=1)
    _, grid, _ = drawn(sweep, monkeypatch).axes
    (shown,) = grid.get_images()
    assert shown.get_array().tolist() == [[-1, None], [-2, -4]]
    assert sorted(text.get_text() for text in grid.texts) == ["-1", "-2", "-4"]
    assert (grid.get_xlabel(), grid.get_ylabel()) == ("gamma", "clip_eps")


@pytest.mark.parametrize(
    ("grid", "ends"),
    [(["clip=1"], [-1]), (["a=1,2", "b=1,2", "c=1,2"], [-1] * 8), (["clip=1,2"], [None, None])],
)
def test_curves_alone(tmp_path, monkeypatch, grid, ends):
    axes = drawn(make(tmp_path, grid, ends), monkeypatch).axes
    assert len(axes[0].lines) == sum(end is not None for end in ends)
    assert len(axes) == (2 if grid == ["clip=1,2"] else 1)


def test_the_table_shows_what_is_known(tmp_path):
    view = sweep_report.table(sweep_report.figures(make(tmp_path, ["gamma=0.9,1"], [-1234.5, None])))
    columns = {column.header: list(column.cells) for column in view.columns}
    assert columns["gamma"] == ["0.9", "1"]
    assert columns["return"] == ["-1,234.00", ""]
    assert columns["status"] == ["finished", "waiting"]
