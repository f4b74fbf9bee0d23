"""The memory that knows time: its equation, its solver, and what each way of telling the time depends on."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.learn import timed
from garrison.learn.timed import TIMES, Decay, Ode, TimedGRU

WIDTH = 24
LARGE = 4.0  # on weights that were trained for long


def states(number):
    return jax.random.uniform(jax.random.key(9), (number, WIDTH), jnp.float32, -1, 1)


@jax.jit
def flows(ode, elapsed):
    """With the steps of the solver, and with very small ones."""
    of = lambda substeps: jax.vmap(lambda h: ode(h, elapsed, substeps))(states(64))  # noqa: E731
    return of(timed.SUBSTEPS), of(256)


@pytest.mark.parametrize("elapsed", [0.1, 2.0, timed.LONGEST])
def test_the_solver_is_close_to_one_with_small_steps(elapsed):
    for seed in range(3):
        given, fine = flows(Ode(jax.random.key(seed), WIDTH), jnp.float32(elapsed))
        np.testing.assert_allclose(given, fine, atol=1e-4)  # 1e-2 is what is asked for
    assert np.abs(fine - states(64)).max() > 1e-3


def test_the_solver_is_close_at_the_fastest_rates():
    ode = Ode(jax.random.key(0), WIDTH)
    ode = eqx.tree_at(lambda ode: ode.rate, ode, jnp.full(WIDTH, 20.0))
    given, fine = flows(ode, jnp.float32(timed.LONGEST))
    np.testing.assert_allclose(given, fine, atol=1e-2)


def test_the_memory_stays_within_its_bounds():
    ode = jax.tree.map(lambda x: LARGE * x, Ode(jax.random.key(0), WIDTH))
    given, fine = flows(ode, jnp.float32(timed.LONGEST))
    assert np.abs(fine).max() <= 1
    assert np.abs(given).max() <= 1 + 1e-2


def test_the_drift_is_that_of_the_equation():
    ode, h = Ode(jax.random.key(1), WIDTH), np.asarray(states(1)[0])
    weights = [np.asarray(layer.weight) for layer in (ode.first, ode.second)]
    rate = 0.125 / (1 + np.exp(-np.asarray(ode.rate)))
    expected = rate * (np.tanh(np.tanh(h @ weights[0]) @ weights[1]) - h)
    np.testing.assert_allclose(ode.drift(jnp.asarray(h)), expected, atol=1e-6)
    assert ((rate > 0) & (rate < 1 / 8)).all()


def test_decay_is_exponential():
    decay, h = Decay(), states(1)[0]
    np.testing.assert_allclose(decay(h, jnp.float32(32.0)), h * np.exp(-1), rtol=1e-5)


@pytest.mark.parametrize("time", TIMES)
def test_what_the_cell_depends_on(time):
    cell, h = TimedGRU(jax.random.key(2), 5, WIDTH, time), states(1)[0]
    x = jnp.ones(5, jnp.float32)
    after = jax.jit(lambda e: cell(h, x, e))
    now, later, last, beyond = (np.asarray(after(jnp.float32(e))) for e in (0, 3, timed.LONGEST, 100))
    np.testing.assert_array_equal(last, beyond)
    assert (np.abs(now - later).max() > 1e-3) == (time != "none")
    assert (np.abs(later - last).max() > 1e-3) == (time != "none")
    if time != "feature":
        np.testing.assert_allclose(now, cell.gru(h, x)[0], atol=1e-6)  # nothing has flowed
