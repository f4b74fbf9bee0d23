"""Independent PPO: each agent learns from its own observation; agents share a network or have their own.

De Witt et al. 2020, "Is independent learning all you need in the StarCraft multi-agent challenge?", with the
clipped objective of Schulman et al. 2017. ``docs/algorithms/ippo.md`` tells each detail.

    state = jax.jit(init, static_argnames="world")(config, world, key)
    step = jax.jit(iteration, static_argnames="world", donate_argnames="state")
    for _ in range(num_iterations(config, world)):
        state, metrics = step(config, world, state)
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.struct import static, struct
from garrison.core.world import State, World
from garrison.learn import dists, gae, nets, norm, optim, rollout, shard
from garrison.learn.nets import Net
from garrison.learn.policy import NetworkPolicy
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
    """Gradient steps per pass; each takes as many steps from every lane."""
    hidden: tuple[int, ...] = static(default=(256, 256))
    """Widths of the hidden layers."""
    activation: str = static(default="tanh")
    """Of the hidden layers: tanh or relu."""
    separate_critic: bool = static(default=False)
    """Give the value hidden layers of its own; else it shares the policy's."""
    policies: str = static(default="shared")
    """shared: one network for all agents; grouped: one for those of equal sizes; separate: one for each."""
    normalize_rewards: bool = static(default=True)
    """Divide rewards by the running deviation of the discounted return."""
    normalize_values: bool = static(default=False)
    """Let the network give values in units of the running deviation of what they should be (Pop-Art)."""
    decisions_only: bool = static(default=False)
    """Learn only from steps with a choice of more than one action, and give them the rewards until the next.

    Where a world leaves an agent one legal action while it is busy, as cc4 does with busy=masked, an action
    that takes several steps is then one decision, and the idle steps after it dilute neither the policy's
    gradient nor the decay of advantages. Off is the usual treatment: each step is a decision.
    """
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
    entropy_end: float | None = None
    """Let the weight of the entropy bonus move linearly to this; None keeps it."""
    target_kl: float | None = None
    """Leave out the rest of an update once the policy has moved this far (nats, mean over a minibatch)."""
    max_grad_norm: float = 0.5
    """Gradients are clipped to this global norm."""


@struct
class TrainState:
    """All that changes during training; saved, it can go on bit by bit."""

    net: Net
    opt: Any  # state of the optimiser
    reward_scale: norm.RewardScale
    value_scale: norm.ValueScale
    key: jax.Array
    iteration: jax.Array  # int32[]: iterations done
    obs: jax.Array | None  # f32[lane, agent, feature]; None where rollouts are whole episodes
    world: State | None  # likewise


def init(config: IPPO, world: World, key: jax.Array) -> TrainState:
    """A fresh train state. Raises ``ValueError`` for settings that do not fit together or to the world."""
    _check(config, world)
    steps = _steps(config, world)
    key, net_key, reset_key = jax.random.split(key, 3)
    kinds = tuple(zip(world.observation_sizes, world.action_counts, strict=True))
    net = nets.make(
        net_key,
        nets.policy_groups(config.policies, kinds),
        world.observation_size,
        world.num_actions,
        config.hidden,
        config.activation,
        config.separate_critic,
    )
    obs, state = None, None
    if not rollout.whole_episodes(world, steps):
        obs, state = rollout.lanes_of(world, config.lanes, steps).reset(reset_key)
    start = TrainState(
        net=net,
        opt=optim.init(net),
        reward_scale=norm.RewardScale.zero(config.lanes, world.num_agents),
        value_scale=norm.ValueScale.zero(),
        key=key,
        iteration=jnp.zeros((), jnp.int32),
        obs=obs,
        world=state,
    )
    return placed(start)


def placed(state: TrainState) -> TrainState:
    """Where there are several devices: what belongs to a lane on the lane's, the rest on all of them."""
    obs, lanes = shard.over_lanes((state.obs, state.world))
    return shard.everywhere(state.replace(obs=None, world=None)).replace(obs=obs, world=lanes)


def _check(config: IPPO, world: World) -> None:
    for name in ("total_steps", "lanes", "epochs", "minibatches"):
        if getattr(config, name) < 1:
            raise ValueError(f"{name} is {getattr(config, name)}; it must be at least 1")
    if config.rollout_steps is not None and config.rollout_steps < 1:
        raise ValueError(f"rollout_steps is {config.rollout_steps}; it must be at least 1, or None")
    steps = _steps(config, world)
    if steps < config.minibatches:
        raise ValueError(
            f"minibatches is {config.minibatches}; a rollout has only {steps} steps of each lane to share out"
        )


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
    obs, world_state = shard.over_lanes((obs, world_state))  # which whole episodes have just begun
    obs, world_state, batch = rollout.play(
        lanes, act, lambda obs: jax.vmap(net)(obs)[1], play_key, obs, world_state, steps
    )
    if not whole:
        state = state.replace(obs=obs, world=world_state)
    return state.replace(key=key), shard.over_lanes(batch, axis=1)


@struct
class Sample:
    """What the loss needs of a rollout; axes [step, lane, agent, ...]."""

    obs: jax.Array
    mask: jax.Array
    action: jax.Array
    log_prob: jax.Array
    advantage: jax.Array
    target: jax.Array  # what the network should have said of the value
    weight: jax.Array  # f32: 1 for what counts, 0 for what does not


def loss(net: Net, config: IPPO, entropy_coef: jax.Array | float, batch: Sample) -> tuple[jax.Array, Metrics]:
    """Clipped policy loss, squared value error and entropy bonus; means over steps, lanes and agents."""
    logits, value = jax.vmap(jax.vmap(net))(batch.obs)
    log_probs = dists.masked_categorical(logits, batch.mask)
    log_ratio = dists.log_prob(log_probs, batch.action) - batch.log_prob
    ratio = jnp.exp(log_ratio)

    def mean(x: jax.Array) -> jax.Array:
        return norm.mean(x, batch.weight)

    deviation = jnp.sqrt(norm.variance(batch.advantage, batch.weight))
    advantage = (batch.advantage - mean(batch.advantage)) / (deviation + 1e-8)
    clipped = jnp.clip(ratio, 1 - config.clip, 1 + config.clip)
    policy_loss = -mean(jnp.minimum(ratio * advantage, clipped * advantage))
    value_loss = 0.5 * mean((value - batch.target) ** 2)
    entropy = mean(dists.entropy(log_probs))
    metrics = {
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "approx_kl": mean(ratio - 1 - log_ratio),  # Schulman 2020, estimator k3
        "clip_fraction": mean(jnp.abs(ratio - 1) > config.clip),
    }
    return policy_loss + config.value_coef * value_loss - entropy_coef * entropy, metrics


def samples(config: IPPO, state: TrainState, batch: Rollout) -> tuple[TrainState, Sample, Metrics]:
    """What to learn from a rollout: advantages and value targets, by the scales that it renews."""
    reward_scale, reward = norm.scale_rewards(state.reward_scale, batch.reward, batch.done, config.gamma)
    if not config.normalize_rewards:
        reward_scale, reward = state.reward_scale, batch.reward
    decides = jnp.ones(reward.shape, bool)
    if config.decisions_only:
        decides = jnp.sum(batch.mask, axis=-1) > 1
    value, next_value = (state.value_scale.to_units(x) for x in (batch.value, batch.next_value))
    terminated, done = batch.terminated[..., None], batch.done[..., None]
    advantage = gae.advantages(
        reward, value, next_value, terminated, done, config.gamma, config.gae_lambda, decides
    )
    target, weight = advantage + value, decides.astype(jnp.float32)
    unexplained, all_there_is = norm.variance(advantage, weight), norm.variance(target, weight)
    metrics = {"explained_variance": 1 - unexplained / (all_there_is + 1e-8)}
    if config.normalize_values:
        old, new = state.value_scale, norm.follow(state.value_scale, target, weight)
        net = nets.change_value_head(state.net, lambda w, b: norm.keep_outputs(w, b, old, new))
        state = state.replace(value_scale=new, net=net)
    target = state.value_scale.to_network(target)
    rows = Sample(batch.obs, batch.mask, batch.action, batch.log_prob, advantage, target, weight)
    return state.replace(reward_scale=reward_scale), rows, metrics


def update(
    config: IPPO, state: TrainState, batch: Rollout, progress: jax.Array
) -> tuple[TrainState, Metrics]:
    """Learn from one rollout. ``progress`` (f32[], 0 to 1) drives the schedules."""
    state, rows, about = samples(config, state, batch)
    rate = optim.linear(config.learning_rate, 0.0 if config.anneal else config.learning_rate, progress)
    entropy_end = config.entropy_coef if config.entropy_end is None else config.entropy_end
    entropy_coef = optim.linear(config.entropy_coef, entropy_end, progress)

    def minibatch(
        carry: tuple[Net, Any, jax.Array], index: jax.Array
    ) -> tuple[Any, tuple[Metrics, jax.Array]]:
        net, opt, going_on = carry
        picked = jax.tree.map(lambda x: rollout.pick(x, index), rows)
        grads, metrics = jax.grad(loss, has_aux=True)(net, config, entropy_coef, picked)
        if config.target_kl is not None:
            going_on = going_on & (metrics["approx_kl"] <= config.target_kl)
        (new_net, new_opt), grad_norm = optim.apply(grads, opt, net, rate, config.max_grad_norm)
        if config.target_kl is not None:
            new_net, new_opt = jax.tree.map(
                lambda new, old: jnp.where(going_on, new, old), (new_net, new_opt), (net, opt)
            )
        return (new_net, new_opt, going_on), (metrics | {"grad_norm": grad_norm}, going_on)

    key, order = minibatch_order(state.key, *rows.weight.shape[:2], config)
    start = (state.net, state.opt, jnp.ones((), bool))
    (net, opt, _), (metrics, made) = jax.lax.scan(minibatch, start, order)
    finite = jnp.cumprod(jnp.isfinite(metrics["grad_norm"]))  # until the first that is not
    metrics = jax.tree.map(jnp.mean, metrics) | about
    metrics |= {"learning_rate": rate, "entropy_coef": entropy_coef}
    metrics |= {"updates": jnp.sum(made), "finite_updates": jnp.sum(finite)}
    return state.replace(net=net, opt=opt, key=key), metrics


def minibatch_order(key: jax.Array, steps: int, lanes: int, config: IPPO) -> tuple[jax.Array, jax.Array]:
    """The next key, and the steps ``int32[update, step, lane]`` of each minibatch: each epoch shuffles anew.

    A minibatch holds as many steps of one lane as of another, so that no row has to move between devices.
    What does not divide is left out, anew in each epoch.
    """
    size = steps // config.minibatches
    key, order_key = jax.random.split(key)
    numbers = jax.random.uniform(order_key, (config.epochs, steps, lanes))
    order = jnp.argsort(numbers, axis=1)[:, : size * config.minibatches]
    return key, order.reshape(-1, size, lanes)


def iteration(config: IPPO, world: World, state: TrainState) -> tuple[TrainState, Metrics]:
    """Collect and learn once. Metrics are scalars; ``return`` is NaN if no episode ended."""
    progress = state.iteration / num_iterations(config, world)
    state, batch = collect(config, world, state)
    state, metrics = update(config, state, batch, progress)
    mean_return, episodes = rollout.mean_return(batch)
    inputs = sum(rollout.count(lambda x: ~jnp.isfinite(x), rows) for rows in (batch.obs, batch.reward))
    metrics = {"return": mean_return, "episodes": episodes, **metrics, "nonfinite_inputs": inputs}
    return placed(state.replace(iteration=state.iteration + 1)), metrics


def player(state: TrainState, world: World, greedy: bool = False) -> NetworkPolicy:
    """The policy that was learned in ``world`` as a player."""
    return NetworkPolicy(state.net, greedy, world.observation, world.observation_size)
