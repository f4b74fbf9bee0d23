"""New episodes within compiled steps: the same as computing them always, but only where one ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.adapters.restart import restart

started = []


def start(world, key):
    """Notes how many environments a new episode is computed for."""
    jax.debug.callback(lambda _: started.append(1), key)
    return world + jax.random.uniform(key, (2,)), jnp.zeros((), jnp.int32)


def one(world, done, key, running):
    return restart(start, world, done, key, running)


def alone(world, done, key, running):
    return jax.tree.map(lambda new, old: jnp.where(done, new, old), start(world, key), running)


def given(done):
    keys = jax.random.split(jax.random.key(0), done.shape)
    return jnp.float32(3), done, keys, (jnp.ones((*done.shape, 2)), jnp.full(done.shape, 7, jnp.int32))


@pytest.mark.parametrize("axes", [0, 1, 2])
@pytest.mark.parametrize("ended", [True, False])
def test_it_is_a_selection_whatever_is_mapped(axes, ended):
    done = np.zeros((2, 3)[:axes], bool)
    if ended:
        done.flat[-1] = True
    mine, other = one, alone
    for _ in range(axes):
        mine, other = (jax.vmap(function, (None, 0, 0, 0)) for function in (mine, other))
    arguments = given(jnp.asarray(done))
    expected = jax.jit(other)(*arguments)
    jax.effects_barrier()
    started.clear()
    jax.tree.map(np.testing.assert_array_equal, jax.jit(mine)(*arguments), expected)
    jax.effects_barrier()
    assert len(started) == (done.size if ended else 0)


def test_worlds_with_mapped_arrays_start_their_own_episodes():
    worlds = jnp.arange(3.0)
    done = jnp.array([True, False, True])
    arguments = worlds, *given(done)[1:]
    got, expected = (jax.jit(jax.vmap(function))(*arguments) for function in (one, alone))
    jax.tree.map(np.testing.assert_array_equal, got, expected)
    assert float(got[0][2, 0]) >= 2


def test_it_is_scanned():
    """An environment whose episodes have three steps, over seven steps."""

    def step(state, key):
        _, time = state = (state[0], state[1] + 1)
        return restart(start, jnp.float32(0), time == 3, key, state), time

    first = jnp.zeros((4, 2)), jnp.zeros(4, jnp.int32)
    keys = jax.random.split(jax.random.key(1), (7, 4))
    started.clear()
    _, times = jax.jit(lambda state, keys: jax.lax.scan(jax.vmap(step), state, keys))(first, keys)
    jax.effects_barrier()
    assert times[:, 0].tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert len(started) == 2 * 4
