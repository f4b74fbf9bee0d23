"""A run of the first format, made by commit dc6e3c5: it loads, decides the same, resumes and trains further.

``outputs.json`` holds what its policies did then, on observations of 8 environments plus fixed noise.
"""

import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.runs import checkpoint
from garrison.training import run as runs
from garrison.training.config import FORMAT
from garrison.training.train import extend, train

OLD = Path(__file__).parents[1] / "data" / "run_format_1"
EXPECTED = json.loads((OLD / "outputs.json").read_text())


@pytest.fixture
def run(tmp_path):
    shutil.copytree(OLD / "run", tmp_path / "run")
    return runs.load(tmp_path / "run")


def situation(world):
    obs, state = jax.vmap(world.reset)(jax.random.split(jax.random.key(7), 8))
    noise = np.random.default_rng(0).normal(size=obs.shape)
    return obs + jnp.asarray(noise, jnp.float32), jax.vmap(world.legal)(state)


def test_the_configuration_is_upgraded(run):
    training = run.training
    assert (training.world, training.options, training.seed, training.num_seeds) == (
        *("toy/network", {"steps": 5}, 0, 2),
    )
    assert (training.algorithm, training.learner, training.parallel_seeds) == ("ippo", "jax", 2)
    settings = training.settings
    assert (settings.num_envs, settings.hidden_sizes, settings.sharing) == (2, (8,), "shared")
    assert (settings.anneal_lr, settings.normalize_rewards, settings.clip_eps) == (True, True, 0.2)
    assert run.finished


@pytest.mark.parametrize("which", ["latest", "step-00000004"])
def test_its_policies_decide_the_same(run, which):
    obs, mask = situation(run.world())
    keys = jax.random.split(jax.random.key(9), 8)
    for kind in ("sampled", "greedy"):
        for policy, expected in zip(
            run.policies(which, greedy=kind == "greedy"), EXPECTED[f"{which} {kind}"], strict=True
        ):
            act = jax.vmap(
                lambda key, obs, mask, policy=policy: policy.act(key, obs, mask, policy.init(key, 2))
            )
            np.testing.assert_array_equal(act(keys, obs, mask)[0], expected)


def test_its_arrays_are_loaded_bit_by_bit(run):
    saved = checkpoint.arrays(run.checkpoint())
    for index, policy in enumerate(run.policies()):
        sizes = sorted(leaf.size for leaf in jax.tree.leaves(policy.net))
        assert sizes == sorted(array[index].size for name, array in saved.items() if name.startswith("net/"))
        total = sum(np.abs(np.asarray(leaf, np.float64)).sum() for leaf in jax.tree.leaves(policy.net))
        expected = [
            np.abs(x[index].astype(np.float64)).sum() for n, x in saved.items() if n.startswith("net/")
        ]
        assert total == pytest.approx(sum(expected), rel=1e-14)


def test_it_is_resumed_as_the_old_code_went_on(run):
    """From its checkpoint of iteration 4 to where the old code was after iteration 6."""
    whole = checkpoint.arrays(run.checkpoint())
    shutil.rmtree(run.checkpoint())
    shutil.copytree(run.checkpoint("step-00000004"), run.checkpoint())
    assert train(run)
    resumed = checkpoint.arrays(run.checkpoint())
    for name, array in whole.items():
        if name in resumed:
            np.testing.assert_allclose(resumed[name], array, rtol=1e-3, atol=1e-5, err_msg=name)
    assert sum(name.startswith("net/") for name in resumed) > 0


def test_it_trains_further_in_the_present_format(run):
    longer = extend(run, 80)
    assert train(longer)
    config = json.loads((run.path / "config.json").read_text())
    assert (config["format"], config["settings"]["total_steps"]) == (FORMAT, 80)
    assert runs.load(run.path).iterations_done == 8
    assert runs.load(run.path).training == longer.training


def test_a_missing_hyperparameter_has_the_default_of_its_time(run):
    path = run.path / "config.json"
    config = json.loads(path.read_text())
    del config["ippo"]["decisions_only"]
    path.write_text(json.dumps(config))
    assert runs.load(run.path).training == run.training


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speed": 3}, "unexpected: speed"),
        ({"ippo": {"momentum": 1}}, "unexpected: ippo.momentum"),
        ({"ippo": {"gamma": "high"}}, "settings.gamma is 'high', expected float"),
        ({"ippo": 3}, "ippo is 3, expected an object"),
        ({"seeds": 2.5}, "num_seeds is 2.5, expected int"),
    ],
)
def test_what_does_not_fit_is_named_with_the_file_and_the_remedy(run, change, message):
    path = run.path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message) as error:
        runs.load(run.path)
    assert str(path) in str(error.value)
    assert "correct that file" in str(error.value)
