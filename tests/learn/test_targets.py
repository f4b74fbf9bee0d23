"""Targets of action values: whose choice, which actions, how far ahead."""

import jax.numpy as jnp
import numpy as np
import pytest

from garrison.learn import targets

ONLINE = jnp.asarray([[1.0, 4.0, 3.0]])
TARGET = jnp.asarray([[10.0, 20.0, 30.0]])
ALL = jnp.ones((1, 3), bool)


def test_double_q_uses_online_choice():
    assert targets.double_q(ONLINE, TARGET, ALL) == 20  # neither the largest, nor the online network's value


def test_masked_max_ignores_the_next_states_illegal():
    assert targets.double_q(ONLINE, TARGET, jnp.asarray([[True, False, True]])) == 30
    assert targets.double_q(ONLINE, TARGET, jnp.asarray([[True, False, False]])) == 10


def reference(reward, value, terminated, done, gamma, decay):
    """Each return by its definition: a mixture of the returns of 1, 2, ... steps within the episode."""
    steps, found = len(reward), []
    for start in range(steps):
        end = next((t for t in range(start, steps) if done[t]), steps - 1)
        total, discount, result, weight = 0.0, 1.0, 0.0, 1.0
        for t in range(start, end + 1):
            total += discount * reward[t]
            discount *= gamma
            n_step = total + discount * value[t] * (not terminated[t])
            last = t == end
            result += weight * (1.0 if last else 1 - decay) * n_step
            weight *= decay
        found.append(result)
    return found


@pytest.mark.parametrize("decay", [0.0, 0.6, 1.0])
def test_lambda_returns_are_those_of_the_definition(decay):
    """Several episodes in one sequence: some terminate, some are cut, the last goes on."""
    rng, steps = np.random.default_rng(0), 12
    reward, value = rng.normal(size=(2, steps))
    done, terminated = np.zeros((2, steps), bool)
    done[[2, 5, 8]] = True
    terminated[[2, 8]] = True
    found = targets.lambda_returns(
        *(jnp.asarray(x[:, None], jnp.float32) for x in (reward, value)),
        jnp.asarray(terminated)[:, None],
        jnp.asarray(done)[:, None],
        0.9,
        decay,
    )
    expected = reference(reward, value, terminated, done, 0.9, decay)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-4, atol=1e-5)


def test_what_follows_a_long_step_is_discounted_more():
    ones, no = jnp.ones((1, 1)), jnp.zeros((1, 1), bool)
    found = targets.lambda_returns(ones, 2 * ones, no, no, 0.9, 0.0, elapsed=3 * ones)
    np.testing.assert_allclose(found, 1 + 0.9**3 * 2, rtol=1e-6)


def test_targets_are_copied_every_so_many_gradient_steps():
    old, new = {"w": jnp.zeros(2)}, {"w": jnp.ones(2)}
    copied = [targets.follow(old, new, jnp.int32(n), 3, None)["w"][0] for n in range(1, 7)]
    assert copied == [0, 0, 1, 0, 0, 1]


def test_soft_targets_take_a_share_each_time():
    old, new = {"w": jnp.full(1, 2.0)}, {"w": jnp.full(1, 4.0)}
    for updates in (1, 2, 3):
        np.testing.assert_allclose(targets.follow(old, new, jnp.int32(updates), 3, 0.1)["w"], 2.2, rtol=1e-6)
