"""Critics of joint actions: what they read, and what changes with an agent's own action."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.algos.maddpg import Config
from garrison.learn import critics

WORLD = garrison.make("toy/sizes")  # 3 and 7 actions
OPTIONS = Config(hidden_sizes=(16, 16))


def made(sharing, number=2):
    return critics.make(jax.random.key(0), WORLD, 13, OPTIONS, sharing, number)


def rows(seed, batch=5):
    keys = jax.random.split(jax.random.key(seed), 3)
    state = jax.random.normal(keys[0], (batch, 13))
    actions, own = (jax.random.normal(key, (batch, 2, 7)) for key in keys[1:])
    return state, actions, own


@pytest.mark.parametrize("sharing", critics.SHARING)
def test_an_agents_own_action_replaces_the_one_of_the_joint_action(sharing):
    critic, (state, actions, own) = made(sharing), rows(1)
    found = critics.values(critic, state, actions, own)
    for agent in range(2):
        joint = actions.at[:, agent].set(own[:, agent])
        expected = critics.values(critic, state, joint)[..., agent]
        np.testing.assert_allclose(found[..., agent], expected, rtol=1e-4, atol=1e-6)
    assert (found != critics.values(critic, state, actions)).all()


@pytest.mark.parametrize("sharing", critics.SHARING)
def test_actions_that_do_not_exist_are_not_read(sharing):
    critic, (state, actions, own) = made(sharing), rows(2)
    assert critic.trunk.layers[0].weight.shape[-2] == 13 + 3 + 7
    other = [x.at[:, 0, 3:].add(9.0) for x in (actions, own)]
    np.testing.assert_array_equal(
        critics.values(critic, state, actions, own), critics.values(critic, state, *other)
    )


def test_a_separate_critic_is_its_agents_alone():
    """The value of an agent has no gradient in another's network; where they share one, it has."""

    def reached(sharing):
        critic, (state, actions, _) = made(sharing), rows(3)
        grads = jax.grad(lambda critic: critics.values(critic, state, actions)[0, :, 1].sum())(critic)
        return grads.trunk.layers[0].weight

    separate = reached("separate")  # [critic, agent, ...]
    assert [bool(jnp.any(separate[i, j])) for i in range(2) for j in range(2)] == [False, True, False, False]
    shared = reached("shared")
    assert [bool(jnp.any(shared[i])) for i in range(2)] == [True, False]


def test_agents_that_share_a_critic_have_values_of_their_own():
    state, actions, _ = rows(4)
    first, second = np.moveaxis(np.asarray(critics.values(made("shared", 1), state, actions))[0], -1, 0)
    assert (first != second).all()
