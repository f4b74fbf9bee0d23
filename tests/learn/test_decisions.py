"""Updates for decisions alone: which rows they take, and that they learn what an update of all rows does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.algos import ippo
from garrison.algos.ippo import Config
from garrison.learn import decisions
from garrison.worlds.toy.network import Network

STEPS, ENVS, AGENTS = 40, 3, 4
WORLD = Network(steps=20)
ALL = Config(
    num_envs=4,
    rollout_steps=16,
    epochs=1,
    minibatches=1,
    hidden_sizes=(8,),
    decisions_only=True,
    activation="relu",
)


@pytest.fixture(scope="module")
def decides():
    return jnp.asarray(np.random.default_rng(0).random((STEPS, ENVS, AGENTS)) < 0.4)


def taken(order, decides, minibatch=None):
    """How often each row is in the minibatches."""
    counts = np.zeros((STEPS * AGENTS, ENVS), int)
    for index in np.asarray(order) if minibatch is None else [np.asarray(order)[minibatch]]:
        for env in range(ENVS):
            np.add.at(counts[:, env], index[:, env], 1)
    return counts.reshape(STEPS, AGENTS, ENVS).swapaxes(1, 2)


def test_each_decision_is_in_each_epoch_once(decides):
    _, order = decisions.order_of(jax.random.key(0), decides, 3, 4, 0.6, 2)
    assert order.shape == (12, 24, ENVS)
    counts = taken(order, decides)
    assert (counts[decides] == 3).all()
    assert counts[~decides].max() <= 3


def test_minibatches_have_equally_many(decides):
    _, order = decisions.order_of(jax.random.key(0), decides, 1, 4, 0.6, 2)
    real = [(taken(order, decides, m) * decides).sum((0, 2)) for m in range(4)]
    assert np.ptp(real, axis=0).max() <= 1


def test_without_room_decisions_are_left_out_at_random(decides):
    counts = sum(
        taken(decisions.order_of(jax.random.key(seed), decides, 1, 2, 0.2, 1)[1], decides)
        for seed in range(200)
    )
    assert counts[~decides].max() == 0
    share = 32 / np.asarray(decides).sum((0, 2))  # of each environment
    assert np.abs(counts / 200 - share[None, :, None])[decides].max() < 0.2


def test_other_keys_give_other_orders(decides):
    first, second = (decisions.order_of(jax.random.key(seed), decides, 1, 2, 0.6, 1)[1] for seed in (0, 1))
    assert (np.asarray(first) != np.asarray(second)).any()


@pytest.mark.parametrize("sharing", ["shared", "separate"])
@pytest.mark.parametrize("pieces", [1, 4])
def test_one_update_learns_what_an_update_of_all_rows_does(sharing, pieces):
    config = ALL.replace(sharing=sharing)
    state = jax.jit(ippo.init)(config, WORLD, jax.random.key(0))
    iteration = jax.jit(ippo.iteration)
    usual, told = iteration(config, WORLD, state)
    alone, metrics = iteration(config.replace(decision_share=1.0, pieces=pieces), WORLD, state)
    for left, right in zip(jax.tree.leaves(usual.net), jax.tree.leaves(alone.net), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-5)
    assert metrics.keys() == told.keys()
    for name in ("policy_loss", "value_loss", "entropy", "grad_norm", "return", "nonfinite_inputs"):
        np.testing.assert_allclose(metrics[name], told[name], rtol=1e-3, atol=1e-5, err_msg=name)
    assert told["grad_norm"] > 0


def test_what_does_not_fit_is_refused():
    for changes, message in (
        ({"decisions_only": False}, "it needs decisions_only"),
        ({"network": "recurrent"}, "for networks without memory, not for 'recurrent'"),
        ({"pieces": 64}, "1 minibatches in 64 pieces leave no step of an environment's 16"),
        ({"decision_share": 0.0}, "decision_share is 0.0; it must be"),
    ):
        with pytest.raises(ValueError, match=message):
            ippo.check(ALL.replace(**{"decision_share": 0.5, **changes}), WORLD)
