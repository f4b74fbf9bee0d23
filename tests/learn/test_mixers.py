"""Mixers: the equations, and that no agent's value lowers the team's."""

import jax
import jax.numpy as jnp
import numpy as np

from garrison.learn import mixers

AGENTS, FEATURES, WIDTH, HIDDEN = 3, 5, 4, 6


def qmix(seed=0):
    mixer = mixers.make(jax.random.key(seed), "qmix", AGENTS, FEATURES, WIDTH, HIDDEN)
    noise = iter(jax.random.split(jax.random.key(seed + 1), 100))
    return jax.tree.map(lambda x: x + 0.3 * jax.random.normal(next(noise), x.shape), mixer)  # biases too


def rows(count, seed=0):
    rng = np.random.default_rng(seed)
    q, state = rng.normal(0, 3, (count, AGENTS)), rng.normal(0, 1, (count, FEATURES))
    return jnp.asarray(q, jnp.float32), jnp.asarray(state, jnp.float32)


def test_qmix_is_the_one_of_the_equations():
    """Two layers, each with its bias and the first with its activation; hypernetworks of two layers."""
    mixer, (q, state) = qmix(), rows(7)
    dense = lambda layer, x: x @ np.asarray(layer.weight) + np.asarray(layer.bias)  # noqa: E731
    deep = lambda layers, x: dense(layers[1], np.maximum(dense(layers[0], x), 0))  # noqa: E731
    expected = []
    for one, seen in zip(np.asarray(q), np.asarray(state), strict=True):
        hidden = one @ np.abs(deep(mixer.weights_in, seen)).reshape(AGENTS, WIDTH) + dense(
            mixer.bias_in, seen
        )
        hidden = np.where(hidden > 0, hidden, np.expm1(hidden))
        expected.append(hidden @ np.abs(deep(mixer.weights_out, seen)) + deep(mixer.bias_out, seen)[0])
    found = mixers.mix(mixer, q, state)
    assert found.shape == (7, 1)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-4, atol=1e-5)


def test_monotone():
    """The team's value never falls with an agent's, and depends on each of them and on the state."""
    mixer, (q, state) = qmix(), rows(1_000)
    total = lambda q, state: mixer(q, state)[0]  # noqa: E731
    by_agent, by_state = jax.vmap(jax.grad(total, argnums=(0, 1)))(q, state)
    assert (by_agent >= 0).all()
    assert (by_agent.max(axis=0) > 0.1).all()
    assert (np.abs(by_state).max(axis=0) > 0.1).all()


def test_the_others_add_up_or_leave_apart():
    q, _ = rows(4)
    total, apart = (mixers.make(jax.random.key(0), name, AGENTS, 0, 1, 1) for name in ("sum", "none"))
    np.testing.assert_allclose(mixers.mix(total, q, None), q.sum(axis=1, keepdims=True), rtol=1e-6)
    np.testing.assert_array_equal(mixers.mix(apart, q, None), q)


def test_rows_are_mixed_with_their_own_state():
    mixer, (q, state) = qmix(), rows(6)
    whole = mixers.mix(mixer, q.reshape(2, 3, AGENTS), state.reshape(2, 3, FEATURES))
    for number in range(6):
        alone = mixer(q[number], state[number])
        np.testing.assert_allclose(whole[number // 3, number % 3], alone, rtol=1e-5, atol=1e-6)
