"""What only a learner with intrinsic rewards finds: the right end of a corridor."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.algos import ippo

ENVS = 16
CONFIG = ippo.Config(
    num_envs=ENVS, epochs=4, minibatches=4, hidden_sizes=(64,), learning_rate=1e-3, novelty_coef=1.0
)


def returns(kind: str | None, seeds: int, iterations: int) -> np.ndarray:
    """Mean return of the last five iterations, per seed; 32 is the most, 0.06 is that of staying."""
    world = garrison.make("toy/corridor")
    config = CONFIG.replace(novelty=kind, total_steps=iterations * ENVS * world.max_steps)
    ippo.check(config, world)

    def one(seed):
        state = ippo.init(config, world, jax.random.key(seed))
        step = lambda state, _: ippo.iteration(config, world, state)  # noqa: E731
        return jax.lax.scan(step, state, length=iterations)[1]["return"]

    return np.asarray(jax.jit(lambda seeds: jax.lax.map(one, seeds))(jnp.arange(seeds)))[:, -5:].mean(axis=1)


@pytest.mark.parametrize(("kind", "reached"), [(None, (0, 0.1)), ("ngu", (20, 32))])
def test_novelty_leads_along_a_corridor(kind, reached):
    assert reached[0] < returns(kind, seeds=1, iterations=30)[0] < reached[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "reach"), [(None, (0, 0)), ("rnd", (0, 1)), ("episodic", (4, 5)), ("ngu", (4, 5))]
)
def test_how_many_seeds_novelty_leads_along_a_corridor(kind, reach):
    found = returns(kind, seeds=5, iterations=60) > 20
    assert reach[0] <= found.sum() <= reach[1]
