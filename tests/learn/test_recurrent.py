"""Memory is emptied where an episode begins, and sequences give what single steps give."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.algos.ippo import Config
from garrison.learn import minibatches, nets, ppo, rollout
from garrison.learn.cells import CELLS
from garrison.learn.policy import NetworkPolicy
from garrison.worlds.toy.network import Network

FEATURES, AGENTS, ACTIONS, ENVS, STEPS = 5, 2, 3, 4, 7


def network(cell="gru", groups=(0, 0), **changes):
    options = Config(network="recurrent", hidden_sizes=(6,), cell=cell, cell_size=4)
    return nets.make(jax.random.key(0), groups, FEATURES, ACTIONS, options, **changes)


def inputs(seed=0):
    rng = np.random.default_rng(seed)
    obs = jnp.asarray(rng.normal(size=(STEPS, ENVS, AGENTS, FEATURES)), jnp.float32)
    return obs, jnp.asarray(rng.random((STEPS, ENVS)) < 0.3)


def test_the_gru_is_the_one_of_the_equations():
    cell, rng = CELLS["gru"](jax.random.key(1), 3, 2), np.random.default_rng(0)
    x, h = rng.normal(size=3), rng.normal(size=2)
    (w, u), sigmoid = (np.asarray(m) for m in (cell.inputs, cell.recurrent)), lambda a: 1 / (1 + np.exp(-a))
    reset, update = (sigmoid(x @ w[:, i : i + 2] + h @ u[:, i : i + 2]) for i in (0, 2))
    new = np.tanh(x @ w[:, 4:] + reset * (h @ u[:, 4:]))
    carry, out = cell(jnp.asarray(h, jnp.float32), jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(carry, (1 - update) * new + update * h, rtol=1e-5)
    np.testing.assert_array_equal(carry, out)


def test_the_lstm_is_the_one_of_the_equations():
    cell, rng = CELLS["lstm"](jax.random.key(1), 3, 2), np.random.default_rng(0)
    x, c, h = rng.normal(size=3), rng.normal(size=2), rng.normal(size=2)
    gates = x @ np.asarray(cell.inputs) + h @ np.asarray(cell.recurrent)
    sigmoid = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731
    new_c = sigmoid(gates[2:4] + 1) * c + sigmoid(gates[:2]) * np.tanh(gates[4:6])
    (carry, hidden), out = cell(
        tuple(jnp.asarray(v, jnp.float32) for v in (c, h)), jnp.asarray(x, jnp.float32)
    )
    np.testing.assert_allclose(carry, new_c, rtol=1e-5)
    np.testing.assert_allclose(hidden, sigmoid(gates[6:]) * np.tanh(new_c), rtol=1e-5)
    np.testing.assert_array_equal(hidden, out)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("groups", [(0, 0), (0, 1)])
def test_a_sequence_gives_what_steps_give(cell, groups):
    net, (obs, first) = network(cell, groups, separate_critic=True), inputs()
    start = jax.tree.map(
        lambda x: jax.random.normal(jax.random.key(3), (ENVS, *x.shape)), net.initial_carry(AGENTS)
    )
    whole = jax.jit(nets.unroll)(net, start, obs, first)
    steps = jax.jit(
        lambda net: jax.lax.scan(lambda carry, row: jax.vmap(net)(carry, *row), start, (obs, first))
    )
    for one, other in zip(whole, steps(net)[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_a_sequence_over_an_episodes_end_is_two_sequences_bit_by_bit(cell):
    net, (obs, _) = network(cell), inputs()
    cut, begins = 3, jnp.zeros((STEPS, ENVS), bool).at[jnp.array([0, 3])].set(True)
    zero = ppo.tile(net.initial_carry(AGENTS), ENVS)
    garbage = jax.tree.map(lambda x: jnp.full_like(x, 7.0), zero)
    step = jax.jit(lambda carry, obs, first: jax.vmap(net)(carry, obs, first))

    def outputs(carry, obs, first):
        rows = []
        for now, begin in zip(obs, first, strict=True):
            carry, row = step(carry, now, begin)
            rows.append(row)
        return rows

    whole = outputs(garbage, obs, begins)
    apart = outputs(zero, obs[:cut], begins[:cut]) + outputs(zero, obs[cut:], begins[cut:])
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(apart), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("chunk", [None, 3])
def test_rollouts_hold_what_was_known_before_the_action(chunk):
    """``first`` is the last step's ``done``; the stored memory replays the values that were collected."""
    world, steps = Network(steps=5), 8
    options = Config(network="recurrent", hidden_sizes=(6,), cell_size=4)
    net = nets.of_world(jax.random.key(0), world, options)

    def act(key, memory, seen):
        memory, (logits, value) = jax.vmap(net)(memory, seen.obs, seen.first)
        return memory, *ppo.choose(key, logits, seen.mask), value

    @partial(jax.jit, static_argnames="chunk")
    def play(key, chunk):
        envs = rollout.envs_of(world, ENVS, steps)
        memory = ppo.tile(net.initial_carry(world.num_agents), ENVS)
        start = rollout.Position(*envs.reset(key), jnp.ones(ENVS, bool), memory)
        value = lambda memory, seen: jax.vmap(net)(memory, seen.obs, seen.first)[1][1]  # noqa: E731
        return rollout.play(envs, act, value, key, start, steps, chunk=chunk)

    end, batch = play(jax.random.key(1), chunk)
    assert batch.first[0].all()
    np.testing.assert_array_equal(batch.first[1:], batch.done[:-1])
    np.testing.assert_array_equal(end.first, batch.done[-1])
    size = steps if chunk is None else chunk
    for number in range(-(-steps // size)):
        rows = slice(number * size, (number + 1) * size)
        memory = jax.tree.map(lambda x, number=number: x[number], batch.memory)
        _, values = jax.jit(nets.unroll)(net, memory, batch.obs[rows], batch.first[rows])
        np.testing.assert_allclose(values, batch.value[rows], rtol=1e-4, atol=1e-5)
    # What follows a step within an episode is what the next step sees; a new episode is no part of the old.
    inside = ~np.asarray(batch.done)[:-1]
    np.testing.assert_allclose(
        np.asarray(batch.next_value)[:-1][inside], np.asarray(batch.value)[1:][inside], rtol=1e-4, atol=1e-5
    )
    assert (np.asarray(batch.next_value)[:-1][~inside] != np.asarray(batch.value)[1:][~inside]).any()


def rows_of(steps: int, memory) -> ppo.Sample:
    number = jnp.asarray(np.arange(steps)[:, None] * 10.0 + np.arange(ENVS), jnp.float32)
    other = dict.fromkeys(("obs", "log_prob", "advantage", "target"), number)
    other |= {"mask": number[..., None] > 0, "action": number.astype(jnp.int32)}
    return ppo.Sample(**other, weight=jnp.ones((steps, ENVS)), first=number == 0, memory=memory)


def test_sequences_are_chunks_with_the_memory_before_them():
    memory = jnp.asarray(np.arange(3)[:, None] * 100.0 + np.arange(ENVS))
    cut = minibatches.sequences(rows_of(STEPS, memory), chunk=3)
    assert cut.obs.shape == (3, 3 * ENVS)
    for sequence in range(3 * ENVS):
        chunk, env = divmod(sequence, ENVS)
        there = min(3, STEPS - 3 * chunk)
        np.testing.assert_array_equal(cut.obs[:there, sequence], (3 * chunk + np.arange(there)) * 10 + env)
        np.testing.assert_array_equal(cut.weight[:, sequence], np.arange(3) < there)
        assert cut.memory[sequence] == 100 * chunk + env


@pytest.mark.parametrize("chunk", [None, 3])
def test_minibatches_of_sequences_hold_each_sequence_once_per_epoch(chunk):
    chunks = 1 if chunk is None else 3
    memory = jnp.asarray(np.arange(chunks)[:, None] * 100.0 + np.arange(ENVS))
    key, order, pick = minibatches.split(jax.random.key(0), rows_of(STEPS, memory), 2, 2, chunk)
    assert order.shape == (4, chunks * ENVS // 2)
    for epoch in order.reshape(2, -1):
        assert sorted(epoch.tolist()) == list(range(chunks * ENVS))
    one = pick(order[0])
    assert one.obs.shape == (STEPS if chunk is None else chunk, chunks * ENVS // 2)
    np.testing.assert_array_equal(one.memory, memory.reshape(-1)[order[0]])


def test_a_policy_carries_its_memory_and_init_empties_it():
    net, (obs, _) = network(), inputs()
    policy, mask = NetworkPolicy(net, greedy=True), jnp.ones((AGENTS, ACTIONS), bool)
    memory = policy.init(jax.random.key(0), AGENTS)
    _, once = policy.act(jax.random.key(0), obs[0, 0], mask, memory)
    _, twice = policy.act(jax.random.key(0), obs[1, 0], mask, once)
    expected, _ = net(once, obs[1, 0], jnp.zeros((), bool))
    for one, other in zip(jax.tree.leaves(twice), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(one, other)
    assert all(not leaf.any() for leaf in jax.tree.leaves(policy.init(jax.random.key(0), AGENTS)))
