"""The network against the same thing written plainly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.learn import nets
from garrison.learn.nets import ActorCritic

FEATURES, AGENTS, ACTIONS, HIDDEN = 7, 3, 4, (16, 8)


@pytest.fixture(scope="module")
def net() -> ActorCritic:
    return ActorCritic(jax.random.key(0), FEATURES, AGENTS, ACTIONS, HIDDEN)


def test_is_a_perceptron_on_observation_and_agent_index(net):
    obs = np.random.default_rng(0).normal(size=(AGENTS, FEATURES)).astype(np.float32)
    hidden = np.concatenate([obs, np.eye(AGENTS)], axis=1)
    hidden = np.tanh(hidden @ np.concatenate([net.trunk.layers[0].weight, net.trunk.agent]))
    hidden = np.tanh(hidden @ np.asarray(net.trunk.layers[1].weight))
    logits, values = net(jnp.asarray(obs))
    np.testing.assert_allclose(logits, hidden @ np.asarray(net.policy.weight), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(values, (hidden @ np.asarray(net.value.weight))[:, 0], rtol=1e-4, atol=1e-6)


def test_agents_that_see_the_same_may_act_differently(net):
    logits, values = net(jnp.ones((AGENTS, FEATURES)))
    assert len(np.unique(np.asarray(values))) == AGENTS
    assert (np.asarray(logits[0]) != np.asarray(logits[1])).any()


def test_starts_orthogonal_and_nearly_uniform(net):
    first = np.concatenate(
        [net.trunk.layers[0].weight, net.trunk.agent]
    )  # f32[10, 16]: the rows are orthogonal
    np.testing.assert_allclose(first @ first.T, 2 * np.eye(len(first)), atol=1e-5)
    probs = jax.nn.softmax(net(jnp.ones((AGENTS, FEATURES)))[0])
    np.testing.assert_allclose(probs, 1 / ACTIONS, atol=0.01)


@pytest.mark.parametrize("hidden", [(), (16, 0)])
def test_impossible_layers_are_refused(hidden):
    with pytest.raises(ValueError, match="hidden is"):
        ActorCritic(jax.random.key(0), FEATURES, AGENTS, ACTIONS, hidden)


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="activation is 'swish'; there are: tanh, relu"):
        ActorCritic(jax.random.key(0), FEATURES, AGENTS, ACTIONS, HIDDEN, activation="swish")


def test_relu_and_a_critic_of_its_own():
    net = ActorCritic(jax.random.key(0), FEATURES, AGENTS, ACTIONS, HIDDEN, "relu", separate_critic=True)
    obs = np.random.default_rng(0).normal(size=(AGENTS, FEATURES)).astype(np.float32)

    def hidden(trunk):
        first, second = trunk.layers
        x = np.maximum(obs @ np.asarray(first.weight) + trunk.agent, 0)
        return np.maximum(x @ np.asarray(second.weight), 0)

    logits, values = net(jnp.asarray(obs))
    np.testing.assert_allclose(logits, hidden(net.trunk) @ net.policy.weight, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(values, (hidden(net.critic) @ net.value.weight)[:, 0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("policies", "groups"), [("shared", (0, 0, 0)), ("grouped", (0, 1, 0)), ("separate", (0, 1, 2))]
)
def test_who_shares_a_network_with_whom(policies, groups):
    assert nets.policy_groups(policies, ((9, 4), (5, 4), (9, 4))) == groups
    with pytest.raises(ValueError, match="policies is 'none'; there are: shared, grouped, separate"):
        nets.policy_groups("none", (1, 2))


def test_groups_are_networks_of_their_own():
    keys = jax.random.split(jax.random.key(0), 2)
    alone = [ActorCritic(key, FEATURES, AGENTS, ACTIONS, HIDDEN) for key in keys]
    grouped = nets.make(jax.random.key(0), (0, 1, 0), FEATURES, ACTIONS, HIDDEN, "tanh", False)
    obs = jnp.asarray(np.random.default_rng(0).normal(size=(AGENTS, FEATURES)), jnp.float32)
    logits, values = grouped(obs)
    for agent, group in enumerate((0, 1, 0)):
        expected = alone[group](obs)
        np.testing.assert_allclose(logits[agent], expected[0][agent], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(values[agent], expected[1][agent], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("groups", [(0, 0, 0), (0, 1, 0)])
def test_the_value_head_can_be_changed_alone(groups):
    net = nets.make(jax.random.key(0), groups, FEATURES, ACTIONS, HIDDEN, "tanh", False)
    changed = nets.change_value_head(net, lambda weight, bias: (2 * weight, 2 * bias + 1))
    obs = jnp.ones((AGENTS, FEATURES))
    np.testing.assert_allclose(changed(obs)[1], 2 * net(obs)[1] + 1, rtol=1e-5)
    np.testing.assert_array_equal(changed(obs)[0], net(obs)[0])
