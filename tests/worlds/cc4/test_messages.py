"""Messages between blue agents: what they hold, when they arrive, and that they change nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.adapters.cyborg import messages as in_numpy
from garrison.core.sides import one_side
from garrison.worlds.cc4 import messages
from garrison.worlds.cc4 import tables as T

KINDS = messages.MESSAGES[1:]
DURATIONS = {"Analyse": 2, "Remove": 3, "Restore": 5, "DeployDecoy": 2}
KEY = jax.random.key(5)


class Reference:
    """What one agent sends, from its own vectors, actions and mask, by their labels."""

    def __init__(self, world, agent, mask):
        self.actions, self.features = world.action_labels(agent), world.observation_labels(agent)
        self.mask, self.doing, self.left = mask, None, 0

    def sent(self, kind, vector, action):
        if self.left == 0:
            self.doing = action
            verb = self.actions[action].split()[0] if self.mask[action] else "Sleep"
            self.left = DURATIONS.get(verb, 1)
        self.left -= 1
        seen = [name for name, x in zip(self.features, vector, strict=False) if x]
        process, network = (
            sum(name.endswith(f"{what} event") for name in seen) for what in ("process", "network")
        )
        if kind == "action8":
            return f"{self.doing + 1:08b}"
        if kind == "state2":
            return f"{int(process > 0)}{int(network > 0)}000000"
        return f"{min(process, 15):04b}{min(network, 15):04b}"


def expected(world, kind, seen, actions, masks):
    """Bits ``[step, blue, 8]`` of one environment."""
    rows = np.zeros((len(actions), T.NUM_BLUE, 8), int)
    for agent in range(T.NUM_BLUE):
        reference = Reference(world, agent, masks[agent])
        for t, vectors in enumerate(seen):
            rows[t, agent] = [int(bit) for bit in reference.sent(kind, vectors[agent], actions[t, agent])]
    return rows


@pytest.fixture(scope="module")
def steps(world, played):
    """Two environments of 160 steps: before, after, actions, and vectors by which they were chosen."""
    before, after, _, actions = jax.tree.map(lambda x: x[:, :2], played)
    seen = jax.jit(jax.vmap(jax.vmap(world.observe)))(before)
    return before, after, np.asarray(actions), np.asarray(seen)


@pytest.fixture(scope="module", params=KINDS)
def bits(request, steps):
    before, after, _, _ = steps
    made = jax.jit(
        jax.vmap(
            jax.vmap(lambda b, a: messages.sent(request.param, b.topology, b.state, a.state)),
        )
    )(before, after)
    return request.param, np.asarray(made)


def test_they_are_those_of_a_slow_reference(world, steps, bits):
    before, _, actions, seen = steps
    kind, made = bits
    masks = np.asarray(jax.vmap(world.legal)(jax.tree.map(lambda x: x[0], before)))
    for env in range(2):
        reference = expected(world, kind, seen[:, env], actions[:, env], masks[env])
        np.testing.assert_array_equal(made[:, env], reference)
        assert len(np.unique(reference.reshape(-1, 8), axis=0)) > 3


def test_an_agent_of_cyborg_makes_the_same_of_its_own_vector(steps, bits):
    _, after, _, seen = steps
    kind, made = bits
    doing = np.asarray(after.state.blue_action).astype(int) + 1
    for t in range(0, len(seen), 7):
        for agent, size in enumerate(T.BLUE_OBSERVATION_SIZES):
            one = in_numpy.sent(kind, seen[t, 0, agent, :size], doing[t, 0, agent])
            np.testing.assert_array_equal(one, made[t, 0, agent])


def test_many_flags_are_fifteen():
    vector = np.ones(T.BLUE_OBSERVATION_SIZES[4], np.float32)
    assert in_numpy.sent("state8", vector, 1).tolist() == [1] * 8


@pytest.fixture(scope="module")
def both():
    """Observations and states of 30 steps with both sides acting, without messages and with."""

    def play(kind):
        world = garrison.make("cc4", side="both", observation="recall", messages=kind)

        @jax.jit
        def run(actions):
            first, state = world.reset(KEY)

            def one(state, inputs):
                t, acts = inputs
                obs, after, step = world.step(jax.random.fold_in(KEY, t), state, acts)
                sent = messages.sent("state8", state.topology, state.state, after.state)
                return after, (obs, after.state, step.reward, sent)

            return first, jax.lax.scan(one, state, (jnp.arange(30), actions))[1]

        counts = np.array(world.action_counts)
        actions = np.random.default_rng(1).integers(0, counts, (30, len(counts))).astype(np.int32)
        return run(actions)

    return play("none"), play("state8")


def test_they_arrive_in_the_next_observation_and_change_nothing_else(both):
    (first, (plain, states, rewards, _)), (same, (obs, as_well, as_many, sent)) = both
    np.testing.assert_array_equal(first, same)  # nothing was sent before the reset
    jax.tree.map(np.testing.assert_array_equal, (states, rewards), (as_well, as_many))
    obs, plain = np.array(obs), np.asarray(plain)
    assert not np.array_equal(obs, plain)
    for agent, size in enumerate(T.BLUE_OBSERVATION_SIZES):
        others = np.delete(np.asarray(sent), agent, axis=1).reshape(30, -1)
        np.testing.assert_array_equal(obs[:, agent, size - 32 : size], others)
        obs[:, agent, size - 32 : size] = 0
    np.testing.assert_array_equal(obs, plain)


def test_worlds_of_one_side_keep_them():
    both = garrison.make("cc4", side="both", messages="action8", red="fsm")
    assert one_side(both, "blue", "fsm").messages == "action8"
    world = garrison.make("cc4", messages="action8", observation="rich", rewards="area")
    assert world.observe_as("recall").world.messages == world.two_sided().world.messages == "action8"
    assert world.observation_labels(0) == garrison.make("cc4", observation="rich").observation_labels(0)
    assert world.version == garrison.make("cc4").version


@pytest.mark.parametrize("observation", ["stock", "rich"])
def test_entity_networks_read_them(observation):
    silent = garrison.make("cc4", observation=observation).entities()
    world = garrison.make("cc4", observation=observation, messages="state2")
    described = world.entities()
    more = described.context[:, silent.context.shape[1] :]
    for agent in range(T.NUM_BLUE):
        labels = world.observation_labels(agent)
        assert [labels[i] for i in more[agent]] == [name for name in labels if name.startswith("message")]
    np.testing.assert_array_equal(described.context[:, : silent.context.shape[1]], silent.context)
    assert described.levels == silent.levels + (0,) * 32


def test_what_is_not_possible_is_refused():
    with pytest.raises(ValueError, match="messages='action8' is for side='blue'"):
        garrison.make("cc4", side="red", messages="action8")
    with pytest.raises(ValueError, match=r"no messages 'state4' \(did you mean 'state[28]'\?\)"):
        garrison.make("cc4", messages="state4")
