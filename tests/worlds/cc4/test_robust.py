"""Games that differ from episode to episode: what is drawn, in which range, and what stays as it was."""

import jax
import numpy as np
import pytest

import garrison
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.options import default_options
from garrison.worlds.cc4.robust import robust

EPISODES = 400


@pytest.fixture(scope="module")
def drawn():
    """Options of many episodes, leaves [episode, ...]."""
    keys = jax.random.split(jax.random.key(0), EPISODES)
    options = default_options()
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(lambda key: robust(key, options)))(keys))


def half(changed: np.ndarray) -> bool:
    return 0.4 < changed.mean() < 0.6


def test_phishing_is_between_its_bounds_in_half_of_the_episodes(drawn):
    changed = drawn.green_phishing != np.float32(0.01)
    assert half(changed)
    found = drawn.green_phishing[changed]
    assert (found >= 0.003).all()
    assert (found <= 0.75).all()
    assert 0.03 < np.median(found) < 0.07  # log-uniform: 0.047


def test_sizes_are_the_same_in_all_subnets_in_half_of_the_episodes(drawn):
    default = default_options()
    changed = (drawn.users != default.users).any((1, 2)) | (drawn.servers != default.servers).any((1, 2))
    assert half(changed)
    for sizes, low, high in ((drawn.users, 3, T.MAX_USERS), (drawn.servers, 1, T.MAX_SERVERS)):
        own = sizes[changed].reshape(changed.sum(), -1)
        assert (own == own[:, :1]).all()
        assert (own.min(), own.max()) == (low, high)


def test_scans_are_divided_anew_and_other_choices_kept(drawn):
    table, stock = drawn.red_probability, T.FSM_PROBABILITY
    np.testing.assert_allclose(table.sum(2), np.broadcast_to(stock.sum(1), table.shape[:2]), atol=1e-4)
    assert (table >= 0).all()
    assert ((table > 0) <= (stock > 0)).all()
    share = table[:, T.Fsm.KD, T.Red.AGGRESSIVE]
    unchanged = np.isclose(table, stock).all((1, 2))
    assert 0.15 < unchanged.mean() < 0.35  # neither scans nor choices
    assert (share < 0.05).any()
    assert (share > 0.95).any()
    others = table[:, T.Fsm.R, T.Red.IMPACT]
    assert half(~np.isclose(others, 0.25))
    assert np.std(others) < 0.15


def test_false_alarms_are_at_most_five_times_as_frequent(drawn):
    for found in (drawn.green_work_alarm, drawn.green_access_alarm):
        assert half(found != np.float32(0.01))
        assert (found >= 0).all()
        assert (found <= 0.05 + 1e-6).all()


def test_each_reset_of_a_varied_world_draws_and_given_options_win():
    world = garrison.make("cc4", vary="robust")
    keys = jax.random.split(jax.random.key(0), 8)
    _, states = jax.jit(jax.vmap(world.reset))(keys)
    assert len(set(np.asarray(states.options.green_phishing).tolist())) > 2
    hosts = np.asarray(states.topology.host_exists).sum(1)
    assert len(set(hosts.tolist())) > 2
    _, state = world.reset(keys[0], default_options())
    assert float(state.options.green_phishing) == np.float32(0.01)


def test_the_usual_world_draws_the_same_networks_as_before():
    key = jax.random.key(3)
    _, state = garrison.make("cc4").reset(key)
    _, plain = garrison.make("cc4", vary="none").reset(key)
    np.testing.assert_array_equal(state.topology.host_exists, plain.topology.host_exists)


def test_each_episode_draws_one_of_several_reds():
    world = garrison.make("cc4", red=["fsm", "sleep"], steps=30)
    keys = jax.random.split(jax.random.key(0), 16)
    _, states = jax.jit(jax.vmap(world.reset))(keys)
    index, _ = states.memory
    assert set(np.asarray(index).tolist()) == {0, 1}
    with pytest.raises(ValueError, match="red is empty"):
        garrison.make("cc4", red=[])
    with pytest.raises(ValueError, match="no red policy 'fms'"):
        garrison.make("cc4", red=["fms"])
