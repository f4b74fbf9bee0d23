"""IPPO's contract: reproducible, resumable, sweepable, strict about its settings."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.algos import ippo
from garrison.algos.ippo import IPPO
from garrison.learn import checkpoint
from garrison.worlds.toy.network import Network


@dataclass(frozen=True)
class FixedNetwork(Network):
    """All its episodes have the same length, and it says so."""

    fixed_horizon = True


CONFIG = IPPO(total_steps=1_000, lanes=4, rollout_steps=8, minibatches=2, hidden=(8,))
WORLD = Network(steps=6)

init = jax.jit(ippo.init, static_argnames="world")
iteration = jax.jit(ippo.iteration, static_argnames="world")


def played(state: ippo.TrainState, iterations: int, config: IPPO = CONFIG, world: Network = WORLD):
    for _ in range(iterations):
        state, metrics = iteration(config, world, state)
    return state, metrics


def assert_equal(a: ippo.TrainState, b: ippo.TrainState) -> None:
    """Bit by bit."""
    for (path, left), right in zip(jax.tree.leaves_with_path(a), jax.tree.leaves(b), strict=True):
        if jax.dtypes.issubdtype(left.dtype, jax.dtypes.prng_key):
            left, right = jax.random.key_data(left), jax.random.key_data(right)
        np.testing.assert_array_equal(left, right, err_msg=jax.tree_util.keystr(path))


def test_training_goes_on_bit_by_bit_from_a_checkpoint(tmp_path):
    state = init(CONFIG, WORLD, jax.random.key(0))
    half, _ = played(state, 2)
    checkpoint.save(tmp_path, half, 2, {})
    through, _ = played(half, 2)
    resumed, _ = played(checkpoint.load(tmp_path, jax.eval_shape(lambda: state)), 2)
    assert_equal(resumed, through)
    other, _ = played(init(CONFIG, WORLD, jax.random.key(1)), 4)
    assert (np.asarray(other.net.policy.weight) != np.asarray(through.net.policy.weight)).any()


def test_a_sweep_is_a_vmap_over_the_numbers():
    rates = jnp.array([1e-3, 1e-2])
    configs = jax.tree.map(lambda x: jnp.full(2, x), CONFIG).replace(learning_rate=rates)
    start = init(CONFIG, WORLD, jax.random.key(0))
    starts = jax.tree.map(lambda x: jnp.stack([x, x]), start)
    swept, _ = jax.jit(jax.vmap(lambda config, state: ippo.iteration(config, WORLD, state)))(configs, starts)
    for i, rate in enumerate(rates):
        alone, _ = played(start, 1, CONFIG.replace(learning_rate=rate))
        for left, right in zip(jax.tree.leaves(swept.net), jax.tree.leaves(alone.net), strict=True):
            np.testing.assert_allclose(left[i], right, rtol=1e-3, atol=1e-5)


def test_whole_episodes_leave_nothing_behind_and_learn():
    world = FixedNetwork(steps=6)
    config = CONFIG.replace(rollout_steps=None)
    state = init(config, world, jax.random.key(0))
    assert state.world is None
    assert ippo.steps_per_iteration(config, world) == 6 * config.lanes
    after, metrics = played(state, 1, config, world)
    assert metrics["episodes"] == config.lanes
    assert -6 < metrics["return"] < 0
    assert after.iteration == 1
    assert (np.asarray(after.net.policy.weight) != np.asarray(state.net.policy.weight)).any()


def test_the_loss_of_what_was_just_played():
    """With the policy that played, the ratio is 1 and nothing is clipped."""
    state = init(CONFIG, WORLD, jax.random.key(0))
    rng = np.random.default_rng(0)
    obs = jnp.asarray(rng.normal(size=(32, 2, 8)), jnp.float32)
    mask = jnp.ones((32, 2, 7), bool)
    log_probs = jax.nn.log_softmax(jax.vmap(state.net)(obs)[0])
    action = jnp.asarray(rng.integers(0, 7, (32, 2)), jnp.int32)
    log_prob = jnp.take_along_axis(log_probs, action[..., None], -1)[..., 0]
    advantage = jnp.asarray(rng.normal(3, 2, (32, 2)), jnp.float32)
    batch = ippo.Sample(obs, mask, action, log_prob, advantage, jnp.ones((32, 2)))
    _, metrics = ippo.loss(state.net, CONFIG, batch)
    np.testing.assert_allclose(metrics["policy_loss"], 0, atol=1e-5)  # advantages are normalised
    np.testing.assert_allclose(metrics["approx_kl"], 0, atol=1e-6)
    assert metrics["clip_fraction"] == 0
    np.testing.assert_allclose(metrics["entropy"], np.log(7), atol=0.01)

    far = batch.__class__(obs, mask, action, log_prob - 1.0, advantage, jnp.ones((32, 2)))
    _, metrics = ippo.loss(state.net, CONFIG, far)
    assert metrics["clip_fraction"] == 1
    scaled = np.asarray((advantage - advantage.mean()) / advantage.std())
    expected = -np.minimum(np.e * scaled, 1.2 * scaled).mean()
    np.testing.assert_allclose(metrics["policy_loss"], expected, rtol=1e-3)


def test_the_learning_rate_falls_to_nothing():
    config = CONFIG.replace(total_steps=128)  # four iterations
    state, rates = init(config, WORLD, jax.random.key(0)), []
    for _ in range(ippo.num_iterations(config, WORLD)):
        state, metrics = iteration(config, WORLD, state)
        rates.append(float(metrics["learning_rate"]))
    np.testing.assert_allclose(rates, config.learning_rate * np.array([1, 0.75, 0.5, 0.25]), rtol=1e-5)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"lanes": 0}, "lanes is 0"),
        ({"total_steps": 0}, "total_steps is 0"),
        ({"rollout_steps": -1}, "rollout_steps is -1"),
        ({"minibatches": 33}, "minibatches is 33; a rollout has only 32"),
        ({"hidden": ()}, "hidden is"),
    ],
)
def test_impossible_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        ippo.init(CONFIG.replace(**setting), WORLD, jax.random.key(0))
