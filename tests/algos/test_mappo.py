"""MAPPO's critic: that it sees the memories of the actors, if it is asked to, and teaches them nothing."""

from functools import lru_cache

import jax
import numpy as np
import pytest

import garrison
from garrison import algos
from garrison.algos import mappo
from garrison.algos.mappo import Config
from garrison.learn import nets, ppo
from garrison.learn.rollout import Seen

ENVS = 5
SMALL = {"num_envs": ENVS, "epochs": 1, "minibatches": 1, "hidden_sizes": (8, 8), "cell_size": 4}
MEMORY = garrison.make("toy/memory", delay=3)
GAMES = {
    "lstm, whole episodes": (MEMORY, {"network": "recurrent", "cell": "lstm"}),
    "graph": (garrison.make("toy/timer", choice=True), {"network": "graph", "rollout_steps": 3}),
}
init, collect = jax.jit(mappo.init), jax.jit(mappo.collect)


@lru_cache
def played(name):
    """A game, its settings, a train state after a rollout, where episodes are under way, and the next one."""
    world, more = GAMES[name]
    config = Config(**SMALL, **more, critic_memory=True)
    state, generator = init(config, world, jax.random.key(0)), np.random.default_rng(0)
    noise = lambda x: x + generator.normal(0, 0.3, x.shape).astype(np.float32)  # noqa: E731
    state = state.replace(net=jax.tree.map(noise, state.net))  # at the start, memories of this game stay 0
    state = collect(config, world, state)[0]
    return world, config, state, collect(config, world, state)[1]


def in_rows(memory):
    return np.concatenate([np.reshape(x, (ENVS, -1)) for x in jax.tree.leaves(memory)], axis=-1)


@pytest.mark.parametrize("name", GAMES)
def test_global_states_end_with_the_memories_that_actors_had(name):
    world, _, state, batch = played(name)
    actor, size = jax.jit(jax.vmap(state.net["actor"])), world.global_state_size()
    memory = jax.tree.map(lambda x: x[0], batch.memory["actor"])
    for t, first in enumerate(np.asarray(batch.first)):
        emptied = np.where(first[:, None], 0, in_rows(memory))
        np.testing.assert_allclose(batch.global_state[t, :, size:], emptied, rtol=1e-5, atol=1e-6)
        inputs = nets.inputs(state.net["actor"], Seen(batch.obs[t], batch.mask[t], batch.first[t]))
        memory, _ = actor(memory, inputs, first)
    assert np.ptp(batch.global_state[..., size:]) > 0.01


def test_values_depend_on_memories():
    world, config, state, batch = played("graph")
    other = jax.tree.map(lambda x: x + 0.5, state.memory["actor"])
    changed = collect(config, world, state.replace(memory={**state.memory, "actor": other}))[1]
    apart, first = np.abs(np.asarray(batch.value - changed.value))[..., 0], np.asarray(batch.first)
    assert first.any(axis=1).tolist() == first.all(axis=1).tolist() == [False, True, False]
    assert (apart[0] > 1e-4).all()
    assert (apart[1] == 0).all()  # an episode begins: its memory is emptied


def test_a_step_leads_to_the_value_of_the_next():
    """Also by the memory that comes with it, unless an episode ends."""
    *_, batch = played("graph")
    goes_on = ~np.asarray(batch.done)[:-1]
    assert goes_on.any()
    found, expected = np.asarray(batch.next_value)[:-1][goes_on], np.asarray(batch.value)[1:][goes_on]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_values_teach_the_memory_nothing():
    _, config, state, batch = played("graph")
    rows = ppo.samples(config, state, batch)[1]
    rows = rows.replace(memory=jax.tree.map(lambda x: x[0], rows.memory))  # a minibatch of all sequences
    alone = config.replace(policy_coef=0.0)  # and no bonus for entropy: the loss of values is left
    grads = jax.jit(jax.grad(lambda net: mappo.loss(net, alone, 0.0, rows)[0]))(state.net)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(grads["actor"]))
    size = batch.global_state.shape[-1]
    (of_input,) = [x for x in jax.tree.leaves(grads["critic"]) if x.shape[:-1] == (size,)]
    assert np.abs(of_input[-SMALL["cell_size"] :]).max() > 1e-6  # while the critic learns to read it


def test_networks_without_a_memory_and_self_play_refuse_it():
    with pytest.raises(ValueError, match="critic_memory is on; network 'mlp' has no memory: use recurrent"):
        mappo.check(Config(critic_memory=True), MEMORY)
    algorithm, changes = (
        algos.get("self-mappo"),
        {"network": "recurrent", "minibatches": 1, "critic_memory": True},
    )
    with pytest.raises(ValueError, match="critic_memory is on; in self-play critics see no memories"):
        algorithm.check(algorithm.Config(num_envs=4, **changes), garrison.make("toy/pursuit"))
