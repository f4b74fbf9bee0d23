"""The network on graphs: along which edges it reads, when its memory changes, and how actions are chosen."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison import algos
from garrison.algos.ippo import Config
from garrison.core.entities import NONE, Clock, Graph, Kind
from garrison.learn import nets, ppo
from garrison.learn.dists import masked_categorical
from garrison.learn.graph import ATTENTION
from garrison.learn.policy import NetworkPolicy
from garrison.worlds.toy.probes import Probe

HOSTS, AGENTS = 6, 2
VALUES, EDGES = 2 + 2 * np.arange(HOSTS), 2 + 2 * HOSTS  # places of hosts, and of edges along the row
OPTIONS = Config(network="graph", hidden_sizes=(8, 8), activation="relu", cell_size=12)
STEPS, ENVS = 6, 3


def adjacency(agent, obs):
    """Hosts in a row, each connected with the next where the vector says so."""
    edges = jnp.diag(obs[EDGES : EDGES + HOSTS - 1] > 0, 1)
    return edges | edges.T | jnp.eye(HOSTS, dtype=bool)


GRAPH = Graph(
    kinds=(
        Kind(
            name="host",
            agents=(0, 1),
            features=np.broadcast_to(VALUES[:, None] + 1, (AGENTS, HOSTS, 1)).astype(np.int32),
            constants=np.zeros((AGENTS, HOSTS, 0), np.float32),
            exists=np.broadcast_to(VALUES, (AGENTS, HOSTS)).astype(np.int32),
            actions=np.tile(2 + np.arange(2 * HOSTS, dtype=np.int32).reshape(1, HOSTS, 2), (AGENTS, 1, 1)),
            verbs=("look", "fix"),
        ),
    ),
    context=np.zeros((AGENTS, 1), np.int32),
    levels=(0,),
    actions=np.tile(np.arange(2, dtype=np.int32), (AGENTS, 1)),
    verbs=("continue", "wait"),
    adjacency=adjacency,
    clock=Clock(elapsed=1),
)


@dataclass(frozen=True)
class Row(Probe):
    """A world with this graph."""

    name = "row"
    agents = ("one", "other")
    features = ("context", "elapsed", *map(str, range(2 * HOSTS + HOSTS - 1)))
    actions = tuple(map(str, range(2 + 2 * HOSTS)))

    def graph(self, side=None):
        return GRAPH


WORLD = Row()


def made(**options):
    """A network with numbers of some size everywhere."""
    like = nets.of_world(jax.random.key(0), WORLD, OPTIONS.replace(**options))
    generator = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(generator.normal(0, 0.5, x.shape), jnp.float32), like)


@pytest.fixture(scope="module")
def net():
    return made()


def observed(shape=(), seed=0):
    """Vectors with all hosts and edges."""
    obs = np.random.default_rng(seed).normal(size=(*shape, AGENTS, WORLD.observation_size)).astype(np.float32)
    obs[..., VALUES], obs[..., EDGES:] = 1, 1
    obs[..., 1] = np.abs(obs[..., 1])
    return obs


def with_masks(obs, decides=True):
    """What the network reads: after the vectors all actions, or ``continue`` alone."""
    mask = np.zeros((*obs.shape[:-1], WORLD.num_actions), np.float32)
    mask[..., 0] = 1
    mask[np.broadcast_to(decides, mask.shape[:-1]), 1:] = 1
    return jnp.asarray(np.concatenate([obs, mask], axis=-1))


@jax.jit
def vectors(net, obs):
    """Nodes after each number of layers of attention, of the first agent."""
    return net.read(obs).nodes[0][0][0]


@jax.jit
def outputs(net, obs):
    return net(net.initial_carry(AGENTS), obs, False)


@jax.jit
def after(net, memory, obs, first):
    return net(memory, obs, first)


def test_an_edge_changes_its_receptive_field_alone(net):
    obs = observed()
    before = np.asarray(vectors(net, with_masks(obs)))
    obs[:, EDGES + HOSTS - 2] = 0  # between the last two: two layers reach one further
    after = np.asarray(vectors(net, with_masks(obs)))
    np.testing.assert_array_equal(before[: HOSTS - 3], after[: HOSTS - 3])
    assert (np.abs(before - after)[HOSTS - 3 :].max(axis=1) > 1e-4).all()


def test_a_disconnected_node_changes_nothing_for_others(net):
    obs = observed()
    obs[:, EDGES + 1] = obs[:, EDGES + 2] = 0  # host 2 stands alone
    before = np.asarray(vectors(net, with_masks(obs)))
    obs[:, VALUES[2] + 1] += 3
    after = np.asarray(vectors(net, with_masks(obs)))
    others = np.arange(HOSTS) != 2
    np.testing.assert_array_equal(before[others], after[others])
    assert np.abs(before - after)[2].max() > 1e-3


def test_attention_binds_before_the_softmax(net):
    """Weights of nodes that are not adjacent are exactly 0, and rows add up to 1."""
    parts = jax.random.normal(jax.random.key(0), (HOSTS, 4, 2))
    adjacent = np.asarray(adjacency(0, jnp.asarray(observed()[0])))
    weights = np.asarray(net.layers[0].weights(parts, jnp.asarray(adjacent)))
    assert (weights[:, ~adjacent] == 0).all()
    assert (weights[:, adjacent] > 0).all()
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)


def test_full_attention_reads_no_edge_and_none_reads_no_other_node():
    obs = observed()
    cut, other = obs.copy(), obs.copy()
    cut[:, EDGES:] = 0
    other[:, VALUES[2] + 1] += 3
    changes = {}
    for attention in ATTENTION:
        net = made(attention=attention)
        base = np.asarray(vectors(net, with_masks(obs)))
        changes[attention] = [
            np.abs(base - vectors(net, with_masks(changed))).max(axis=1) > 1e-4 for changed in (cut, other)
        ]
    assert changes["adjacent"][0].all()
    assert changes["adjacent"][1].tolist() == [True] * 5 + [False]  # two layers
    assert not changes["full"][0].any()
    assert changes["full"][1].all()
    assert not changes["none"][0].any()
    assert changes["none"][1].tolist() == [host == 2 for host in range(HOSTS)]


def test_reversed_hosts_have_reversed_logits(net):
    """Reversing a row keeps its edges."""
    obs = observed()
    obs[:, EDGES] = 0
    turned = obs.copy()
    turned[:, VALUES + 1] = obs[:, VALUES[::-1] + 1]
    turned[:, EDGES:] = obs[:, EDGES:][:, ::-1]
    _, (before, values) = outputs(net, with_masks(obs))
    _, (after, same) = outputs(net, with_masks(turned))
    np.testing.assert_allclose(values, same, rtol=1e-4, atol=1e-5)
    hosts = np.asarray(before)[:, 2:].reshape(AGENTS, HOSTS, 2)
    assert np.ptp(hosts, axis=1).min() > 1e-3
    np.testing.assert_allclose(np.asarray(after)[:, 2:].reshape(AGENTS, HOSTS, 2), hosts[:, ::-1], atol=1e-4)


def test_a_host_that_does_not_exist_changes_nothing(net):
    obs = observed()
    own = GRAPH.kinds[0].actions[0, 2]
    obs[:, VALUES[2]] = 0
    before = np.array(with_masks(obs))
    before[:, WORLD.observation_size + own] = 0  # what is not there cannot be acted on
    changed = before.copy()
    changed[:, VALUES[2] + 1] += 3
    (_, (logits, values)), (_, (same, other)) = (outputs(net, jnp.asarray(x)) for x in (before, changed))
    np.testing.assert_allclose(values, other, rtol=1e-5)
    rest = np.setdiff1d(np.arange(WORLD.num_actions), own)
    np.testing.assert_allclose(np.asarray(logits)[:, rest], np.asarray(same)[:, rest], rtol=1e-4, atol=1e-4)
    changed[:, VALUES[2]] = 1
    assert (outputs(net, jnp.asarray(changed))[1][1] != values).all()


def test_a_verb_is_as_likely_with_one_target_as_with_many(net):
    """The exact factorization: targets share the probability of their verb."""
    inputs = np.array(with_masks(observed()))
    start, looks = WORLD.observation_size, GRAPH.kinds[0].actions[0, :, 0]

    def probabilities(inputs):
        _, (logits, _) = outputs(net, jnp.asarray(inputs))
        return np.exp(masked_categorical(logits, jnp.asarray(inputs[:, start:] > 0)))

    many = probabilities(inputs)
    inputs[:, start + looks[1:]] = 0
    one = probabilities(inputs)
    np.testing.assert_allclose(one[:, looks[0]], many[:, looks].sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(one[:, :2], many[:, :2], rtol=1e-4)
    assert (one[:, looks[1:]] == 0).all()


def test_memory_changes_at_own_decisions_alone(net):
    obs = observed()
    start = jax.random.normal(jax.random.key(1), (AGENTS, 12))
    decides = np.array([True, False])
    carry, (_, values) = after(net, start, with_masks(obs, decides), False)
    assert np.abs(carry[0] - start[0]).max() > 1e-3
    np.testing.assert_array_equal(carry[1], start[1])
    decided, (_, same) = after(net, start, with_masks(obs), False)
    np.testing.assert_array_equal(decided[0], carry[0])
    np.testing.assert_allclose(values[1], same[1], rtol=1e-5)  # it values what it would remember
    emptied, _ = after(net, start, with_masks(obs, decides), True)
    np.testing.assert_array_equal(emptied[1], 0)


def test_rows_in_between_change_nothing(net):
    """What is decided after busy rows is what would be decided without them."""
    obs = observed((STEPS, ENVS))
    decides = np.array([True, False, False, True, False, True])[:, None, None]
    first = jnp.zeros((STEPS, ENVS), bool)
    carry = ppo.tile(net.initial_carry(AGENTS), ENVS)
    inputs, kept = with_masks(obs, decides), np.flatnonzero(decides)
    unroll = jax.jit(nets.unroll)
    every = unroll(net, carry, inputs, first)
    alone = unroll(net, carry, inputs[kept], first[kept])
    for one, other in zip(every, alone, strict=True):
        np.testing.assert_allclose(np.asarray(one)[kept], other, rtol=1e-4, atol=1e-5)


def test_a_sequence_gives_what_steps_give(net):
    generator = np.random.default_rng(2)
    inputs = with_masks(observed((STEPS, ENVS)), generator.random((STEPS, ENVS, AGENTS)) < 0.6)
    first = jnp.asarray(generator.random((STEPS, ENVS)) < 0.3)
    start = jax.random.normal(jax.random.key(3), (ENVS, AGENTS, 12))
    whole = jax.jit(nets.unroll)(net, start, inputs, first)
    steps = jax.jit(
        lambda net: jax.lax.scan(lambda carry, row: jax.vmap(net)(carry, *row), start, (inputs, first))
    )
    for one, other in zip(whole, steps(net)[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_time_is_read_from_the_clock_alone():
    obs = observed()
    later = obs.copy()
    later[:, 1] += 5
    for time in ("ode", "decay", "feature", "none"):
        net = made(memory_time=time)
        start = jax.random.normal(jax.random.key(1), (AGENTS, 12))
        now, then = (after(net, start, with_masks(one), False)[0] for one in (obs, later))
        assert (np.abs(now - then).max() > 1e-4) == (time != "none"), time


def test_a_policy_reads_its_mask(net):
    """In a world with scripts, actions behind those that the network knows are never legal."""
    obs, mask = jnp.asarray(observed()), np.zeros((AGENTS, WORLD.num_actions + 3), bool)
    mask[0, [1, 5]], mask[1, 0] = True, True
    policy = NetworkPolicy(net)
    memory = policy.init(jax.random.key(0), AGENTS)
    actions, memory = policy.act(jax.random.key(0), obs, jnp.asarray(mask), memory)
    assert actions[0] in (1, 5)
    assert actions[1] == 0
    assert np.abs(memory[0]).max() > 0
    np.testing.assert_array_equal(memory[1], 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_sizes": (8, 4)}, "all are equal, and divide by 4"),
        ({"hidden_sizes": (6, 6)}, "all are equal, and divide by 4"),
        ({"cell": "lstm"}, "the cell of network 'graph' is a 'gru'"),
        ({"attention": "some"}, "attention is 'some'; it must be one of: adjacent, full, none"),
        ({"memory_time": "clock"}, "memory_time is 'clock'; it must be one of: ode, decay, feature, none"),
        ({"sharing": "separate"}, "sharing is 'shared'"),
    ],
)
def test_options_that_it_does_not_have_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        made(**changes)


def test_worlds_and_algorithms_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="'toy/memory' has none"):
        nets.of_world(jax.random.key(0), garrison.make("toy/memory"), OPTIONS)
    with pytest.raises(ValueError, match="'toy/graph' do not tell the time since the last decision"):
        nets.of_world(jax.random.key(0), garrison.make("toy/graph"), OPTIONS)
    for name in ("qmix", "pqn", "maddpg"):
        algorithm = algos.get(name)
        with pytest.raises(ValueError, match="network is 'graph'; it gives probabilities of verbs"):
            algorithm.check(algorithm.Config(network="graph"), WORLD)


def test_defenders_of_soc_act_on_their_own_zones_alone():
    soc = garrison.make("soc").graph()
    zone = soc.kinds[1]
    assert zone.name == "zone"
    own = (zone.actions != NONE).all(axis=-1)
    assert own.sum(axis=0).tolist() == [1, 1, 1, 1, 1, 0]  # the internet is nobody's
