"""The network against the same thing written plainly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.learn.nets import ActorCritic

FEATURES, AGENTS, ACTIONS, HIDDEN = 7, 3, 4, (16, 8)


@pytest.fixture(scope="module")
def net() -> ActorCritic:
    return ActorCritic(jax.random.key(0), FEATURES, AGENTS, ACTIONS, HIDDEN)


def test_is_a_perceptron_on_observation_and_agent_index(net):
    obs = np.random.default_rng(0).normal(size=(AGENTS, FEATURES)).astype(np.float32)
    hidden = np.concatenate([obs, np.eye(AGENTS)], axis=1)
    hidden = np.tanh(hidden @ np.concatenate([net.trunk[0].weight, net.agent]))
    hidden = np.tanh(hidden @ np.asarray(net.trunk[1].weight))
    logits, values = net(jnp.asarray(obs))
    np.testing.assert_allclose(logits, hidden @ np.asarray(net.policy.weight), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(values, (hidden @ np.asarray(net.value.weight))[:, 0], rtol=1e-4, atol=1e-6)


def test_agents_that_see_the_same_may_act_differently(net):
    logits, values = net(jnp.ones((AGENTS, FEATURES)))
    assert len(np.unique(np.asarray(values))) == AGENTS
    assert (np.asarray(logits[0]) != np.asarray(logits[1])).any()


def test_starts_orthogonal_and_nearly_uniform(net):
    first = np.concatenate([net.trunk[0].weight, net.agent])  # f32[10, 16]: the rows are orthogonal
    np.testing.assert_allclose(first @ first.T, 2 * np.eye(len(first)), atol=1e-5)
    probs = jax.nn.softmax(net(jnp.ones((AGENTS, FEATURES)))[0])
    np.testing.assert_allclose(probs, 1 / ACTIONS, atol=0.01)


@pytest.mark.parametrize("hidden", [(), (16, 0)])
def test_impossible_layers_are_refused(hidden):
    with pytest.raises(ValueError, match="hidden is"):
        ActorCritic(jax.random.key(0), FEATURES, AGENTS, ACTIONS, hidden)
