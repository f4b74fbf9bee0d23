"""The observation ``recall`` (§7.6): what blue remembers of its own acts, after the rich observation."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.core.testing import check_world
from garrison.worlds.cc4 import recall, rich
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.tables import PAZ, RZA, user_host

HOST, OTHER, OWNER = user_host(RZA, 0), user_host(RZA, 1), 0
ABROAD = user_host(PAZ, 0)


_DTYPE = dict.fromkeys(("green_alarm", "green_phished", "red_ran", "red_trapped", "red_alert"), bool)


def events(kind=T.Blue.SLEEP, host=T.NO_HOST, red_from=None):
    """A step in which one action of blue's was carried out, and red connected from a host to itself."""
    width = {"blu": T.NUM_BLUE, "gre": T.NUM_GREEN, "red": T.NUM_RED}
    values = {
        f.name: np.zeros(width[f.name[:3]], _DTYPE.get(f.name, np.uint8)) for f in dataclasses.fields(Events)
    }
    values["red_noticed"] = np.zeros((T.NUM_RED, T.NUM_HOSTS), bool)
    values["blue_host"][:] = T.NO_HOST
    values["blue_kind"][OWNER], values["blue_host"][OWNER] = kind, host
    values["red_source"][:] = T.NO_HOST
    if red_from is not None:
        values["red_source"][0], values["red_noticed"][0, red_from] = red_from, True
    return Events(**values)


def known(bits):
    """What the agents know from Analyse, the same of every host."""
    return rich.initial_memory().replace(analysis=jnp.full(T.NUM_HOSTS, bits, jnp.uint8))


def after(*steps):
    memory = recall.initial()
    for before, step in steps:
        memory = recall.remember(memory, before, step)
    return jax.device_get(memory)


NOTHING, IDLE = known(0), events()
RESTORE = events(T.Blue.RESTORE, HOST)


@pytest.mark.parametrize(
    ("bits", "root"), [(0, False), (rich.ANALYZED | rich.SHELL, False), (rich.ANALYZED | rich.ROOT, True)]
)
def test_a_restore_is_remembered_with_what_had_been_found(bits, root):
    memory = after((known(bits), RESTORE))
    assert (memory.restored[HOST], memory.had_root[HOST], memory.restored_age[HOST]) == (True, root, 0)
    assert (memory.restored.sum(), memory.had_root.sum()) == (1, root)
    assert memory.restored_age[OTHER] == rich.OLDEST


def test_the_last_restore_counts():
    memory = after((known(rich.ROOT), RESTORE), (NOTHING, IDLE), (NOTHING, RESTORE))
    assert (memory.restored[HOST], memory.had_root[HOST]) == (True, False)


def test_ages_grow_from_the_act_on_and_no_further_than_the_oldest():
    memory = after((NOTHING, events(T.Blue.REMOVE, HOST)), *[(NOTHING, IDLE)] * 3)
    assert (memory.removed_age[HOST], memory.restored_age[HOST]) == (3, rich.OLDEST)
    assert not memory.restored[HOST]
    memory = after((NOTHING, RESTORE), *[(NOTHING, IDLE)] * 120)
    assert (memory.restored_age[HOST], memory.restored[HOST]) == (rich.OLDEST, True)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([RESTORE, events(red_from=OTHER)], True),
        ([events(T.Blue.RESTORE, HOST, red_from=OTHER)], True),  # red acts after blue
        ([RESTORE, events(red_from=OTHER), IDLE], True),
        ([RESTORE, events(red_from=OTHER), RESTORE], False),
        ([RESTORE, events(red_from=HOST)], False),
        ([RESTORE, events(red_from=ABROAD)], False),  # another agent's host
        ([events(red_from=OTHER), RESTORE], False),
        ([events(red_from=OTHER)], False),  # it was not restored
    ],
)
def test_where_red_acted_since_a_restore_is_remembered(steps, expected):
    memory = after(*[(NOTHING, step) for step in steps])
    assert memory.elsewhere[HOST] == expected
    assert memory.elsewhere.sum() == expected


@pytest.mark.parametrize("kind", [T.Blue.ANALYSE, T.Blue.DECOY, T.Blue.SLEEP])
def test_other_acts_are_not_remembered(kind):
    before, memory = jax.device_get(recall.initial()), after((known(7), events(kind, HOST)))
    for ours, theirs in zip(jax.tree.leaves(memory), jax.tree.leaves(before), strict=True):
        np.testing.assert_array_equal(ours, theirs)


WORLD = garrison.make("cc4", steps=40, observation="recall")


@pytest.fixture(scope="module")
def played():
    """Observations and states of random legal actions, ``[env, step]``."""

    def env(key):
        obs, episode = WORLD.reset(key)

        def one(carry, t):
            episode, at = carry[1], jax.random.fold_in(key, t)
            legal = jnp.where(WORLD.legal(episode), 0.0, -jnp.inf)
            obs, episode, _ = WORLD.step(at, episode, jax.random.categorical(at, legal))
            return (obs, episode), (obs, episode)

        return jax.lax.scan(one, (obs, episode), jnp.arange(WORLD.max_steps))[1]

    return jax.device_get(jax.jit(jax.vmap(env))(jax.random.split(jax.random.key(5), 4)))


def test_it_is_the_rich_observation_and_five_elements_of_each_host(played):
    obs, episodes = played
    last = jax.tree.map(lambda x: x[0, -1], episodes)
    table = np.asarray(obs[0, -1])
    np.testing.assert_allclose(table[:, : rich.SIZE], WORLD.observe_as("rich").observe(last), atol=1e-6)
    assert last.recall.restored.any()
    for agent, size in enumerate(WORLD.observation_sizes):
        hosts = T.BLUE_ACTIONS[agent, : 16 * len(T.BLUE_SUBNETS[agent]), 1]
        block = table[agent, recall.START : size].reshape(len(hosts), -1)
        for value, column in zip(vars(last.recall).values(), block.T, strict=True):
            expected = np.where(last.topology.host_exists, value, 0)[hosts]
            scale = 1 if value.dtype == bool else rich.OLDEST
            np.testing.assert_allclose(column * scale, expected, atol=1e-4)
        assert not table[agent, size:].any()


def test_sizes_and_labels_agree():
    assert WORLD.observation_sizes == (972, 972, 972, 972, 1132)
    for agent, size in enumerate(WORLD.observation_sizes):
        labels, before = WORLD.observation_labels(agent), WORLD.observe_as("rich").observation_labels(agent)
        assert len(labels) == size
        assert labels[: len(before)] == before
        assert set(labels[len(before) : recall.START]) <= {"padding"}
    last = T.HOST_NAMES[user_host(PAZ, 9)]
    assert WORLD.observation_labels(4)[-1] == f"{last}: red acted elsewhere since it was restored"


def test_it_keeps_the_contract():
    check_world(garrison.make("cc4", steps=12, observation="recall"), jax.random.key(0), eager=False)


def test_other_contracts_do_not_pay_for_it():
    for world in (garrison.make("cc4"), garrison.make("cc4", observation="rich")):
        assert jax.eval_shape(world.reset, jax.random.key(0))[1].recall is None
