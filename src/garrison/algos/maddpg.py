"""MADDPG: actors that see what their agent sees, trained on centralized critics from a replay.

Lowe et al. 2017, "Multi-agent actor-critic for mixed cooperative-competitive environments", for discrete
actions: gradients of the critic reach an actor by the straight-through Gumbel-Softmax (Jang et al. 2017).
``docs/algorithms/maddpg.md`` describes each detail. The members are those of
:class:`garrison.algos.base.Algorithm`.

The actors act alone: only training sees the global state and the actions of others.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.struct import Struct, static
from garrison.core.typing import Array, Bool, Float32, Int32, PRNGKeyArray
from garrison.core.world import State, World
from garrison.learn import critics, dists, experience, nets, norm, offpolicy, optim, priority, replay, targets
from garrison.learn.encoders import Trunk
from garrison.learn.experience import Metrics
from garrison.learn.policy import NetworkPolicy
from garrison.learn.ranges import NOT_NEGATIVE, POSITIVE, SHARE, Range, check_choice
from garrison.learn.ranges import check as check_ranges
from garrison.learn.replay import Replay, Rows
from garrison.learn.rollout import Rollout, Seen

#: Networks: the ``"actor"`` and the ``"critic"``. Their optimizer states have the same keys.
Nets = dict[str, Any]

#: Fields of :class:`TrainState` that only further training needs.
RESUME_ONLY = ("replay",)


class Config(offpolicy.Settings):
    """Hyperparameters of MADDPG. Numbers that are not ``static`` are leaves: ``vmap`` sweeps them."""

    learning_rate: float = 2.5e-4
    """Step size of the critic's Adam."""
    actor_learning_rate: float | None = None
    """Step size of the actor's Adam; None: half of learning_rate."""
    state: str = static(default="concat")
    """Global state that the critic sees, a kind that the world offers; several are joined by +."""
    critic_sharing: str = static(default="shared")
    """Critics: shared (one trunk that is given the agent's index) or separate (a network for each agent)."""
    critic_hidden_sizes: tuple[int, ...] | None = static(default=None)
    """Widths of the critic's hidden layers; None: those of the actor."""
    twin: bool = static(default=False)
    """Learn two critics, and take the smaller of their values as the target."""
    target_action: str = static(default="sample")
    """Next action in the target: sample (of the target actor) or argmax (its most probable one)."""
    td_lambda: float = 0.0
    """Decay λ of the returns that critics are fitted to; 0 takes one step's reward and the value of what
    followed."""
    others: str = static(default="replay")
    """Actions of the other agents in an actor's loss: replay (those that were taken) or current (samples of
    the current actors)."""
    temperature: float = 1.0
    """Temperature of the Gumbel-Softmax, through which gradients reach the actor."""
    logit_coef: float = 1e-3
    """Weight of the mean square of the logits of legal actions in the actor's loss."""
    warmup_steps: int = static(default=20_000)
    """Environment steps of random legal play at the start; rounded up to whole iterations."""
    target_tau: float = 0.01
    """Share τ by which the target networks follow in each gradient step."""


_RANGES = {
    **offpolicy.RANGES,
    "actor_learning_rate": Range(0, above=True, optional=True),
    "td_lambda": SHARE,
    "temperature": POSITIVE,
    **dict.fromkeys(("logit_coef", "warmup_steps"), NOT_NEGATIVE),
    "target_tau": Range(0, 1, above=True),
}


class TrainState(Struct):
    """All that changes during training. A saved one continues bit by bit."""

    net: Nets
    target: Nets  # target networks
    opt: Nets  # states of the optimizers
    replay: Replay
    reward_scale: norm.RewardScale
    updates: Int32[Array, ""]  # gradient steps so far
    key: PRNGKeyArray
    iteration: Int32[Array, ""]  # completed iterations
    obs: Float32[Array, "env agent feature"] | None  # None where rollouts are whole episodes
    world: State | None  # likewise
    first: Bool[Array, "env"] | None = None  # an episode begins; None for networks without memory as well
    memory: Any = None  # of the actor, leaves [env, ...]; likewise


steps_per_iteration = experience.steps_per_iteration
num_iterations = experience.num_iterations
holds_environments = experience.holds_environments
placed = experience.placed


def check(config: Config, world: World) -> None:
    """Raise ``ValueError`` for settings out of range, or that do not fit together or to the world."""
    check_ranges(config, _RANGES)
    check_choice(config, "critic_sharing", critics.SHARING)
    check_choice(config, "target_action", ("sample", "argmax"))
    check_choice(config, "others", ("replay", "current"))
    offpolicy.check(config, world)
    for kind in experience.state_kinds(config):
        world.global_state_size(kind)  # raises for a kind that it does not have
    Trunk.check(critics.options(config))


# ---------------------------------------------------------------- train state


def init(config: Config, world: World, key: PRNGKeyArray) -> TrainState:
    """A fresh train state. Raises ``ValueError`` for settings that :func:`check` refuses."""
    check(config, world)
    key, actor_key, critic_key, reset_key = jax.random.split(key, 4)
    features, number = (
        sum(map(world.global_state_size, experience.state_kinds(config))),
        2 if config.twin else 1,
    )
    options, sharing = critics.options(config), config.critic_sharing
    net = {
        "actor": nets.of_world(actor_key, world, config, values=False),
        "critic": critics.make(critic_key, world, features, options, sharing, number),
    }
    memory = net["actor"].initial_carry(world.num_agents)
    begun: Any = partial(
        TrainState,
        net=net,
        target=jax.tree.map(jnp.copy, net),  # buffers of their own, as both are donated
        opt={name: optim.init(own) for name, own in net.items()},
        reward_scale=norm.RewardScale.zero(config.num_envs, world.num_agents),
        updates=jnp.zeros((), jnp.int32),
        key=key,
        iteration=jnp.zeros((), jnp.int32),
        **experience.start(config, world, memory, reset_key),
    )
    return offpolicy.with_replay(config, world, collect, begun)


# ---------------------------------------------------------------- experience


def collect(config: Config, world: World, state: TrainState) -> tuple[TrainState, Rollout]:
    """Play one rollout: sample from the current actors, or at random at the start of the training."""
    actor = state.net["actor"]
    warm = state.iteration < -(-config.warmup_steps // steps_per_iteration(config, world))

    def act(key: jax.Array, memory: Any, seen: Seen) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        assert seen.mask is not None  # as an action is asked for
        memory, (logits, _) = jax.vmap(actor)(memory, seen.obs, seen.first)
        log_probs = dists.masked_categorical(jnp.where(warm, 0.0, logits), seen.mask)
        action = dists.sample(key, log_probs)
        log_prob = dists.log_prob(log_probs, action)
        return memory, action, log_prob, jnp.zeros_like(log_prob)  # nobody asks for a value

    memory, kinds = actor.initial_carry(world.num_agents), offpolicy.kept(experience.state_kinds(config))
    pack = offpolicy.pack(world)
    return experience.collect(config, world, state, act, None, memory, kinds, pack=pack, ends=True)


# ---------------------------------------------------------------- learning


def wanted(
    target: Nets, config: Config, world: World, scale: norm.RewardScale, rows: Rows, key: PRNGKeyArray
) -> Float32[Array, "step sequence agent"]:
    """What the critics are fitted to: the reward, and the target critic's value of what followed.

    The target actors act in the next state, under its mask.
    """
    _, after = rows.views()
    log_probs = dists.masked_categorical(offpolicy.outputs_after(target["actor"], rows), after.mask)
    action = dists.mode(log_probs) if config.target_action == "argmax" else dists.sample(key, log_probs)
    state = offpolicy.global_state(world, after)
    next_values = critics.values(target["critic"], state, _one_hot(action, log_probs))
    return targets.lambda_returns(
        rows.reward / scale.deviation if config.normalize_rewards else rows.reward,
        jnp.min(next_values, axis=0),
        rows.terminated[..., None],
        rows.done[..., None],
        config.gamma,
        config.td_lambda,
        None if rows.elapsed is None else rows.elapsed[..., None],
    )


def critic_loss(
    critic: critics.ActionCritic,
    world: World,
    rows: Rows,
    wanted: Float32[Array, "step sequence agent"],
    weights: Float32[Array, "sequence"] | None = None,
) -> tuple[jax.Array, tuple[Metrics, Float32[Array, "step sequence"]]]:
    """Squared temporal-difference error: mean over steps, sequences and agents, sum over critics.

    ``weights`` multiply the squares of each sequence. Also returns absolute errors, mean over critics and
    agents.
    """
    now, _ = rows.views()
    actions = _one_hot(rows.action, now.mask)
    value = critics.values(critic, offpolicy.global_state(world, now), actions)
    error = value - wanted[None]
    loss = jnp.mean(jnp.sum(error**2, axis=0), axis=-1)  # of each row
    size = jnp.mean(jnp.abs(error), axis=(0, -1))
    metrics = {"td_error": jnp.mean(size), "value": jnp.mean(value)}
    if weights is not None:
        loss, metrics["weight"] = loss * weights[None, :], jnp.mean(weights)
    return jnp.mean(loss), (metrics, size)


def actor_loss(
    actor: nets.Net, critic: critics.ActionCritic, config: Config, world: World, rows: Rows, key: PRNGKeyArray
) -> tuple[jax.Array, Metrics]:
    """Minus the critic's value of what each actor does now, mean over rows in which its agent can choose."""
    now, _ = rows.views()
    logits = offpolicy.outputs_now(actor, rows)
    log_probs = dists.masked_categorical(logits, now.mask)
    own = dists.straight_through(key, log_probs, config.temperature)
    taken = _one_hot(rows.action, now.mask) if config.others == "replay" else jax.lax.stop_gradient(own)
    value = critics.values(critic, offpolicy.global_state(world, now), taken, own)[0]
    chooses = (jnp.sum(now.mask, axis=-1) > 1).astype(jnp.float32)
    legal = now.mask.astype(jnp.float32) * chooses[..., None]
    square = norm.mean(jnp.where(now.mask, logits, 0.0) ** 2, legal)
    objective = norm.mean(value, chooses)
    entropy = norm.mean(dists.entropy(log_probs), chooses)
    return config.logit_coef * square - objective, {"entropy": entropy, "logit_square": square}


def _one_hot(action: jax.Array, like: jax.Array) -> jax.Array:
    return jax.nn.one_hot(action, like.shape[-1], dtype=jnp.float32)


def loss(
    both: Nets,
    target: Nets,
    config: Config,
    world: World,
    scale: norm.RewardScale,
    rows: Rows,
    key: PRNGKeyArray,
    weights: Float32[Array, "sequence"] | None = None,
) -> tuple[jax.Array, tuple[Metrics, Float32[Array, "step sequence"]]]:
    """The losses of critics and actors: gradients of each reach its own network alone.

    ``weights``, and the errors that are returned, are those of :func:`critic_loss`.
    """
    target_key, actor_key = jax.random.split(key)
    goal = jax.lax.stop_gradient(wanted(target, config, world, scale, rows, target_key))
    frozen = jax.lax.stop_gradient(both["critic"])
    of_critic, (fitted, error) = critic_loss(both["critic"], world, rows, goal, weights)
    of_actor, chosen = actor_loss(both["actor"], frozen, config, world, rows, actor_key)
    metrics = {"critic_loss": of_critic, "actor_loss": of_actor} | fitted | chosen
    return of_critic + of_actor, (metrics, error)


def update(
    world: World, config: Config, state: TrainState, batch: Rollout, progress: jax.Array
) -> tuple[TrainState, Metrics]:
    """Put a rollout into the replay, and learn from samples. ``progress`` (0 to 1) drives the schedules."""
    scale, _ = norm.scale_rewards(
        state.reward_scale, batch.reward, batch.done, config.gamma, batch.elapsed, config.reward_memory
    )
    kept = replay.insert(state.replay, replay.sequences(batch, config.sequence))
    rates, beta = _rates(config, progress), optim.linear(config.priority_beta, 1.0, progress)

    def step(carry: tuple[Nets, Nets, Nets, Any], key: jax.Array) -> tuple[Any, Metrics]:
        net, target, opt, priorities = carry
        sample_key, loss_key = jax.random.split(key)
        slots = replay.sample(kept.replace(priorities=priorities), sample_key, config.batch_size)
        weights, rows = priority.weights(priorities, slots, beta), replay.take(kept, slots)
        gradient = jax.grad(loss, has_aux=True)
        grads, (metrics, error) = gradient(net, target, config, world, scale, rows, loss_key, weights)
        priorities = priority.update(priorities, slots, error, config.priority)
        (net, opt), grad_norm = optim.apply_each(grads, opt, net, rates, config.max_grad_norm)
        target = targets.average(target, net, config.target_tau)
        return (net, target, opt, priorities), metrics | {"grad_norm": grad_norm}

    key, updates_key = jax.random.split(state.key)
    begun = (state.net, state.target, state.opt, kept.priorities)
    keys = jax.random.split(updates_key, config.updates)
    (net, target, opt, priorities), metrics = jax.lax.scan(step, begun, keys)
    updates = state.updates + config.updates
    state = state.replace(net=net, target=target, opt=opt, updates=updates, key=key)
    state = state.replace(reward_scale=scale, replay=kept.replace(priorities=priorities))
    return state, experience.of_updates(metrics) | {"learning_rate": rates["critic"], "updates": updates}


def _rates(config: Config, progress: jax.Array) -> dict[str, optim.Number]:
    """Learning rates; both follow the same schedule."""
    left = optim.linear(1.0, 0.0 if config.anneal_lr else 1.0, progress)
    rate = config.actor_learning_rate
    return {
        "actor": left * (config.learning_rate / 2 if rate is None else rate),
        "critic": left * config.learning_rate,
    }


def iteration(config: Config, world: World, state: TrainState) -> tuple[TrainState, Metrics]:
    """Collect and learn once. Metrics are scalars; ``return`` is NaN if no episode ended."""
    return experience.iteration(collect, partial(update, world), config, world, state)


def policy(state: TrainState, world: World, greedy: bool = False) -> NetworkPolicy:
    """The actors that were trained in ``world``; they see what an agent sees."""
    return NetworkPolicy(
        state.net["actor"], greedy, world.observation, world.observation_size, world.restriction()
    )


def footprint(config: Config, world: World) -> int:
    """Bytes of one rollout and of the replay."""
    return offpolicy.footprint(collect, init, config, world)
