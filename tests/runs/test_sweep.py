import json

import pytest

from garrison.runs import sweep as sweeps
from garrison.runs.trials import plan

TRIALS = plan(["gamma=0.9,0.99,1"], [])


def test_a_sweep_is_read_back(tmp_path):
    made = sweeps.create(tmp_path / "sweep", "quick", 3, TRIALS)
    assert sweeps.load(tmp_path / "sweep") == made
    assert sweeps.create(tmp_path / "sweep", "quick", 3, TRIALS) == made


def test_the_seeds_are_arguments_too(tmp_path):
    first = TRIALS[0]
    with_seeds = sweeps.create(tmp_path / "a", "quick", 3, TRIALS)
    assert with_seeds.arguments(first) == ["--gamma", "0.9", "--seeds", "3"]
    assert sweeps.create(tmp_path / "b", "quick", None, TRIALS).arguments(first) == ["--gamma", "0.9"]


def test_what_is_done_is_not_done_again_and_what_failed_only_when_asked(tmp_path):
    made = sweeps.create(tmp_path, "quick", None, TRIALS)
    first, second, third = made.trials
    assert made.todo(retry=False) == [first, second, third]
    made.note(first, "begun")
    made.note(first, "finished", seconds=3.0)
    made.note(second, "failed", error="no memory")
    made.note(third, "begun")
    assert made.state(first) == {"status": "finished", "seconds": 3.0}
    assert made.todo(retry=False) == [third]
    assert made.todo(retry=True) == [second, third]


@pytest.mark.parametrize(
    ("preset", "seeds", "trials", "message"),
    [
        ("other", None, TRIALS, "of preset quick and not other"),
        ("quick", 2, TRIALS, "of seeds None and not 2"),
        ("quick", None, TRIALS[:1], r"of trials \['gamma=0.9', .* and not \['gamma=0.9'\]"),
    ],
)
def test_another_sweep_in_the_same_place_is_an_error(tmp_path, preset, seeds, trials, message):
    sweeps.create(tmp_path, "quick", None, TRIALS)
    with pytest.raises(ValueError, match=message):
        sweeps.create(tmp_path, preset, seeds, trials)


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"format": 2}), json.dumps({"format": 1})])
def test_a_damaged_sweep_is_an_error_that_names_the_file(tmp_path, text):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(ValueError, match=r"sweep\.json cannot be read"):
        sweeps.load(tmp_path)


def test_a_folder_that_is_no_sweep(tmp_path):
    with pytest.raises(FileNotFoundError, match="is no sweep"):
        sweeps.load(tmp_path)
