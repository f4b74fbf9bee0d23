import pytest

from garrison.runs.trials import LONGEST_NAME, flags, plan


def planned(*arguments):
    return {trial.name: trial.overrides for trial in plan(*arguments)}


def test_a_grid_is_all_combinations():
    trials = planned(["learning-rate=1e-3, 3e-4", "entropy_coef=0.01,0"], [])
    assert list(trials) == [
        "learning_rate=1e-3,entropy_coef=0.01",
        "learning_rate=1e-3,entropy_coef=0",
        "learning_rate=3e-4,entropy_coef=0.01",
        "learning_rate=3e-4,entropy_coef=0",
    ]
    assert trials["learning_rate=3e-4,entropy_coef=0"] == {"learning_rate": "3e-4", "entropy_coef": "0"}


def test_a_list_is_tried_with_each_combination_of_the_grid():
    trials = planned(
        ["gamma=0.9,0.99"], [{"learning_rate": 0.001, "anneal_lr": False}, {"hidden_sizes": [64, 64]}]
    )
    assert trials["gamma=0.9,learning_rate=0.001,anneal_lr=False"] == {
        "gamma": "0.9",
        "learning_rate": "0.001",
        "anneal_lr": "False",
    }
    assert trials["gamma=0.99,hidden_sizes=64x64"] == {"gamma": "0.99", "hidden_sizes": "64 64"}
    assert len(trials) == 4


def test_what_is_the_same_for_all_is_not_in_the_names():
    assert list(planned(["world=toy/network", "gamma=0.9,1"], [])) == ["gamma=0.9", "gamma=1"]
    assert planned(["world=toy/network"], []) == {"preset": {"world": "toy/network"}}


def test_names_are_names_of_folders():
    assert list(planned(["world=toy/network,toy/credit", "options=steps=5"], [])) == [
        "world=toy-network",
        "world=toy-credit",
    ]


@pytest.mark.parametrize(
    ("grid", "listed", "message"),
    [
        (["learning_rate"], [], r"'learning_rate' in the grid is not written as in learning_rate=1e-3,3e-4"),
        (["gamma="], [], "is not written as in"),
        (["gamma=1", "gamma=2"], [], "gamma is in the grid twice"),
        (["gamma=1"], [{"gamma": 2}], "gamma is both in the grid and in the list"),
        (["gamma=1,1"], [], "two trials are the same"),
        ([], [{"ippo": {"gamma": 1}}], r"not a value of a field"),
        ([f"world={'x' * LONGEST_NAME},y"], [], "name is too long"),
    ],
)
def test_what_makes_no_plan_is_named(grid, listed, message):
    with pytest.raises(ValueError, match=message):
        plan(grid, listed)


def test_flags_are_those_of_the_command_line():
    overrides = {
        "learning_rate": "1e-3",
        "hidden_sizes": "64 64",
        "anneal_lr": "False",
        "separate_critic": "true",
    }
    assert flags(overrides) == [
        *("--learning-rate", "1e-3", "--hidden-sizes", "64", "64", "--no-anneal-lr", "--separate-critic")
    ]
