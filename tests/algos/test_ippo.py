"""IPPO's contract: reproducible, resumable, sweepable, strict about its settings."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bitwise import assert_equal

from garrison.algos import ippo
from garrison.algos.ippo import Config
from garrison.learn import minibatches, nets
from garrison.learn.ppo import Sample
from garrison.runs import checkpoint
from garrison.worlds.toy.network import Network


@dataclass(frozen=True)
class FixedNetwork(Network):
    """All its episodes have the same length, and it says so."""

    fixed_horizon = True


CONFIG = Config(total_steps=1_000, num_envs=4, rollout_steps=8, minibatches=2, hidden_sizes=(8,))
WORLD = Network(steps=6)

init = jax.jit(ippo.init)
iteration = jax.jit(ippo.iteration)


def played(state: ippo.TrainState, iterations: int, config: Config = CONFIG, world: Network = WORLD):
    for _ in range(iterations):
        state, metrics = iteration(config, world, state)
    return state, metrics


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
    assert ippo.steps_per_iteration(config, world) == 6 * config.num_envs
    after, metrics = played(state, 1, config, world)
    assert metrics["episodes"] == config.num_envs
    assert -6 < metrics["return"] < 0
    assert after.iteration == 1
    assert (np.asarray(after.net.policy.weight) != np.asarray(state.net.policy.weight)).any()


def test_the_loss_of_what_was_just_played():
    """With the policy that played, the ratio is 1 and nothing is clipped."""
    state = init(CONFIG, WORLD, jax.random.key(0))
    rng = np.random.default_rng(0)
    shape = (8, 4, 2)  # step, env, agent
    obs = jnp.asarray(rng.normal(size=(*shape, 8)), jnp.float32)
    mask = jnp.ones((*shape, 7), bool)
    log_probs = jax.nn.log_softmax(nets.unroll(state.net, None, obs, None)[0])
    action = jnp.asarray(rng.integers(0, 7, shape), jnp.int32)
    log_prob = jnp.take_along_axis(log_probs, action[..., None], -1)[..., 0]
    advantage = jnp.asarray(rng.normal(3, 2, shape), jnp.float32)
    ones = jnp.ones(shape)
    batch = Sample(obs, mask, action, log_prob, advantage, ones, ones)
    _, metrics = ippo.loss(state.net, CONFIG, 0.01, batch)
    np.testing.assert_allclose(metrics["policy_loss"], 0, atol=1e-5)  # advantages are normalized
    np.testing.assert_allclose(metrics["approx_kl"], 0, atol=1e-6)
    assert metrics["clip_fraction"] == 0
    np.testing.assert_allclose(metrics["entropy"], np.log(7), atol=0.01)

    far = batch.replace(log_prob=log_prob - 1.0)
    _, metrics = ippo.loss(state.net, CONFIG, 0.01, far)
    assert metrics["clip_fraction"] == 1
    scaled = np.asarray((advantage - advantage.mean()) / advantage.std())
    expected = -np.minimum(np.e * scaled, 1.2 * scaled).mean()
    np.testing.assert_allclose(metrics["policy_loss"], expected, rtol=1e-3)

    # What has no weight does not count, whatever it is.
    half = jnp.asarray(rng.integers(0, 2, shape), jnp.float32)
    wrong = jnp.where(half == 1, far.advantage, 1e6)
    _, metrics = ippo.loss(state.net, CONFIG, 0.01, far.replace(advantage=wrong, weight=half))
    counted = np.asarray(advantage)[np.asarray(half) == 1]
    scaled = (counted - counted.mean()) / counted.std()
    expected = -np.minimum(np.e * scaled, 1.2 * scaled).mean()
    np.testing.assert_allclose(metrics["policy_loss"], expected, rtol=1e-3)


def test_a_minibatch_takes_as_many_steps_of_each_environment_and_an_epoch_each_step_once():
    order = np.asarray(minibatches.order_of_steps(jax.random.key(0), 13, 5, epochs=3, minibatches=4)[1])
    assert order.shape == (12, 3, 5)
    for epoch in order.reshape(3, 12, 5):
        for env in epoch.T:
            assert len(set(env)) == 12  # one of the 13 is left out
    assert (order[:4] != order[4:8]).any()
    assert (order[..., 0] != order[..., 1]).any()


def test_an_update_stops_when_the_policy_has_moved_far_enough():
    config = CONFIG.replace(learning_rate=0.05, epochs=8)
    state = init(config, WORLD, jax.random.key(0))
    free, stopped = (iteration(config.replace(target_kl=limit), WORLD, state)[1] for limit in (1e6, 0.01))
    assert free["updates"] == 16
    assert 1 <= stopped["updates"] < 16
    assert stopped["approx_kl"] < free["approx_kl"]
    unmoved, metrics = iteration(config.replace(target_kl=-1.0), WORLD, state)
    assert metrics["updates"] == 0
    assert_equal(unmoved.net, state.net)


def test_the_entropy_bonus_follows_its_schedule():
    config = CONFIG.replace(total_steps=128, entropy_coef=0.4, entropy_end=0.0)  # four iterations
    state, seen = init(config, WORLD, jax.random.key(0)), []
    for _ in range(4):
        state, metrics = iteration(config, WORLD, state)
        seen.append(float(metrics["entropy_coef"]))
    np.testing.assert_allclose(seen, [0.4, 0.3, 0.2, 0.1], rtol=1e-5)


def test_broken_numbers_are_counted():
    state = init(CONFIG, WORLD, jax.random.key(0))
    assert iteration(CONFIG, WORLD, state)[1]["nonfinite_inputs"] == 0
    broken = state.replace(obs=state.obs.at[0, 0, 0].set(jnp.nan))
    metrics = iteration(CONFIG, WORLD, broken)[1]
    assert metrics["nonfinite_inputs"] == 1
    assert metrics["finite_updates"] < 4


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
        ({"num_envs": 0}, "num_envs is 0"),
        ({"total_steps": 0}, "total_steps is 0"),
        ({"rollout_steps": -1}, "rollout_steps is -1"),
        ({"minibatches": 9}, "minibatches is 9; a rollout has only 8 steps of each environment"),
        ({"sharing": "none"}, "sharing is 'none'"),
        ({"hidden_sizes": ()}, "hidden_sizes is"),
    ],
)
def test_impossible_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        ippo.init(CONFIG.replace(**setting), WORLD, jax.random.key(0))
