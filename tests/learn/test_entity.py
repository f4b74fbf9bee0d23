"""The entity network: which hosts it reads, that it treats them alike, and what it gives for which action."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.adapters.cyborg.export import flattened
from garrison.adapters.cyborg.submission.garrison_policy import EntityTeam
from garrison.algos import mappo
from garrison.algos.ippo import Config
from garrison.core import entities
from garrison.learn import nets
from garrison.learn.dists import ILLEGAL, masked_categorical
from garrison.worlds.cc4 import rich
from garrison.worlds.cc4 import tables as T

OPTIONS = Config(network="entity", hidden_sizes=(12, 8), activation="relu")
CONTRACTS = [("rich", "off"), ("rich", "free"), ("stock", "free")]


def made(observation="rich", traffic="free", **options):
    """A network with numbers of some size everywhere, and its world."""
    world = garrison.make("cc4", observation=observation, traffic=traffic)
    like = nets.of_world(jax.random.key(0), world, OPTIONS.replace(**options))
    generator = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(generator.normal(0, 0.4, x.shape), jnp.float32), like), world


def observed(world, seed=0):
    """Observations with a phase and with some hosts that do not exist."""
    generator = np.random.default_rng(seed)
    obs = generator.random((5, world.observation_size)).astype(np.float32)
    obs[:, 0] = 1
    if world.observation == "rich":
        exists = rich.HOSTS + len(rich.OF_HOST) * np.arange(48)
        obs[:, exists] = generator.random((5, 48)) < 0.7
    return obs


@jax.jit
def outputs(net, obs):
    return net((), obs, False)[1]


@pytest.fixture(scope="module")
def rich_net():
    return made()


@pytest.mark.parametrize(("observation", "traffic"), CONTRACTS)
def test_the_description_fits_the_world(observation, traffic):
    world = garrison.make("cc4", observation=observation, traffic=traffic)
    described = world.entities()
    entities.check(described, world)
    assert described == garrison.make("cc4", observation=observation, traffic=traffic, red="sleep").entities()
    assert hash(described) == hash(world.entities("blue"))
    for agent in range(world.num_agents):
        labels, seen = world.action_labels(agent), world.observation_labels(agent)
        for kind in described.kinds:
            for group in np.flatnonzero(np.array(kind.agents) == agent):
                for slot, row in enumerate(kind.actions[group]):
                    features = {seen[i] for i in kind.features[group, slot]}
                    for verb, action in zip(kind.verbs, row, strict=True):
                        check_labels(kind.name, verb, labels[action], features)


def check_labels(kind, verb, label, features):
    if kind == "link":
        source = label.split(" <- ")[1]
        assert all(source in feature for feature in features), (label, features)
        assert verb in label.upper()
        return
    name, host = label.split()
    assert name.upper() in (verb, "DEPLOYDECOY")
    assert all(host in feature or feature.replace(" ", "_").endswith(host[-8:]) for feature in features)


def test_a_description_that_does_not_fit_is_refused():
    world = garrison.make("cc4", observation="rich")
    described = world.entities()
    stock = garrison.make("cc4")
    with pytest.raises(ValueError, match="outside the 92 features of an observation"):
        entities.check(described, stock)
    twice = described.actions.copy()
    twice[:, 1] = twice[:, 0]
    with pytest.raises(ValueError, match="an action of agent 0 twice"):
        entities.check(
            entities.Entities(described.kinds, described.context, described.levels, twice, ("a", "b")), world
        )


def test_a_world_without_entities_is_refused():
    with pytest.raises(ValueError, match="'toy/network' does not"):
        nets.of_world(jax.random.key(0), garrison.make("toy/network"), OPTIONS)
    with pytest.raises(ValueError, match="shared by all agents"):
        made(sharing="separate")


def test_permuted_hosts_have_permuted_logits(rich_net):
    net, world = rich_net
    obs = observed(world)
    hosts, flags = len(rich.OF_HOST), 1 + 27
    users = np.arange(T.MAX_SERVERS, 16)  # servers and users are told apart
    order = np.arange(16)
    order[users] = np.random.default_rng(3).permutation(users)
    moved = obs.copy()
    for agent in range(4):
        table = obs[agent, rich.HOSTS : rich.HOSTS + hosts * 16].reshape(16, hosts)
        moved[agent, rich.HOSTS : rich.HOSTS + hosts * 16] = table[order].reshape(-1)
        for start in (flags, flags + 16):
            moved[agent, start : start + 16] = obs[agent, start : start + 16][order]
    (before, value), (after, value_after) = outputs(net, obs), outputs(net, moved)
    np.testing.assert_allclose(value, value_after, rtol=1e-5)
    first = T.FIRST_BLUE_ACTION
    for verb in (T.Blue.ANALYSE, T.Blue.REMOVE, T.Blue.RESTORE, T.Blue.DECOY):
        for agent in range(4):
            own = before[agent, first[verb][agent] : first[verb][agent] + 16]
            then = after[agent, first[verb][agent] : first[verb][agent] + 16]
            np.testing.assert_allclose(then, own[order], rtol=1e-4, atol=1e-5)
            assert np.ptp(own) > 1e-3
    np.testing.assert_allclose(after[4], before[4], rtol=1e-5, atol=1e-6)


def test_a_host_that_does_not_exist_changes_nothing(rich_net):
    net, world = rich_net
    obs = observed(world)
    place = rich.HOSTS + len(rich.OF_HOST) * 9  # a user of agents 0 to 3, and of agent 4's first subnet
    obs[:, place + rich.HostFeature.EXISTS] = 0
    changed = obs.copy()
    changed[:, place + 1 : place + len(rich.OF_HOST)] += 1
    (before, value), (after, value_after) = outputs(net, obs), outputs(net, changed)
    np.testing.assert_array_equal(value, value_after)
    own = T.BLUE_ACTIONS[:, :, 1] == T.BLUE_ACTIONS[:, 9, 1][:, None]
    np.testing.assert_array_equal(np.asarray(before)[~own], np.asarray(after)[~own])
    changed[:, place + rich.HostFeature.EXISTS] = 1
    assert (np.asarray(outputs(net, changed)[1]) != value).all()


def test_agents_of_one_shape_differ_by_their_subnet_alone(rich_net):
    net, world = rich_net
    obs = np.tile(observed(world)[:1], (5, 1))
    logits, values = outputs(net, obs)
    assert len(np.unique(np.asarray(values[:4]))) == 4
    host, link = net.kinds
    blind = host.constants.at[1:].set(0)  # all but whether it is a server
    parts = (blind, link.constants * 0, link.features * 0)  # links leave out the own subnet
    same = eqx.tree_at(
        lambda net: (net.kinds[0].constants, net.kinds[1].constants, net.kinds[1].features), net, parts
    )
    logits, values = outputs(same, obs)
    np.testing.assert_allclose(values[:4], np.repeat(values[:1], 4), rtol=1e-5)
    np.testing.assert_allclose(logits[1:4, :82], np.tile(logits[:1, :82], (3, 1)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("observation", "traffic"), CONTRACTS)
def test_numpy_gives_the_logits_of_jax(observation, traffic):
    net, world = made(observation, traffic)
    arrays, facts = flattened(net)
    team = EntityTeam(arrays, facts | {"greedy": False})
    obs = observed(world)
    logits = np.stack([team.logits(agent, obs[agent]) for agent in range(5)])
    np.testing.assert_allclose(logits, outputs(net, obs)[0], rtol=1e-5, atol=1e-5)
    assert np.ptp(logits[logits > ILLEGAL]) > 0.1


def test_what_was_never_legal_in_training_is_never_chosen():
    """Without links in the description, Allow and Block have no logit: a world where they are legal too."""
    net, world = made("rich", "off")
    logits = np.asarray(outputs(net, observed(world))[0])
    kind = T.BLUE_ACTIONS[:, :, 0]
    traffic = (kind == T.Blue.BLOCK) | (kind == T.Blue.ALLOW)
    assert (logits[traffic] == ILLEGAL).all()
    log_probs = masked_categorical(jnp.asarray(logits), jnp.ones(logits.shape, bool))
    np.testing.assert_array_equal(np.exp(np.asarray(log_probs))[traffic], 0)


def test_features_are_scaled_as_the_world_says(rich_net):
    """An age counts as its scale times what is observed; with a scale of 1 it would need other weights."""
    net, world = rich_net
    (kind, _), age = net.entities.kinds, rich.HostFeature.ANALYZED_AGE
    assert kind.scales[age] > 1
    assert kind.scales[rich.HostFeature.EXISTS] == 1
    scaled = np.asarray(net.feature_weights(0))
    np.testing.assert_allclose(scaled, np.asarray(net.kinds[0].features) * kind.scales[:, None], rtol=1e-6)
    plain = dataclasses.replace(kind, scales=None)
    described = dataclasses.replace(net.entities, kinds=(plain, net.entities.kinds[1]))
    same = eqx.tree_at(lambda net: net.kinds[0].features, net, jnp.asarray(scaled))
    same = dataclasses.replace(same, entities=described)
    obs = observed(world)
    np.testing.assert_allclose(outputs(same, obs)[0], outputs(net, obs)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("network", ["entity", "mlp", "separate"])
def test_single_agents_give_what_all_agents_give(rich_net, network):
    net, world = rich_net
    if network != "entity":
        options = Config(hidden_sizes=(8,), sharing="separate" if network == "separate" else "shared")
        net = nets.of_world(jax.random.key(0), world, options)
    obs = observed(world)
    logits, values = outputs(net, obs)
    seen = []
    for agents, packed in zip(net.classes(5), net.pack(jnp.asarray(obs)), strict=True):
        order = net.order(agents)
        for place, agent in enumerate(agents):
            row = jax.tree.map(lambda x, place=place: x[place], packed)
            own, value = net.row(row, jnp.int32(place), agents)
            real = order[place] >= 0
            np.testing.assert_allclose(own[real], logits[agent, order[place][real]], rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(value, values[agent], rtol=1e-4, atol=1e-5)
            seen.append(agent)
    assert sorted(seen) == list(range(5))


def test_a_critic_of_global_states_is_an_mlp():
    world = garrison.make("cc4", observation="rich")
    config = mappo.Config(network="entity", hidden_sizes=(12, 8), num_envs=2, minibatches=2)
    state = jax.eval_shape(lambda key: mappo.init(config, world, key), jax.random.key(0))
    assert isinstance(state.net["actor"], nets.EntityNet)
    assert [layer.bias.shape for layer in state.net["critic"].trunk.layers] == [(12,), (8,)]
