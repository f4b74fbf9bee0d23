"""A critic that sees more than the policy: the policy reads its own features alone, and plays without it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.algos import ippo
from garrison.algos.ippo import Config
from garrison.core.world import observed_by
from garrison.learn import nets
from garrison.worlds.cc4 import rich, truth
from garrison.worlds.cc4 import tables as T

WORLD = garrison.make("cc4", observation="rich", busy="masked", traffic="off")
SEEN = WORLD.observe_as("true")
SMALL = Config(network="entity", hidden_sizes=(8, 8), activation="relu", critic_observation="true")


@pytest.fixture(scope="module", params=["entity", "mlp"])
def net(request):
    config = SMALL.replace(network=request.param)
    like = nets.asymmetric(jax.random.key(0), WORLD, SEEN, config)
    generator = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(generator.normal(0, 0.3, x.shape), jnp.float32), like)


@pytest.fixture(scope="module")
def obs():
    drawn = np.random.default_rng(0).random((5, SEEN.observation_size)).astype(np.float32)
    drawn[:, 0] = 2
    return jnp.asarray(drawn)


def test_the_policy_does_not_see_what_the_critic_sees(net, obs):
    changed = obs.at[:, rich.SIZE :].add(1.0)
    outputs = jax.jit(lambda net, obs: net((), obs, False)[1])
    (logits, values), (same, others) = outputs(net, obs), outputs(net, changed)
    np.testing.assert_array_equal(logits, same)
    assert (np.asarray(values) != np.asarray(others)).all()


def test_single_agents_give_what_all_agents_give(net, obs):
    logits, values = net((), obs, False)[1]
    for agents, packed in zip(net.classes(5), net.pack(obs), strict=True):
        for place, agent in enumerate(agents):
            row = jax.tree.map(lambda x, place=place: x[place], packed)
            own, value = net.row(row, jnp.int32(place), agents)
            order = net.order(agents)[place]
            np.testing.assert_allclose(
                own[order >= 0], logits[agent, order[order >= 0]], rtol=1e-4, atol=1e-5
            )
            np.testing.assert_allclose(value, values[agent], rtol=1e-4, atol=1e-5)


def test_what_is_learned_plays_with_the_policys_observation():
    state = jax.eval_shape(lambda key: ippo.init(SMALL, WORLD, key), jax.random.key(0))
    policy = ippo.policy(state, WORLD)
    assert (policy.observation, policy.observation_size) == ("rich", 892)
    assert not isinstance(policy.net, nets.Asymmetric)
    assert observed_by(garrison.make("cc4"), [policy]).observation == "rich"


def test_what_makes_no_sense_is_refused():
    for changes, world, message in (
        ({"critic_observation": "stock"}, WORLD, "the policy sees as much: 'rich'"),
        ({"critic_observation": "all"}, WORLD, "observation contracts stock, rich, recall, true"),
        ({"network": "recurrent"}, WORLD, "for networks without memory"),
        ({"network": "mlp"}, garrison.make("toy/network"), "of a single kind"),
    ):
        with pytest.raises(ValueError, match=message):
            ippo.check(SMALL.replace(**changes), world)
    with pytest.raises(ValueError, match="no observation 'true'; there are: stock, rich, recall"):
        garrison.make("cc4", observation="true")


def test_the_truth_is_where_red_is():
    """Of an episode in which red has spread: per host of an agent, and per subnet in sixteenths."""

    @jax.jit
    def played(key):
        obs, episode = SEEN.reset(key)

        def one(carry, t):
            _, episode = carry
            obs, episode, _ = SEEN.step(jax.random.fold_in(key, t), episode, jnp.array(SEEN.idle_actions))
            return (obs, episode), None

        return jax.lax.scan(one, (obs, episode), jnp.arange(250))[0]

    obs, episode = played(jax.random.key(0))
    obs, state = np.asarray(obs), jax.tree.map(np.asarray, episode.state)
    live = state.session_kind > 0
    held = {int(host) for host in state.session_host[live]}
    rooted = {int(host) for host in state.session_host[live & (state.session_user == T.User.ROOT)]}
    assert len(rooted) > 3
    assert held - rooted
    for agent, zones in enumerate(T.BLUE_SUBNETS):
        hosts = T.BLUE_ACTIONS[agent, : 16 * len(zones), 1]
        block = obs[agent, truth.HOSTS :][: len(truth.OF_HOST) * len(hosts)].reshape(len(hosts), -1)
        assert block[:, 0].tolist() == [float(host in held) for host in hosts]
        assert block[:, 1].tolist() == [float(host in rooted) for host in hosts]
        assert block[:, 2].tolist() == pytest.approx((state.host_reliability[hosts].min(1) / 100).tolist())
        subnets = obs[agent, truth.START : truth.HOSTS].reshape(-1, 2) * 16
        counts = [
            [sum(T.HOST_SUBNET[h] == zone for h in found) for found in (held, rooted)] for zone in range(8)
        ]
        assert subnets.tolist() == counts
        labels = SEEN.observation_labels(agent)
        assert labels[truth.HOSTS + 1] == f"{T.HOST_NAMES[hosts[0]]}: red has root"
