"""The network against the same thing written plainly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.algos.ippo import Config
from garrison.learn import nets
from garrison.learn.nets import ActorCritic
from garrison.learn.norm import ValueScale

FEATURES, AGENTS, ACTIONS, HIDDEN = 7, 3, 4, (16, 8)
OPTIONS = Config(hidden_sizes=HIDDEN)


def make(groups=(0,) * AGENTS, seed=0, **changes):
    options = {name: changes.pop(name) for name in list(changes) if hasattr(OPTIONS, name)}
    separate = options.pop("separate_critic", False)
    config = OPTIONS.replace(**options)
    return nets.make(
        jax.random.key(seed), groups, FEATURES, ACTIONS, config, separate_critic=separate, **changes
    )


def outputs(net, obs):
    """Logits and values of one observation, without memory."""
    return net((), jnp.asarray(obs), jnp.zeros((), bool))[1]


@pytest.fixture(scope="module")
def net() -> ActorCritic:
    return make()


def test_is_a_perceptron_on_observation_and_agent_index(net):
    obs = np.random.default_rng(0).normal(size=(AGENTS, FEATURES)).astype(np.float32)
    hidden = np.concatenate([obs, np.eye(AGENTS)], axis=1)
    hidden = np.tanh(hidden @ np.concatenate([net.trunk.layers[0].weight, net.trunk.agent]))
    hidden = np.tanh(hidden @ np.asarray(net.trunk.layers[1].weight))
    logits, values = outputs(net, obs)
    np.testing.assert_allclose(logits, hidden @ np.asarray(net.policy.weight), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(values, (hidden @ np.asarray(net.value.weight))[:, 0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("groups", [(0,) * AGENTS, (0, 1, 0)])
def test_layer_norm_comes_between_each_hidden_layer_and_its_activation(groups):
    like, generator = make(groups, layer_norm=True), np.random.default_rng(0)
    net = jax.tree.map(lambda x: jnp.asarray(generator.normal(size=x.shape), jnp.float32), like)
    obs = generator.normal(size=(AGENTS, FEATURES)).astype(np.float32)
    logits, _ = outputs(net, obs)
    for agent, group in enumerate(groups):
        own = jax.tree.map(lambda x, group=group: np.asarray(x[group]), net.nets) if max(groups) else net
        hidden = obs[agent]
        for number, (layer, norm) in enumerate(zip(own.trunk.layers, own.trunk.norms, strict=True)):
            hidden = hidden @ layer.weight + layer.bias + (own.trunk.agent[agent] if number == 0 else 0)
            hidden = (hidden - hidden.mean()) / np.sqrt(hidden.var() + 1e-5)
            hidden = np.tanh(hidden * norm.weight + norm.bias)
        expected = hidden @ own.policy.weight + own.policy.bias
        np.testing.assert_allclose(logits[agent], expected, rtol=1e-4, atol=1e-5)


def test_agents_that_see_the_same_may_act_differently(net):
    logits, values = outputs(net, jnp.ones((AGENTS, FEATURES)))
    assert len(np.unique(np.asarray(values))) == AGENTS
    assert (np.asarray(logits[0]) != np.asarray(logits[1])).any()


def test_starts_orthogonal_and_nearly_uniform(net):
    first = np.concatenate(
        [net.trunk.layers[0].weight, net.trunk.agent]
    )  # f32[10, 16]: the rows are orthogonal
    np.testing.assert_allclose(first @ first.T, 2 * np.eye(len(first)), atol=1e-5)
    probs = jax.nn.softmax(outputs(net, jnp.ones((AGENTS, FEATURES)))[0])
    np.testing.assert_allclose(probs, 1 / ACTIONS, atol=0.01)


@pytest.mark.parametrize("hidden", [(), (16, 0)])
def test_impossible_layers_are_refused(hidden):
    with pytest.raises(ValueError, match="hidden_sizes is"):
        make(hidden_sizes=hidden)


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="activation is 'swish'; it must be one of: tanh, relu"):
        make(activation="swish")


def test_relu_and_a_critic_of_its_own():
    net = make(activation="relu", separate_critic=True)
    obs = np.random.default_rng(0).normal(size=(AGENTS, FEATURES)).astype(np.float32)

    def hidden(trunk):
        first, second = trunk.layers
        x = np.maximum(obs @ np.asarray(first.weight) + trunk.agent, 0)
        return np.maximum(x @ np.asarray(second.weight), 0)

    logits, values = outputs(net, obs)
    np.testing.assert_allclose(logits, hidden(net.trunk) @ net.policy.weight, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(values, (hidden(net.critic) @ net.value.weight)[:, 0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("sharing", "groups"), [("shared", (0, 0, 0)), ("grouped", (0, 1, 0)), ("separate", (0, 1, 2))]
)
def test_who_shares_a_network_with_whom(sharing, groups):
    assert nets.groups_of(sharing, ((9, 4), (5, 4), (9, 4))) == groups


def test_unknown_options_are_refused():
    message = "sharing is 'none'; it must be one of: shared, grouped, separate"
    with pytest.raises(ValueError, match=message):
        nets.check_options(OPTIONS.replace(sharing="none"))
    with pytest.raises(ValueError, match="no network 'recurent' .did you mean 'recurrent'"):
        nets.check_options(OPTIONS.replace(network="recurent"))
    with pytest.raises(ValueError, match="cell is 'rnn'; it must be one of: gru, lstm"):
        nets.check_options(OPTIONS.replace(network="recurrent", cell="rnn"))
    with pytest.raises(ValueError, match="cell_size is 0"):
        nets.check_options(OPTIONS.replace(network="recurrent", cell_size=0))


def test_groups_are_networks_of_their_own():
    keys = jax.random.split(jax.random.key(0), 2)
    alone = [nets.make(key, (0, 0, 0), FEATURES, ACTIONS, OPTIONS) for key in keys]
    grouped = make((0, 1, 0))
    obs = jnp.asarray(np.random.default_rng(0).normal(size=(AGENTS, FEATURES)), jnp.float32)
    logits, values = outputs(grouped, obs)
    for agent, group in enumerate((0, 1, 0)):
        expected = outputs(alone[group], obs)
        np.testing.assert_allclose(logits[agent], expected[0][agent], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(values[agent], expected[1][agent], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("groups", [(0, 0, 0), (0, 1, 0)])
def test_the_value_head_can_be_changed_alone(groups):
    net, obs = make(groups), jnp.ones((AGENTS, FEATURES))
    old, new = (ValueScale(jnp.array(mean), jnp.array(9.0), jnp.array(1.0)) for mean in (0.0, 2.0))
    changed = net.with_value_head(old, new)
    (logits, values), (new_logits, new_values) = outputs(net, obs), outputs(changed, obs)
    np.testing.assert_allclose(new.denormalize(new_values), old.denormalize(values), rtol=1e-5)
    np.testing.assert_array_equal(new_logits, logits)
