"""Our update against that of PyTorch: recorded, so that torch need not be there, and live."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from garrison.algos.ippo import Config
from garrison.parity.torch import compare_update
from garrison.training.config import Training

RECORDED = Path(__file__).parents[2] / "data" / "torch_update"  # its checkpoint.json tells how it was made


def test_jax_makes_the_update_that_torch_made():
    found = compare_update.against_recorded(RECORDED)
    assert {one.kind for one in found} == set(compare_update.LIMITS)
    assert [str(one) for one in found if not one.agrees] == []
    assert sum(one.arrays for one in found) == 54


@pytest.mark.parametrize(
    ("setting", "value", "kinds"),
    [
        ("gamma", 0.98, {"advantages", "losses", "gradients", "parameters", "optimiser", "reward scale"}),
        ("gae_lambda", 0.94, {"advantages", "losses", "gradients", "parameters", "optimiser"}),
        ("entropy_coef", 0.02, {"losses", "gradients", "parameters", "optimiser"}),
        ("value_coef", 0.6, {"losses", "gradients", "parameters", "optimiser"}),
        ("max_grad_norm", 0.2, {"parameters", "optimiser"}),
        ("learning_rate", 4e-3, {"parameters", "optimiser"}),
    ],
)
def test_another_setting_is_noticed_where_it_matters(tmp_path, setting, value, kinds):
    shutil.copytree(RECORDED, tmp_path / "other")
    index = tmp_path / "other" / "checkpoint.json"
    about = json.loads(index.read_text())
    about["about"]["training"]["ippo"][setting] = value
    index.write_text(json.dumps(about))
    found = compare_update.against_recorded(tmp_path / "other")
    assert {one.kind for one in found if not one.agrees} == kinds


def test_errors_are_relative_to_the_largest_number():
    numbers = np.array([1.0, -200.0])
    assert compare_update.error("gradients/x", numbers, numbers + [0.0, 1.0]) == pytest.approx(1 / 200)
    assert compare_update.error("gradients/x", numbers * 1e-6, numbers * 1.01e-6) == pytest.approx(
        0.01 / 1.01
    )
    assert compare_update.error("losses/start/total", np.array(1e-3), np.array(1.1e-3)) == pytest.approx(1e-4)
    assert compare_update.error("gradients/x", np.zeros(2), np.zeros(2)) == 0


def test_in_single_precision_vectors_are_judged_as_a_whole():
    """An error of a bias whose sum nearly cancels is small beside the gradient that it is a part of."""
    ours = {f"{kind}/x": np.ones(2) for kind in compare_update.LIMITS}
    ours |= {"gradients/start/w": np.array([[3.0, 0.0], [6.0, 0.0]])}
    ours |= {"gradients/start/b": np.array([4e-6, 8.0])}
    del ours["gradients/x"]
    theirs = ours | {"gradients/start/b": np.array([8e-6, 8.0 + 5e-5])}
    for precision, expected in (("single", 5e-6), ("double", 5e-5 / 8)):
        (found,) = (
            one for one in compare_update.agreements(1, precision, ours, theirs) if one.kind == "gradients"
        )
        assert found.error == pytest.approx(expected, rel=1e-3)
        assert found.agrees == (precision == "single")
        assert found.of_array == pytest.approx(5e-5 / 8, rel=1e-3)


def test_what_is_not_a_number_does_not_agree():
    ours = {f"{kind}/x": np.ones(2) for kind in compare_update.LIMITS}
    broken = ours | {"losses/x": np.array([1.0, np.nan])}
    found = compare_update.agreements(1, "single", ours, broken)
    assert {one.kind for one in found if not one.agrees} == {"losses"}


def test_a_missing_array_is_named():
    with pytest.raises(ValueError, match="only one of the two implementations has: losses/x"):
        list(compare_update.agreements(1, "single", {"losses/x": np.ones(1)}, {}))


def test_torch_makes_the_updates_that_jax_makes():
    pytest.importorskip("torch", reason="needs torch, which the extra 'parity' brings")
    settings = Config(
        total_steps=960,
        num_envs=4,
        rollout_steps=30,
        minibatches=4,
        hidden_sizes=(16, 16),
        learning_rate=3e-3,
    )
    training = Training(world="toy/network", options={"steps": 12}, settings=settings)
    found = list(compare_update.compare(training, iterations=2))
    assert {(one.iteration, one.precision) for one in found} == {
        (number, precision) for number in (1, 2) for precision in ("single", "double")
    }
    assert [str(one) for one in found if not one.agrees] == []
