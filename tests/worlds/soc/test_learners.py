"""Learners of the presets fit either side of ``soc``."""

import jax
import jax.numpy as jnp
import pytest

from garrison.presets import PRESETS

SOC = [name for name in PRESETS if name.startswith("soc-")]
SLOW = {"soc-ippo", "soc-recurrent", "soc-red", "soc-red-entity"}  # traced alike by the others


def small(name):
    """The preset with few environments and steps."""
    return PRESETS[name].changed(
        total_steps=64,
        num_envs=2,
        rollout_steps=16,
        epochs=1,
        minibatches=1,
        **({} if PRESETS[name].settings.chunk is None else {"chunk": 8}),
    )


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in SOC]
)
def test_an_iteration_is_traced(name):
    training = small(name)
    world, algo, settings = training.make_world(), training.algo, training.settings

    def one(key):
        return algo.iteration(settings, world, algo.init(settings, world, key))[1]

    metrics = jax.eval_shape(one, jax.random.key(0))
    assert metrics["return"].shape == ()
    assert metrics["policy_loss"].dtype == jnp.float32


@pytest.mark.slow
@pytest.mark.parametrize("name", ["soc-entity", "soc-ct-gmarl", "soc-red-recurrent"])
def test_an_iteration_is_finite(name):
    training = small(name)
    world, algo, settings = training.make_world(), training.algo, training.settings
    state = jax.jit(lambda key: algo.init(settings, world, key))(jax.random.key(0))
    _, metrics = jax.jit(lambda state: algo.iteration(settings, world, state))(state)
    assert jnp.isfinite(metrics["policy_loss"])
    assert jnp.isfinite(metrics["value_loss"])
    assert metrics["grad_norm"] > 0
