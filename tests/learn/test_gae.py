"""Generalised advantage estimation against its definition as a sum."""

import jax.numpy as jnp
import numpy as np
import pytest

from garrison.learn import gae

GAMMA, LAMBDA, STEPS = 0.9, 0.8, 12


@pytest.fixture(scope="module")
def batch() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shape = (STEPS, 2, 3)  # step, lane, agent
    terminated, truncated = np.zeros((STEPS, 2, 1), bool), np.zeros((STEPS, 2, 1), bool)
    terminated[4, 0] = terminated[11, 1] = truncated[7, 0] = truncated[3, 1] = True
    values = {name: rng.normal(size=shape).astype(np.float32) for name in ("reward", "value", "next_value")}
    return values | {"terminated": terminated, "done": terminated | truncated}


def defined(batch: dict[str, np.ndarray], lane: int, agent: int, start: int) -> float:
    """Equation 16: the sum of (gamma * lambda)^l times the temporal difference l steps later."""
    total = 0.0
    for later, t in enumerate(range(start, STEPS)):
        bootstrap = 0.0 if batch["terminated"][t, lane, 0] else batch["next_value"][t, lane, agent]
        delta = batch["reward"][t, lane, agent] + GAMMA * bootstrap - batch["value"][t, lane, agent]
        total += (GAMMA * LAMBDA) ** later * delta
        if batch["done"][t, lane, 0]:
            break
    return total


def test_equals_the_definition(batch):
    found = gae.advantages(
        **{name: jnp.asarray(x) for name, x in batch.items()}, gamma=GAMMA, gae_lambda=LAMBDA
    )
    expected = [
        [[defined(batch, lane, agent, t) for agent in range(3)] for lane in range(2)] for t in range(STEPS)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_truncation_is_bootstrapped_and_termination_is_not():
    one = jnp.ones((1, 1))
    yes, no = jnp.ones((1, 1), bool), jnp.zeros((1, 1), bool)
    truncated = gae.advantages(one, one * 3, one * 10, no, yes, GAMMA, LAMBDA)
    terminated = gae.advantages(one, one * 3, one * 10, yes, yes, GAMMA, LAMBDA)
    np.testing.assert_allclose(truncated, 1 + GAMMA * 10 - 3)
    np.testing.assert_allclose(terminated, 1 - 3)
