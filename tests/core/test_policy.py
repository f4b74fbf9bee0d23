"""The players that every world has."""

import jax
import jax.numpy as jnp
import numpy as np

from garrison.algos.ippo import Config
from garrison.core.policy import Constant, Random
from garrison.learn import nets
from garrison.learn.policy import NetworkPolicy

OBS = jnp.ones((2, 3))
MASK = jnp.array([[True, False, True, False], [False, True, True, True]])


def actions_of(player, draws: int = 500) -> np.ndarray:
    """``int32[draw, agent]``."""
    memory = player.init(jax.random.key(0), 2)
    keys = jax.random.split(jax.random.key(1), draws)
    return np.asarray(jax.vmap(lambda key: player.act(key, OBS, MASK, memory)[0])(keys))


def test_random_takes_all_legal_actions_and_no_others():
    actions = actions_of(Random())
    assert set(actions[:, 0]) == {0, 2}
    assert set(actions[:, 1]) == {1, 2, 3}


def test_constant_does_the_same_always():
    assert (actions_of(Constant((2, 3))) == [2, 3]).all()


def test_policy_samples_or_takes_the_most_probable():
    net = nets.make(jax.random.key(2), (0, 0), 3, 4, Config(hidden_sizes=(8,)))
    best = np.argmax(np.where(MASK, net((), OBS, np.array(False))[1][0], -np.inf), axis=1)
    assert (actions_of(NetworkPolicy(net, greedy=True)) == best).all()
    sampled = actions_of(NetworkPolicy(net))
    assert set(sampled[:, 0]) == {0, 2}  # nearly uniform when new
    assert set(sampled[:, 1]) == {1, 2, 3}
