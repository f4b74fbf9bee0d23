"""The stress policies on Garrison's engine; what they choose is tested in ``tests/parity/recording``."""

import jax
import jax.numpy as jnp
import numpy as np

from garrison.parity.stress import policies
from garrison.worlds import cc4
from garrison.worlds.cc4 import tables as T


def test_they_know_where_red_is_and_who_is_busy():
    world = cc4.make()
    _, episode = world.reset(jax.random.key(0))
    kinds = np.zeros_like(episode.state.session_kind)
    hosts = np.full_like(episode.state.session_host, 7)
    kinds[1, 0], hosts[1, 0] = 1, 20
    kinds[2, 3], hosts[2, 3] = 1, 136
    state = episode.state.replace(
        session_kind=jnp.asarray(kinds),
        session_host=jnp.asarray(hosts),
        blue_ticks=episode.state.blue_ticks.at[3].set(2),
    )
    known = policies.known(episode.replace(state=state))
    assert np.flatnonzero(known.held).tolist() == [20, 136]
    assert known.busy.tolist() == [False, False, False, True, False]


def test_a_state_and_what_is_known_of_it_give_the_same_actions():
    world = cc4.make()
    _, episode = world.reset(jax.random.key(1))
    mask = world.legal(episode)
    for policy in policies.STRESS.values():
        first, _ = policy.act(jax.random.key(2), episode, mask, ())
        second, _ = policy.act(jax.random.key(2), policies.known(episode), mask, ())
        assert first.tolist() == second.tolist()
        assert bool(mask[jnp.arange(T.NUM_BLUE), first].all())
