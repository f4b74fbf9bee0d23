import json

import pytest

from garrison.runs import sweep as sweeps
from garrison.runs.trials import plan

TRIALS = plan(["gamma=0.9,0.99,1"], [])


def test_a_sweep_is_read_back(tmp_path):
    made = sweeps.create(tmp_path / "sweep", "mlp", 3, TRIALS)
    assert sweeps.load(tmp_path / "sweep") == made
    assert sweeps.create(tmp_path / "sweep", "mlp", 3, TRIALS) == made


def test_the_seeds_are_arguments_too(tmp_path):
    first = TRIALS[0]
    with_seeds = sweeps.create(tmp_path / "a", "mlp", 3, TRIALS)
    assert with_seeds.arguments(first) == ["--gamma", "0.9", "--num-seeds", "3"]
    assert sweeps.create(tmp_path / "b", "mlp", None, TRIALS).arguments(first) == ["--gamma", "0.9"]


def test_what_is_done_is_not_done_again_and_what_failed_only_when_asked(tmp_path):
    made = sweeps.create(tmp_path, "mlp", None, TRIALS)
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
    ("preset", "num_seeds", "trials", "message"),
    [
        ("other", None, TRIALS, "with preset mlp, not other"),
        ("mlp", 2, TRIALS, "with num_seeds None, not 2"),
        ("mlp", None, TRIALS[:1], r"with trials \['gamma=0.9', .*, not \['gamma=0.9'\]"),
    ],
)
def test_another_sweep_in_the_same_place_is_an_error(tmp_path, preset, num_seeds, trials, message):
    sweeps.create(tmp_path, "mlp", None, TRIALS)
    with pytest.raises(ValueError, match=message):
        sweeps.create(tmp_path, preset, num_seeds, trials)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": 2}', '{"format": 1}', '{"format": 9}', '{"format": 2, "trials": 3}']
)
def test_a_damaged_sweep_is_an_error_that_names_the_file(tmp_path, text):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(ValueError, match=r"sweep\.json (is damaged|has format)"):
        sweeps.load(tmp_path)


def test_a_folder_that_is_no_sweep(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a sweep"):
        sweeps.load(tmp_path)


def test_a_sweep_of_the_first_format_is_read(tmp_path):
    sweeps.create(tmp_path, "mlp", 3, TRIALS)
    data = json.loads((tmp_path / "sweep.json").read_text())
    old = {"format": 1, "preset": "mlp", "seeds": data["num_seeds"], "trials": data["trials"]}
    (tmp_path / "sweep.json").write_text(json.dumps(old))
    assert sweeps.load(tmp_path) == sweeps.Sweep(tmp_path, "mlp", 3, tuple(TRIALS))


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"status": "asleep"}'])
def test_a_damaged_state_of_a_trial_is_named_with_a_remedy(tmp_path, text):
    sweep = sweeps.create(tmp_path, "mlp", 3, TRIALS)
    (tmp_path / "states" / f"{TRIALS[0].name}.json").write_text(text)
    with pytest.raises(ValueError, match=r"gamma=0\.9\.json is damaged \(.*\); delete it: the trial is then"):
        sweep.todo(retry=False)
