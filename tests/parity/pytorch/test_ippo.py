"""The pieces of the PyTorch IPPO against closed forms, and against ours."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, which the extra 'parity' brings")

from garrison.algos import ippo  # noqa: E402
from garrison.algos.ippo import Config  # noqa: E402
from garrison.learn import dists, gae, nets, norm, optim  # noqa: E402
from garrison.parity.torch import convert  # noqa: E402
from garrison.parity.torch import ippo as torch_ippo  # noqa: E402
from garrison.parity.torch.layers import named_arrays, with_arrays  # noqa: E402
from garrison.parity.torch.vector_envs import After, WorldLanes  # noqa: E402
from garrison.worlds.toy.probes import Coordination  # noqa: E402

CONFIG = Config(num_envs=4, rollout_steps=8, minibatches=2, hidden_sizes=(8, 6))
STEPS, LANES, AGENTS = 8, 4, 2
GAMMA, LAMBDA = 0.9, 0.8


@pytest.fixture(scope="module")
def net():
    return torch_ippo.Net(3, AGENTS, 5, (8, 6), "tanh", seed=0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def batch_of(rng, **changes):
    shape = (STEPS, LANES, AGENTS)
    terminated, truncated = rng.random((2, STEPS, LANES)) < 0.2
    numbers = {
        name: torch.tensor(rng.normal(size=shape), dtype=torch.float32)
        for name in ("log_prob", "value", "next_value", "reward")
    }
    fields = {
        "obs": torch.tensor(rng.normal(size=(*shape, 3)), dtype=torch.float32),
        "mask": torch.ones(*shape, 5, dtype=torch.bool),
        "action": torch.tensor(rng.integers(0, 5, shape)),
        "terminated": torch.tensor(terminated),
        "done": torch.tensor(terminated | truncated),
    }
    return torch_ippo.Batch(**numbers | fields | changes)


def test_networks_begin_orthogonal(net):
    for layer, gain in zip([*net.trunk, net.policy, net.value], (2**0.5, 2**0.5, 0.01, 1.0), strict=True):
        weight = layer.weight.detach().numpy()
        small = weight @ weight.T if len(weight) <= weight.shape[1] else weight.T @ weight
        np.testing.assert_allclose(small, gain**2 * np.eye(len(small)), atol=1e-5)
        assert not layer.bias.any()


def test_a_network_is_ours_with_the_same_numbers(rng, net):
    other = nets.make(jax.random.key(0), (0, 0), 3, 5, CONFIG)
    own = with_arrays(other, {name: x.detach().numpy() for name, x in net.named_parameters()})
    obs = rng.normal(size=(7, AGENTS, 3)).astype(np.float32)
    for ours, theirs in zip(nets.unroll(own, None, obs[None], None), net(torch.from_numpy(obs)), strict=True):
        np.testing.assert_allclose(ours[0], theirs.detach(), rtol=1e-5, atol=1e-6)
    for name, array in named_arrays(own).items():
        np.testing.assert_array_equal(array, dict(net.named_parameters())[name].detach())


def test_the_distribution_is_over_legal_actions_alone(rng):
    logits, mask = rng.normal(size=(20, 5)).astype(np.float32), rng.random((20, 5)) < 0.5
    mask[:, 2] = True
    policy = torch_ippo.distribution(torch.from_numpy(logits), torch.from_numpy(mask))
    weights = np.exp(logits) * mask
    probs = weights / weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(policy.probs, probs, rtol=1e-5)
    assert (policy.probs.numpy()[~mask] == 0).all()
    entropy = -np.sum(np.where(mask, probs * np.log(np.where(mask, probs, 1)), 0), axis=1)
    np.testing.assert_allclose(policy.entropy(), entropy, rtol=1e-4, atol=1e-6)
    ours = dists.masked_categorical(jnp.asarray(logits), jnp.asarray(mask))
    np.testing.assert_allclose(dists.entropy(ours), policy.entropy(), rtol=1e-4, atol=1e-6)


def test_advantages_are_ours(rng):
    batch = batch_of(rng)
    found = torch_ippo.advantages(batch, batch.reward, GAMMA, LAMBDA)
    names = ("reward", "value", "next_value", "terminated", "done")
    arrays = {name: getattr(batch, name).numpy() for name in names}
    arrays |= {name: arrays[name][..., None] for name in ("terminated", "done")}
    expected = gae.advantages(
        **{name: jnp.asarray(x) for name, x in arrays.items()}, gamma=GAMMA, gae_lambda=LAMBDA
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_rewards_are_scaled_as_ours_over_several_rollouts(rng):
    theirs = torch_ippo.RewardScale(torch.zeros(LANES, AGENTS))
    ours = norm.RewardScale.zero(LANES, AGENTS)
    for _ in range(3):
        batch = batch_of(rng)
        found = theirs.scale(batch.reward, batch.done, GAMMA)
        ours, expected = norm.scale_rewards(ours, batch.reward.numpy(), batch.done.numpy(), GAMMA)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(theirs.variance, ours.moments.variance, rtol=1e-5)
    still = torch_ippo.RewardScale(torch.zeros(LANES, AGENTS))
    zeros = torch.zeros(STEPS, LANES, AGENTS)
    assert not still.scale(zeros, batch.done, GAMMA).any()  # nothing varies: not divided by 0


@pytest.mark.parametrize("limit", [0.1, 100.0])
def test_a_gradient_step_is_ours(rng, limit):
    """Adam's second step, with gradients clipped and not."""
    config = CONFIG.replace(max_grad_norm=limit)
    learner = torch_ippo.Learner(config, 3, AGENTS, 5, LANES, seed=0)
    params = {name: x.detach().numpy().copy() for name, x in learner.net.named_parameters()}
    opt = optim.init(params)
    sample = learner.samples(batch_of(rng))
    for _ in range(2):
        metrics = learner.step(sample)
        learner_grads = {name: x.grad.numpy().copy() for name, x in learner.net.named_parameters()}
        raw = {name: x * max(1.0, metrics["grad_norm"] / limit) for name, x in learner_grads.items()}
        (params, opt), norm_ = optim.apply(raw, opt, params, config.learning_rate, limit)
        np.testing.assert_allclose(norm_, metrics["grad_norm"], rtol=1e-4)
    for name, x in learner.net.named_parameters():
        np.testing.assert_allclose(params[name], x.detach(), rtol=1e-4, atol=1e-7)


def test_each_epoch_takes_each_step_of_each_lane_once(rng):
    order = torch_ippo.minibatch_order(rng, 13, 5, CONFIG.replace(epochs=3, minibatches=4))
    assert order.shape == (12, 3, 5)
    for epoch in order.reshape(3, 12, 5):
        assert all(len(set(lane)) == 12 for lane in epoch.T)
    assert (order[:4] != order[4:8]).any()
    assert (order[..., 0] != order[..., 1]).any()


def test_a_train_state_survives_the_way_there_and_back():
    world = Coordination()
    config = Config(total_steps=1_000, num_envs=4, minibatches=1, hidden_sizes=(8,))
    state = jax.jit(ippo.init)(config, world, jax.random.key(0))
    state, _ = jax.jit(ippo.iteration)(config, world, state)
    again = convert.state_of(convert.learner_of(config, state), state)
    for (path, left), right in zip(jax.tree.leaves_with_path(state), jax.tree.leaves(again), strict=True):
        if path[0].name != "key":
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left, right, err_msg=jax.tree_util.keystr(path))


def test_what_is_played_is_what_the_network_says():
    world = Coordination()
    net = torch_ippo.Net(world.observation_size, world.num_agents, world.num_actions, (8,), "tanh", seed=0)
    batch = torch_ippo.play(net, WorldLanes(world), range(6), world.max_steps, torch.Generator())
    logits, value = net(batch.obs)
    policy = torch_ippo.distribution(logits, batch.mask)
    np.testing.assert_allclose(policy.log_prob(batch.action).detach(), batch.log_prob, rtol=1e-5)
    np.testing.assert_allclose(value.detach(), batch.value, rtol=1e-5)
    assert batch.done[-1].all()
    assert not batch.done[:-1].any()


def test_episodes_of_another_length_are_refused(net):
    class Short:
        def reset(self, seeds):
            return np.zeros((1, AGENTS, 3), np.float32), np.ones((1, AGENTS, 5), bool)

        def step(self, actions):
            return After(
                *self.reset(()), np.zeros((1, AGENTS), np.float32), np.ones(1, bool), np.ones(1, bool)
            )

    with pytest.raises(RuntimeError, match="episodes have 2 steps, yet after step 0 done"):
        torch_ippo.play(net, Short(), [0], 2, torch.Generator())


@pytest.mark.parametrize("setting", [{"sharing": "separate"}, {"target_kl": 0.1}, {"decisions_only": True}])
def test_settings_that_it_lacks_are_refused(setting):
    with pytest.raises(ValueError, match=f"{next(iter(setting))} is .*; the PyTorch IPPO has only"):
        torch_ippo.check(dataclasses.replace(CONFIG, **setting))
