"""Independent PPO: each agent learns from its own observation, all agents share one network.

De Witt et al. 2020, "Is independent learning all you need in the StarCraft multi-agent challenge?", with the
clipped objective of Schulman et al. 2017.

    state = jax.jit(init, static_argnames="world")(config, world, key)
    step = jax.jit(iteration, static_argnames="world", donate_argnames="state")
    for _ in range(num_iterations(config, world)):
        state, metrics = step(config, world, state)

An action that takes several steps is treated as any other: the policy chooses in every step, and what the
world makes of a choice while an agent is busy is the world's affair.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.struct import static, struct
from garrison.core.world import State, World
from garrison.learn import dists, gae, norm, optim, rollout
from garrison.learn.nets import ActorCritic
from garrison.learn.players import Policy
from garrison.learn.rollout import Rollout

Metrics = dict[str, jax.Array]


@struct
class IPPO:
    """Hyperparameters. The numbers without ``static`` are leaves: ``vmap`` over them is a sweep."""

    total_steps: int = static(default=1_000_000)
    """Environment steps to train for, over all lanes; rounded up to whole iterations."""
    lanes: int = static(default=16)
    """Environments that are played side by side."""
    rollout_steps: int | None = static(default=None)
    """Steps of each lane between updates; None stands for as many as the longest episode has."""
    epochs: int = static(default=2)
    """Passes over each rollout."""
    minibatches: int = static(default=4)
    """Gradient steps per pass."""
    hidden: tuple[int, ...] = static(default=(256, 256))
    """Widths of the layers that policy and value share."""
    anneal: bool = static(default=True)
    """Let the learning rate fall linearly to 0."""
    learning_rate: float = 3e-4
    """Step size of Adam."""
    gamma: float = 0.99
    """Discount per step."""
    gae_lambda: float = 0.95
    """Decay of generalised advantage estimation."""
    clip: float = 0.2
    """The policy's probability ratio gains nothing beyond 1 +- this."""
    value_coef: float = 0.5
    """Weight of the value loss."""
    entropy_coef: float = 0.01
    """Weight of the entropy bonus."""
    max_grad_norm: float = 0.5
    """Gradients are clipped to this global norm."""


@struct
class TrainState:
    """All that changes during training; saved, it can go on bit by bit."""

    net: ActorCritic
    opt: Any  # state of the optimiser
    scale: norm.RewardScale
    key: jax.Array
    iteration: jax.Array  # int32[]: iterations done
    obs: jax.Array | None  # f32[lane, agent, feature]; None where rollouts are whole episodes
    world: State | None  # likewise


def init(config: IPPO, world: World, key: jax.Array) -> TrainState:
    """A fresh train state. Raises ``ValueError`` for settings that do not fit together or to the world."""
    _check(config, world)
    steps = _steps(config, world)
    key, net_key, reset_key = jax.random.split(key, 3)
    net = ActorCritic(net_key, world.observation_size, world.num_agents, world.num_actions, config.hidden)
    obs, state = None, None
    if not rollout.whole_episodes(world, steps):
        obs, state = rollout.lanes_of(world, config.lanes, steps).reset(reset_key)
    return TrainState(
        net=net,
        opt=optim.init(net),
        scale=norm.RewardScale.zero(config.lanes, world.num_agents),
        key=key,
        iteration=jnp.zeros((), jnp.int32),
        obs=obs,
        world=state,
    )


def _check(config: IPPO, world: World) -> None:
    for name in ("total_steps", "lanes", "epochs", "minibatches"):
        if getattr(config, name) < 1:
            raise ValueError(f"{name} is {getattr(config, name)}; it must be at least 1")
    if config.rollout_steps is not None and config.rollout_steps < 1:
        raise ValueError(f"rollout_steps is {config.rollout_steps}; it must be at least 1, or None")
    rows = _steps(config, world) * config.lanes
    if rows < config.minibatches:
        raise ValueError(f"minibatches is {config.minibatches}; a rollout has only {rows} steps to share out")


def _steps(config: IPPO, world: World) -> int:
    return world.max_steps if config.rollout_steps is None else config.rollout_steps


def steps_per_iteration(config: IPPO, world: World) -> int:
    """Environment steps of one iteration, over all lanes."""
    return _steps(config, world) * config.lanes


def num_iterations(config: IPPO, world: World) -> int:
    """Iterations that make up ``total_steps``."""
    return -(-config.total_steps // steps_per_iteration(config, world))


def collect(config: IPPO, world: World, state: TrainState) -> tuple[TrainState, Rollout]:
    """Play one rollout with the current policy."""
    net, steps = state.net, _steps(config, world)
    whole = rollout.whole_episodes(world, steps)
    lanes = rollout.lanes_of(world, config.lanes, steps)
    key, reset_key, play_key = jax.random.split(state.key, 3)

    def act(key: jax.Array, obs: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        logits, value = jax.vmap(net)(obs)
        log_probs = dists.masked_categorical(logits, mask)
        action = dists.sample(key, log_probs)
        return action, dists.log_prob(log_probs, action), value

    obs, world_state = lanes.reset(reset_key) if whole else (state.obs, state.world)
    obs, world_state, batch = rollout.play(
        lanes, act, lambda obs: jax.vmap(net)(obs)[1], play_key, obs, world_state, steps
    )
    if not whole:
        state = state.replace(obs=obs, world=world_state)
    return state.replace(key=key), batch


@struct
class Sample:
    """What the loss needs of a rollout; axes [row, agent, ...] with a row per step and lane."""

    obs: jax.Array
    mask: jax.Array
    action: jax.Array
    log_prob: jax.Array
    advantage: jax.Array
    target: jax.Array  # what the value should have been


def loss(net: ActorCritic, config: IPPO, batch: Sample) -> tuple[jax.Array, Metrics]:
    """Clipped policy loss, squared value error and entropy bonus; means over rows and agents."""
    logits, value = jax.vmap(net)(batch.obs)
    log_probs = dists.masked_categorical(logits, batch.mask)
    log_ratio = dists.log_prob(log_probs, batch.action) - batch.log_prob
    ratio = jnp.exp(log_ratio)
    advantage = (batch.advantage - jnp.mean(batch.advantage)) / (jnp.std(batch.advantage) + 1e-8)
    clipped = jnp.clip(ratio, 1 - config.clip, 1 + config.clip)
    policy_loss = -jnp.mean(jnp.minimum(ratio * advantage, clipped * advantage))
    value_loss = 0.5 * jnp.mean((value - batch.target) ** 2)
    entropy = jnp.mean(dists.entropy(log_probs))
    metrics = {
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "approx_kl": jnp.mean(ratio - 1 - log_ratio),  # Schulman 2020, estimator k3
        "clip_fraction": jnp.mean(jnp.abs(ratio - 1) > config.clip),
    }
    return policy_loss + config.value_coef * value_loss - config.entropy_coef * entropy, metrics


def update(
    config: IPPO, state: TrainState, batch: Rollout, progress: jax.Array
) -> tuple[TrainState, Metrics]:
    """Learn from one rollout. ``progress`` (f32[], 0 to 1) drives the learning-rate schedule."""
    scale, reward = norm.scale_rewards(state.scale, batch.reward, batch.done, config.gamma)
    terminated, done = batch.terminated[..., None], batch.done[..., None]
    advantage = gae.advantages(
        reward, batch.value, batch.next_value, terminated, done, config.gamma, config.gae_lambda
    )
    target = advantage + batch.value
    rows = Sample(batch.obs, batch.mask, batch.action, batch.log_prob, advantage, target)
    rows = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), rows)
    rate = optim.linear(config.learning_rate, progress) if config.anneal else config.learning_rate

    def minibatch(
        carry: tuple[ActorCritic, Any], index: jax.Array
    ) -> tuple[tuple[ActorCritic, Any], Metrics]:
        net, opt = carry
        picked = jax.tree.map(lambda x: x[index], rows)
        grads, metrics = jax.grad(loss, has_aux=True)(net, config, picked)
        net, opt, grad_norm = optim.apply(grads, opt, net, rate, config.max_grad_norm)
        return (net, opt), metrics | {"grad_norm": grad_norm}

    key, order_key = jax.random.split(state.key)
    order = _minibatches(order_key, advantage.shape[0] * advantage.shape[1], config)
    (net, opt), metrics = jax.lax.scan(minibatch, (state.net, state.opt), order)
    metrics = jax.tree.map(jnp.mean, metrics)
    metrics["explained_variance"] = 1 - jnp.var(target - batch.value) / (jnp.var(target) + 1e-8)
    metrics["learning_rate"] = jnp.asarray(rate)
    return state.replace(net=net, opt=opt, scale=scale, key=key), metrics


def _minibatches(key: jax.Array, rows: int, config: IPPO) -> jax.Array:
    """Row numbers ``int32[update, row]``: each epoch in a new order; what does not divide is left out."""
    size = rows // config.minibatches
    orders = jax.vmap(lambda key: jax.random.permutation(key, rows))(jax.random.split(key, config.epochs))
    return orders[:, : size * config.minibatches].reshape(-1, size)


def iteration(config: IPPO, world: World, state: TrainState) -> tuple[TrainState, Metrics]:
    """Collect and learn once. Metrics are scalars; ``return`` is NaN if no episode ended."""
    progress = state.iteration / num_iterations(config, world)
    state, batch = collect(config, world, state)
    state, metrics = update(config, state, batch, progress)
    mean_return, episodes = rollout.mean_return(batch)
    metrics = {"return": mean_return, "episodes": episodes, **metrics}
    return state.replace(iteration=state.iteration + 1), metrics


def player(state: TrainState, greedy: bool = False) -> Policy:
    """The learned policy as a player."""
    return Policy(state.net, greedy)
