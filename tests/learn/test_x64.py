"""Networks and train states have single precision whatever JAX's default is, so checkpoints interchange."""

import dataclasses
import os
import subprocess
import sys

import jax
import pytest

import garrison
from garrison import algos

SETTINGS = {"total_steps": 64, "num_envs": 2, "rollout_steps": 4, "minibatches": 1, "hidden_sizes": (4,)}
NETWORKS = ({"network": "mlp"}, {"network": "recurrent", "cell": "lstm", "chunk": 2, "target_kl": 0.1})


def types(name: str, world: str) -> list[str]:
    """Shapes and dtypes of all leaves of a train state before and after an iteration; nothing is computed."""
    algorithm, made, found = algos.get(name), garrison.make(world), []
    for network in NETWORKS:
        known = {field.name for field in dataclasses.fields(algorithm.Config)}
        given = {key: value for key, value in (SETTINGS | network).items() if key in known}
        config = algorithm.Config(**given)
        state = jax.eval_shape(algorithm.init, config, made, jax.random.key(0))
        after, _ = jax.eval_shape(algorithm.iteration, config, made, state)
        for tree in (state, after):
            leaves = jax.tree.leaves_with_path(tree)
            found += [f"{jax.tree_util.keystr(path)} {leaf.dtype}{leaf.shape}" for path, leaf in leaves]
    return found


@pytest.mark.parametrize("name", [x for x in algos.names() if not hasattr(algos.get(x), "LEARNS_BOTH_SIDES")])
@pytest.mark.parametrize(
    ("setting", "value", "world"),
    [
        ("JAX_ENABLE_X64", "1", "toy/network"),
        ("JAX_NUMPY_DTYPE_PROMOTION", "strict", "toy/coordination"),
    ],
)
def test_train_states_have_single_precision(name, setting, value, world):
    here = types(name, world)
    assert not any("float64" in line for line in here)
    program = f"import runpy; print(*runpy.run_path({__file__!r})['types']({name!r}, {world!r}), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {setting: value, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == here
