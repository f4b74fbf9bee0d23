"""Red as a learner: its list of actions, what it remembers of its acts, its entities, scripts by its list."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.core import entities
from garrison.worlds.cc4 import draws, red_acts, red_view
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import red
from garrison.worlds.cc4.agents.listed import NAMES, Listed

KEY = jax.random.key(9)


@pytest.fixture(scope="module")
def states(played):
    """The states before and after each step, axes [env, step, ...]."""
    before, after = played[:2]
    return jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), (before, after))


def test_decisions_go_to_indices_and_back(states):
    state = jax.tree.map(lambda x: x[0, -1], states[1]).state
    index = jnp.broadcast_to(jnp.arange(max(red_view.ACTION_COUNTS))[:, None], (428, T.NUM_RED))
    back = jax.jit(jax.vmap(lambda i: red_view.encode_red(red_view.decode_red(state, i))))(index)
    inside = np.arange(428)[:, None] < np.array(red_view.ACTION_COUNTS)
    np.testing.assert_array_equal(back, np.where(inside, index, 0))  # outside: Sleep


def test_a_listed_script_does_what_the_script_would(states):
    """The same kinds and targets for the same draws, wherever an agent is free."""
    before, _ = states

    def one(episode, key):
        policy = Listed("fsm")
        mask = red_view.masks(episode.state)
        index, memory = policy.act(key, episode, mask, episode.red_memory)
        choice = red.choose("fsm", draws.sample(key), episode.options, episode.state, memory)
        again = red_view.decode_red(episode.state, index)
        return choice, again, index

    episodes = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[::4], before)
    keys = jax.random.split(KEY, len(episodes.state.step))
    choice, again, index = jax.jit(jax.vmap(one))(episodes, keys)
    np.testing.assert_array_equal(choice.kind, again.kind)
    on_host = (choice.kind != T.Red.SLEEP) & (choice.kind != T.Red.DISCOVER)
    np.testing.assert_array_equal(np.asarray(choice.host)[on_host], np.asarray(again.host)[on_host])
    discovers = np.asarray(choice.kind == T.Red.DISCOVER)
    np.testing.assert_array_equal(np.asarray(choice.subnet)[discovers], np.asarray(again.subnet)[discovers])
    assert len(np.unique(np.asarray(choice.kind))) > 5
    legal = jax.vmap(lambda episode: red_view.masks(episode.state))(episodes)
    assert np.take_along_axis(np.asarray(legal), np.asarray(index)[..., None], axis=-1).all()


def test_teachers_of_red_are_the_scripts():
    world = garrison.make("cc4", side="red")
    assert {"idle", "random", "fsm", "discovery", "random_select", "aggressive"} <= world.teachers().keys()
    assert "cia_c" not in NAMES  # it asks for roles when an episode begins
    assert garrison.make("cc4", red="random").teachers().keys() == garrison.make("cc4").policies().keys()


@pytest.mark.slow
def test_acts_are_remembered(states):
    """Against a second account in NumPy, of an environment's steps one by one."""
    before, after = jax.tree.map(lambda x: x[0], states)
    start = red_acts.initial(jax.tree.map(lambda x: x[0], before).state)
    _, told = jax.jit(
        lambda start, after: jax.lax.scan(
            lambda acts, state: (red_acts.remember(acts, state),) * 2, start, after
        )
    )(start, after.state)
    looked, failed, degraded, impacted, lost, age = [
        np.zeros((T.NUM_RED, T.NUM_HOSTS), int) for _ in range(6)
    ]
    age[:] = 50
    held = np.asarray(start.held)
    seen = jax.device_get(after.state)
    for t in range(len(seen.step)):
        live = seen.session_kind[t] > 0
        now = np.zeros_like(held)
        for agent in range(T.NUM_RED):
            now[agent, seen.session_host[t, agent][live[agent]]] = True
        age = np.minimum(age + 1, 50)
        for agent in range(T.NUM_RED):
            kind, host = seen.seen_kind[t, agent], seen.seen_host[t, agent]
            gone = held[agent] & ~now[agent]
            degraded[agent][gone], impacted[agent][gone] = 0, 0
            lost[agent] = (lost[agent].astype(bool) | gone) & ~now[agent]
            if kind in (T.Red.SLEEP, T.Red.DISCOVER) or host >= T.NUM_HOSTS:
                continue
            success = seen.seen_outcome[t, agent] == T.Outcome.TRUE
            age[agent, host] = 0
            failed[agent, host] = 0 if success else min(5, failed[agent, host] + 1)
            looked[agent, host] |= success and kind == T.Red.DECEPTION
            impacted[agent, host] |= success and kind == T.Red.IMPACT
            if success and kind == T.Red.DEGRADE and not gone[host]:
                degraded[agent, host] = min(5, degraded[agent, host] + 1)
        held = now
        for name, expected in {
            "looked": looked,
            "failed": failed,
            "degraded": degraded,
            "impacted": impacted,
            "lost": lost,
            "age": age,
            "held": held,
        }.items():
            np.testing.assert_array_equal(getattr(told, name)[t], expected, err_msg=f"{name}, step {t}")
    assert failed.any()
    assert looked.any()
    assert (age < 50).sum() > 10
    vectors = red_acts.vectors(red_view.vectors(jax.tree.map(lambda x: x[-1], after.state)),
                               jax.tree.map(lambda x: x[-1], told))  # fmt: skip
    labels = garrison.make("cc4", side="red", red_observation="acts").observation_labels(0)
    hosts = red_view.targets(0)
    for number, host in enumerate(hosts):
        place = red_acts.START + len(red_acts.OF_TARGET) * number
        np.testing.assert_allclose(vectors[0, place + 3], failed[0, host] / 5)
        np.testing.assert_allclose(vectors[0, place + 5], age[0, host] / 50)
        assert labels[place + 3] == f"{T.HOST_NAMES[host]}: failures in a row, /5"
    assert not np.asarray(vectors)[0, red_acts.OBSERVATION_SIZES[0] :].any()


@pytest.mark.parametrize("observation", red_acts.OBSERVATIONS)
def test_entities_describe_all_of_reds_list(observation):
    world = garrison.make("cc4", side="red", red_observation=observation)
    described = world.entities()
    entities.check(described, world)
    for agent, count in enumerate(world.action_counts):
        labels = world.action_labels(agent)
        taken = described.actions[agent].tolist()
        for kind in described.kinds:
            for group in (g for g, owner in enumerate(kind.agents) if owner == agent):
                taken += kind.actions[group].ravel().tolist()
                for verb, row in zip(kind.verbs, kind.actions[group].T, strict=True):
                    named = {labels[place].split()[0] for place in row if place != entities.NONE}
                    assert named == {T.RED_NAMES[T.Red[verb]]}
        assert sorted(place for place in taken if place != entities.NONE) == list(range(count))
    sizes = {"known": (273,) * 5 + (603,), "acts": (741,) * 5 + (921,)}
    assert world.observation_sizes == sizes[observation]
    assert [len(world.observation_labels(agent)) for agent in range(6)] == list(sizes[observation])
    host, far, _ = described.kinds
    assert host.features.shape[:2] == (8, 16)
    assert far.features.shape[:2] == (6, 7)
    labels = world.observation_labels(5)
    first = [labels[place] for place in host.features[-1, 0]]
    assert len({label.split(":")[0] for label in first}) == 1
    assert first[0].endswith("address known")
    assert first[-1].endswith("age of the last action, /50" if observation == "acts" else "last action")
