"""A training seed of the PyTorch learner as a train state of the JAX one, and back.

Both have the same parts, so that what torch has trained is saved, resumed, judged and reported by what
Garrison has for its own runs.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import torch

from garrison.algos.ippo import Config
from garrison.learn import norm
from garrison.learn.ppo import TrainState
from garrison.learn.rollout import Rollout
from garrison.parity.torch.ippo import Batch, Learner
from garrison.parity.torch.layers import named_arrays, with_arrays


def learner_of(config: Config, state: TrainState, dtype: torch.dtype = torch.float32) -> Learner:
    """The torch learner that stands where ``state``, a train state of one seed, does."""

    def tensor(array: Any) -> torch.Tensor:
        return torch.tensor(np.asarray(array), dtype=dtype)

    features, actions = len(state.net.trunk.layers[0].weight), state.net.policy.weight.shape[1]
    num_envs, agents = state.reward_scale.running.shape
    settings: Any = config
    learner = Learner(settings, features, agents, actions, num_envs, seed=0)
    values, means, squares = (named_arrays(tree) for tree in (state.net, state.opt.mu, state.opt.nu))
    for name, parameter in learner.net.named_parameters():
        parameter.data = tensor(values[name])
        learner.adam.state[parameter] = {
            "step": torch.tensor(float(state.opt.count)),
            "exp_avg": tensor(means[name]),
            "exp_avg_sq": tensor(squares[name]),
        }
    scale, moments = learner.reward_scale, state.reward_scale.moments
    scale.running = tensor(state.reward_scale.running)
    scale.mean, scale.variance, scale.count = map(float, (moments.mean, moments.variance, moments.count))
    return learner


def state_of(learner: Learner, before: TrainState) -> TrainState:
    """``before`` with what ``learner`` has learned since :func:`learner_of` made it."""
    parameters = dict(learner.net.named_parameters())
    adam = {name: learner.adam.state[parameter] for name, parameter in parameters.items()}
    opt = before.opt._replace(
        count=jnp.asarray(int(adam["value.bias"]["step"]), jnp.int32),
        mu=with_arrays(before.opt.mu, {name: of["exp_avg"].numpy() for name, of in adam.items()}),
        nu=with_arrays(before.opt.nu, {name: of["exp_avg_sq"].numpy() for name, of in adam.items()}),
    )
    net = with_arrays(before.net, {name: x.detach().numpy() for name, x in parameters.items()})
    scale = learner.reward_scale
    moments = norm.Moments(*(jnp.asarray(x, jnp.float32) for x in (scale.mean, scale.variance, scale.count)))
    running = jnp.asarray(scale.running.numpy())
    return before.replace(net=net, opt=opt, reward_scale=norm.RewardScale(moments, running))


def batch_of(rollout: Rollout, dtype: torch.dtype = torch.float32) -> Batch:
    """A rollout of Garrison as one of torch."""
    names = ("obs", "mask", "action", "log_prob", "value", "next_value", "reward", "terminated", "done")
    found = {name: torch.tensor(np.asarray(getattr(rollout, name))) for name in names}
    found = {name: x.to(dtype) if x.is_floating_point() else x for name, x in found.items()}
    return Batch(**found | {"action": found["action"].long()})
