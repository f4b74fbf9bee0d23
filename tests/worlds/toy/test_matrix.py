"""Matrix games: what they pay, and exact play."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.core.policy import Constant, Random
from garrison.worlds.toy.matrix import GAMES
from garrison.worlds.toy.tabular import Tabular

KEY = jax.random.key(0)


def test_the_matrix_says_who_pays():
    world, payoffs = garrison.make("toy/matrix", game="biased_rps"), np.array(GAMES["biased_rps"])
    places = jnp.stack(jnp.meshgrid(*map(jnp.arange, payoffs.shape), indexing="ij"), -1).reshape(-1, 2)
    _, state = world.reset(KEY)
    step = jax.vmap(lambda actions: world.step(KEY, state, actions)[2])(places.astype(jnp.int32))
    np.testing.assert_array_equal(step.reward[:, 0].reshape(payoffs.shape), payoffs)
    np.testing.assert_array_equal(step.reward[:, 1], -step.reward[:, 0])
    assert step.terminated.all()


def test_noise_is_added():
    world = garrison.make("toy/matrix", noise=2.0)
    _, state = world.reset(KEY)
    keys, actions = jax.random.split(KEY, 2_000), jnp.array([0, 1], jnp.int32)
    paid = jax.vmap(lambda key: world.step(key, state, actions)[2].reward[0])(keys)
    assert abs(paid.mean() + 1) < 0.2
    assert 1.9 < paid.std() < 2.1


def test_labels_and_policies():
    world = garrison.make("toy/matrix", game="dominated")
    assert world.action_labels("rower") == ["rock", "paper", "scissors", "action 3"]
    assert world.policies("column")["scissors"] == Constant((2,))
    assert garrison.make("toy/matrix", payoffs=[[1, 2]]).action_counts == (1, 2)


def test_exact_play():
    world = garrison.make("toy/matrix", game="biased_rps")
    mixed = Tabular(jnp.array([[0.5, 0.3, 0.2]]))
    assert world.expected_return(Constant((2,)), mixed) == pytest.approx(-0.7)
    assert world.expected_return(mixed, Random()) == pytest.approx(0.1)
    best = world.best_response("row", [mixed, Constant((2,))], [0.5, 0.5])  # (25, 15, 60) / 100
    assert best.table.tolist() == [[1, 0, 0]]  # rock, which earns 2 of scissors
    best = world.best_response("column", [mixed], [1.0])
    assert best.table.tolist() == [[0, 1, 0]]  # paper: rock is played most


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"game": "rpss"}, "did you mean 'rps'"),
        ({"game": "rps", "payoffs": [[1]]}, "either the name"),
        ({"payoffs": [[1, 2], [3]]}, "equally many finite numbers"),
        ({"noise": -1}, "noise is -1"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        garrison.make("toy/matrix", **options)
