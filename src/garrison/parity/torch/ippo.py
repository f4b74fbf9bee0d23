"""IPPO once more, in PyTorch: a second implementation to check :mod:`garrison.algos.ippo` by.

Written from ``docs/algorithms/ippo.md`` and the papers that it names. It shares with the first one the names
of settings and metrics, and no code. It has what ``cc4-ippo`` needs: one network for all agents, whole
episodes, on a CPU; :func:`check` refuses the rest.

    learner = Learner(config, features, agents, actions, environments, seed=0)
    batch = play(learner.net, environments, seeds, steps, torch.Generator())
    metrics = learner.update(batch, order, progress=0.0)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical

from garrison.parity.torch.vector_envs import VectorEnvs

ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu}
ILLEGAL = -1e9  # logit of an action that must not be taken
_EPSILON = 1e-8


class Config(Protocol):
    """The settings that are read; :class:`garrison.algos.ippo.Config` has them."""

    hidden_sizes: tuple[int, ...]
    activation: str
    epochs: int
    minibatches: int
    normalize_rewards: bool
    anneal_lr: bool
    learning_rate: float
    gamma: float
    gae_lambda: float
    clip_eps: float
    value_coef: float
    entropy_coef: float
    max_grad_norm: float


#: Settings that this implementation has only one value of.
_FIXED = {
    "network": "mlp",
    "layer_norm": False,
    "sharing": "shared",
    "separate_critic": False,
    "normalize_values": False,
    "normalize_per_agent": False,
    "decisions_only": False,
    "decision_share": None,
    "critic_observation": None,
    "reward_memory": 1.0,
    "entropy_end": None,
    "teacher": None,
    "policy_coef": 1.0,
    "target_kl": None,
}


def check(config: object) -> None:
    """Raise ``ValueError`` naming a setting that this implementation does not have."""
    for name, value in _FIXED.items():
        if getattr(config, name) != value:
            raise ValueError(f"{name} is {getattr(config, name)!r}; the PyTorch IPPO has only {value!r}")


# ---------------------------------------------------------------- the network


class Net(nn.Module):
    """Actor and critic on one trunk; an agent's observation is extended by its one-hot index."""

    def __init__(
        self, features: int, agents: int, actions: int, hidden: Sequence[int], activation: str, seed: int
    ):
        super().__init__()
        sizes = [features + agents, *hidden]
        self.trunk = nn.ModuleList(nn.Linear(*pair) for pair in zip(sizes, sizes[1:], strict=False))
        self.policy = nn.Linear(hidden[-1], actions)
        self.value = nn.Linear(hidden[-1], 1)
        self.activate = ACTIVATIONS[activation]
        generator = torch.Generator().manual_seed(seed)
        gains = [math.sqrt(2)] * len(hidden) + [0.01, 1.0]
        for layer, gain in zip([*self.trunk, self.policy, self.value], gains, strict=True):
            nn.init.orthogonal_(layer.weight, gain, generator)
            nn.init.zeros_(layer.bias)

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``f[..., agent, action]`` and values ``f[..., agent]`` of f[..., agent, feature]."""
        agents = obs.shape[-2]
        index = torch.eye(agents, dtype=obs.dtype).expand(*obs.shape[:-1], agents)
        hidden = torch.cat([obs, index], dim=-1)
        for layer in self.trunk:
            hidden = self.activate(layer(hidden))
        return self.policy(hidden), self.value(hidden).squeeze(-1)


def distribution(logits: Tensor, mask: Tensor) -> Categorical:
    """The categorical distribution over the actions that ``mask`` (bool) allows."""
    return Categorical(logits=logits.masked_fill(~mask, ILLEGAL), validate_args=False)


# ---------------------------------------------------------------- what was played


@dataclass(frozen=True)
class Batch:
    """A rollout; axes [step, env, agent, ...], without the agent where the world as a whole is meant."""

    obs: Tensor  # f[step, env, agent, feature]
    mask: Tensor  # bool[step, env, agent, action]
    action: Tensor  # int64[step, env, agent]
    log_prob: Tensor  # f[step, env, agent]: of the action, when it was chosen
    value: Tensor  # f[step, env, agent]: of obs
    next_value: Tensor  # f[step, env, agent]: of what followed
    reward: Tensor  # f[step, env, agent]
    terminated: Tensor  # bool[step, env]
    done: Tensor  # bool[step, env]: terminated or truncated


@torch.no_grad()
def play(
    net: Net,
    envs: VectorEnvs,
    seeds: Sequence[int],
    steps: int,
    generator: torch.Generator,
    watch: Callable[[int], None] = lambda done: None,
) -> Batch:
    """Play the episodes of ``seeds``, one per environment, all of which have ``steps`` steps.

    ``watch`` receives, after each step, the number of completed ones. Raises ``RuntimeError`` if an episode
    has more or fewer of them.
    """
    rows = []
    obs, mask = (torch.from_numpy(x) for x in envs.reset(seeds))
    for step in range(steps):
        logits, value = net(obs)
        policy = distribution(logits, mask)
        flat = policy.probs.reshape(-1, mask.shape[-1])
        action = torch.multinomial(flat, 1, generator=generator).reshape(value.shape)
        after = envs.step(action.numpy().astype(np.int32))
        if (after.done != (step == steps - 1)).any():
            raise RuntimeError(f"episodes have {steps} steps, yet after step {step} done is {after.done}")
        reward, terminated, done = (torch.from_numpy(x) for x in (after.reward, after.terminated, after.done))
        rows.append((obs, mask, action, policy.log_prob(action), value, reward, terminated, done))
        obs, mask = torch.from_numpy(after.obs), torch.from_numpy(after.mask)
        watch(step + 1)
    obs_t, mask_t, action, log_prob, value, reward, terminated, done = (
        torch.stack(column) for column in zip(*rows, strict=True)
    )
    next_value = torch.cat([value[1:], net(obs)[1][None]])
    return Batch(obs_t, mask_t, action, log_prob, value, next_value, reward, terminated, done)


def minibatch_order(rng: np.random.Generator, steps: int, num_envs: int, config: Config) -> np.ndarray:
    """Steps ``int64[update, step, env]`` of each minibatch; epochs shuffle each environment separately."""
    size = steps // config.minibatches
    shuffled = [
        rng.permuted(np.tile(np.arange(steps)[:, None], (1, num_envs)), axis=0)[: size * config.minibatches]
        for _ in range(config.epochs)
    ]
    return np.stack(shuffled).reshape(-1, size, num_envs)


# ---------------------------------------------------------------- what to learn from it


@dataclass
class RewardScale:
    """Divides rewards by the running standard deviation of the discounted return."""

    running: Tensor  # f[env, agent]: the discounted return so far, in episodes that go on
    mean: float = 0.0
    variance: float = 0.0
    count: float = 0.0

    def scale(self, reward: Tensor, done: Tensor, gamma: float) -> Tensor:
        """Take in ``reward`` (f[step, env, agent]), with ``done`` (bool[step, env]); returns it scaled."""
        totals = torch.empty_like(reward)
        for step in range(len(reward)):
            totals[step] = gamma * self.running + reward[step]
            self.running = totals[step] * ~done[step][:, None]
        new, total = totals.double(), self.count + totals.numel()
        mean = (self.count * self.mean + new.sum().item()) / total
        square = (self.count * (self.variance + self.mean**2) + (new**2).sum().item()) / total
        self.mean, self.variance, self.count = mean, square - mean**2, total
        return reward / (math.sqrt(self.variance) if self.variance > _EPSILON else 1.0)


def advantages(batch: Batch, reward: Tensor, gamma: float, gae_lambda: float) -> Tensor:
    """Generalized advantage estimation, f[step, env, agent] (Schulman et al. 2016)."""
    bootstrapped = batch.next_value * ~batch.terminated[..., None]
    errors = reward + gamma * bootstrapped - batch.value
    found, later = torch.empty_like(errors), torch.zeros_like(errors[0])
    for step in reversed(range(len(errors))):
        later = errors[step] + gamma * gae_lambda * later * ~batch.done[step][:, None]
        found[step] = later
    return found


@dataclass(frozen=True)
class Sample:
    """A minibatch; axes as in :class:`Batch`."""

    obs: Tensor
    mask: Tensor
    action: Tensor
    log_prob: Tensor
    advantage: Tensor
    target: Tensor  # what the network should have said of the value


def minibatches(whole: Sample, order: np.ndarray) -> Iterator[Sample]:
    """The parts of a rollout that ``order`` (int64[update, step, env]) names, one after the other."""
    envs = torch.arange(order.shape[2])
    for steps in torch.from_numpy(order):
        yield Sample(**{name: array[steps, envs] for name, array in vars(whole).items()})


def loss(net: Net, config: Config, sample: Sample) -> tuple[Tensor, dict[str, Tensor]]:
    """The clipped objective of PPO with value error and entropy bonus, and its parts."""
    logits, value = net(sample.obs)
    policy = distribution(logits, sample.mask)
    log_ratio = policy.log_prob(sample.action) - sample.log_prob
    ratio = log_ratio.exp()
    centred = sample.advantage - sample.advantage.mean()
    advantage = centred / (sample.advantage.std(correction=0) + _EPSILON)
    gain = torch.minimum(ratio * advantage, ratio.clamp(1 - config.clip_eps, 1 + config.clip_eps) * advantage)
    parts = {
        "policy_loss": -gain.mean(),
        "value_loss": 0.5 * (value - sample.target).square().mean(),
        "entropy": policy.entropy().mean(),
        "approx_kl": (ratio - 1 - log_ratio).mean(),
        "clip_fraction": ((ratio - 1).abs() > config.clip_eps).to(ratio.dtype).mean(),
    }
    total = parts["policy_loss"] + config.value_coef * parts["value_loss"]
    return total - config.entropy_coef * parts["entropy"], parts


# ---------------------------------------------------------------- the learner


class Learner:
    """The learner of one seed: its network, the state of the optimizer and the reward scale."""

    def __init__(self, config: Config, features: int, agents: int, actions: int, num_envs: int, seed: int):
        self.config = config
        self.net = Net(features, agents, actions, config.hidden_sizes, config.activation, seed)
        self.adam = torch.optim.Adam(self.net.parameters(), lr=config.learning_rate, eps=1e-5)
        self.reward_scale = RewardScale(torch.zeros(num_envs, agents))

    def samples(self, batch: Batch) -> Sample:
        """The whole rollout with advantages and value targets; renews the reward scale."""
        reward = batch.reward
        if self.config.normalize_rewards:
            reward = self.reward_scale.scale(reward, batch.done, self.config.gamma)
        advantage = advantages(batch, reward, self.config.gamma, self.config.gae_lambda)
        target = advantage + batch.value
        return Sample(batch.obs, batch.mask, batch.action, batch.log_prob, advantage, target)

    def step(self, sample: Sample) -> dict[str, float]:
        """One gradient step; returns the parts of the loss and the norm of its gradient."""
        self.adam.zero_grad()
        total, parts = loss(self.net, self.config, sample)
        total.backward()
        grads = [parameter.grad for parameter in self.net.parameters()]
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(grad) for grad in grads]))
        if norm > self.config.max_grad_norm:
            for grad in grads:
                grad.mul_(self.config.max_grad_norm / norm)
        self.adam.step()
        return {name: part.item() for name, part in parts.items()} | {"grad_norm": norm.item()}

    def update(self, batch: Batch, order: np.ndarray, progress: float) -> dict[str, float]:
        """Learn from a rollout.

        Args:
            order: int64[update, step, env], the steps that each minibatch takes of each environment.
            progress: the completed fraction of the training, 0 to 1; ``anneal_lr`` decreases the rate by it.

        Returns:
            Metrics as ``docs/algorithms/ippo.md`` defines them, means over the gradient steps.
        """
        rate = self.config.learning_rate * (1 - progress if self.config.anneal_lr else 1)
        for group in self.adam.param_groups:
            group["lr"] = rate
        whole = self.samples(batch)
        rows = [self.step(sample) for sample in minibatches(whole, order)]
        metrics = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        finite = np.cumprod([math.isfinite(row["grad_norm"]) for row in rows]).sum()
        spread = whole.target.var(correction=0) + _EPSILON
        return metrics | {
            "explained_variance": 1 - (whole.advantage.var(correction=0) / spread).item(),
            "learning_rate": rate,
            "entropy_coef": self.config.entropy_coef,
            "updates": len(rows),
            "finite_updates": int(finite),
        }
