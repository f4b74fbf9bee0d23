"""Generalised advantage estimation against its definition as a sum."""

import jax.numpy as jnp
import numpy as np
import pytest

from garrison.learn import gae

GAMMA, LAMBDA, STEPS = 0.9, 0.8, 12


@pytest.fixture(scope="module")
def batch() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shape = (STEPS, 2, 3)  # step, env, agent
    terminated, truncated = np.zeros((STEPS, 2, 1), bool), np.zeros((STEPS, 2, 1), bool)
    terminated[4, 0] = terminated[11, 1] = truncated[7, 0] = truncated[3, 1] = True
    values = {name: rng.normal(size=shape).astype(np.float32) for name in ("reward", "value", "next_value")}
    return values | {"terminated": terminated, "done": terminated | truncated}


def defined(batch: dict[str, np.ndarray], env: int, agent: int, start: int) -> float:
    """Equation 16: the sum of (gamma * lambda)^l times the temporal difference l steps later."""
    total = 0.0
    for later, t in enumerate(range(start, STEPS)):
        bootstrap = 0.0 if batch["terminated"][t, env, 0] else batch["next_value"][t, env, agent]
        delta = batch["reward"][t, env, agent] + GAMMA * bootstrap - batch["value"][t, env, agent]
        total += (GAMMA * LAMBDA) ** later * delta
        if batch["done"][t, env, 0]:
            break
    return total


def test_equals_the_definition(batch):
    found = gae.advantages(
        **{name: jnp.asarray(x) for name, x in batch.items()}, gamma=GAMMA, gae_lambda=LAMBDA
    )
    expected = [
        [[defined(batch, env, agent, t) for agent in range(3)] for env in range(2)] for t in range(STEPS)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_truncation_is_bootstrapped_and_termination_is_not():
    one = jnp.ones((1, 1))
    yes, no = jnp.ones((1, 1), bool), jnp.zeros((1, 1), bool)
    truncated = gae.advantages(one, one * 3, one * 10, no, yes, GAMMA, LAMBDA)
    terminated = gae.advantages(one, one * 3, one * 10, yes, yes, GAMMA, LAMBDA)
    np.testing.assert_allclose(truncated, 1 + GAMMA * 10 - 3)
    np.testing.assert_allclose(terminated, 1 - 3)


def test_what_is_not_decided_belongs_to_the_decision_before():
    """A decision of three steps, then two of one step, bootstrapped at the end: the same written out."""
    reward, value = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    next_value = np.append(value[1:], 60.0)
    never, decides = np.zeros(5, bool), np.array([True, False, False, True, True])
    found = gae.advantages(
        *(jnp.asarray(x) for x in (reward, value, next_value, never, never)),
        GAMMA,
        LAMBDA,
        jnp.asarray(decides),
    )
    last = 5 + GAMMA * 60 - 50
    fourth = 4 + GAMMA * 50 - 40 + GAMMA * LAMBDA * last
    first = 1 + GAMMA * 2 + GAMMA**2 * 3 + GAMMA**3 * 40 - 10 + GAMMA**3 * LAMBDA * fourth
    np.testing.assert_allclose(np.asarray(found)[decides], [first, fourth, last], rtol=1e-6)


def test_an_episode_that_ends_within_a_long_action_is_not_mixed_with_the_next():
    reward, value = jnp.array([1.0, 2.0, 100.0]), jnp.array([10.0, 0.0, 0.0])
    done, decides = jnp.array([False, True, False]), jnp.array([True, False, True])
    next_value = jnp.array([7.0, 8.0, 9.0])  # the second is that of the last observation of the episode
    for terminated, bootstrap in ((done, 0.0), (jnp.zeros(3, bool), 8.0)):
        found = gae.advantages(reward, value, next_value, terminated, done, GAMMA, LAMBDA, decides)
        np.testing.assert_allclose(found[0], 1 + GAMMA * (2 + GAMMA * bootstrap) - 10, rtol=1e-6)
