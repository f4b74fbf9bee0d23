"""What algorithms with PPO's clipped objective share: settings, train state, rollouts, the loss, an update.

An algorithm gives the networks: how they act, what they value, and how they judge the rows of a minibatch.
``docs/algorithms/ippo.md`` describes each detail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.struct import Struct, static
from garrison.core.typing import Array, Bool, Float, Float32, Int, Int32, PRNGKeyArray
from garrison.core.world import State, World
from garrison.learn import dists, experience, gae, minibatches, nets, norm, optim, rollout
from garrison.learn import novelty as novelties
from garrison.learn import teacher as teachers
from garrison.learn.novelty import Novelty
from garrison.learn.ranges import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, Range, check, check_choice
from garrison.learn.rollout import Rollout

Metrics = experience.Metrics

rollout_steps = experience.rollout_steps
steps_per_iteration = experience.steps_per_iteration
num_iterations = experience.num_iterations
holds_environments = experience.holds_environments
tile = experience.tile
placed = experience.placed
iteration = experience.iteration
footprint = experience.footprint


class Settings(experience.Settings):
    """Hyperparameters. Numbers that are not ``static`` are leaves: ``vmap`` over them is a sweep."""

    epochs: int = static(default=2)
    """Passes over each rollout."""
    minibatches: int = static(default=4)
    """Gradient steps per pass."""
    chunk: int | None = static(default=None)
    """Steps to backpropagate through in recurrent networks; None: the whole rollout."""
    normalize_values: bool = static(default=False)
    """Normalize value targets by their running mean and standard deviation (Pop-Art)."""
    normalize_per_agent: bool = static(default=False)
    """Scale rewards and advantages of each agent by its own deviation instead of one for all. For rewards
    that are split among agents, where else the agent with the largest rewards sets the scale."""
    decisions_only: bool = static(default=False)
    """Learn only from steps with more than one legal action; each gets the rewards until the next such step.

    Where a world leaves an agent one legal action while it is busy, as cc4 does with busy=masked, an action
    that takes several steps is then one decision, and the idle steps after it dilute neither the policy's
    gradient nor the decay of advantages. Off is the usual treatment: each step is a decision.
    """
    discount: str = static(default="time")
    """What is discounted: time, or decisions, each by gamma to the power of their mean duration; that needs
    decisions_only."""
    gae_lambda: float = 0.95
    """Decay λ of generalized advantage estimation, per decision."""
    clip_eps: float = 0.2
    """PPO clip range ε."""
    value_coef: float = 0.5
    """Weight of the value loss."""
    entropy_coef: float = 0.01
    """Weight of the entropy bonus."""
    entropy_end: float | None = None
    """Weight of the entropy bonus at the end of training, reached linearly; None: constant."""
    entropy_until: float = 1.0
    """Part of the training after which entropy_end is reached."""
    teacher: str | None = static(default=None)
    """Name of a scripted policy of the world whose choices are learned too; None: nobody's. It chooses in the
    states that the networks reach."""
    teacher_coef: float = 1.0
    """Weight of the cross-entropy between the teacher's choices and the policy."""
    teacher_end: float | None = None
    """Weight of the teacher at the end of training, reached linearly; None: constant."""
    teacher_until: float = 1.0
    """Part of the training after which teacher_end is reached."""
    policy_coef: float = 1.0
    """Weight of the clipped policy loss. 0, with a teacher: imitation alone."""
    target_kl: float | None = None
    """Stop the update early when the approximate KL divergence of a minibatch exceeds this; None: never."""
    novelty: str | None = static(default=None)
    """Intrinsic reward for what is new: rnd (life-long), episodic, ngu (both); None: none."""
    novelty_coef: float = 0.1
    """Weight β of the intrinsic reward, which is divided by the standard deviation of its return."""
    novelty_ignore: tuple[str, ...] = static(default=())
    """Words in the labels of observation features that never count as new, such as a clock's."""


#: Ranges of the numbers in :class:`Settings`.
RANGES = {
    **experience.RANGES,
    **dict.fromkeys(("epochs", "minibatches"), COUNT),
    "chunk": Range(1, optional=True),
    "clip_eps": POSITIVE,
    "gae_lambda": SHARE,
    **dict.fromkeys(("value_coef", "entropy_coef", "teacher_coef", "policy_coef"), NOT_NEGATIVE),
    "novelty_coef": NOT_NEGATIVE,
    **dict.fromkeys(("entropy_end", "teacher_end"), Range(0, optional=True)),
    **dict.fromkeys(("entropy_until", "teacher_until"), Range(0, 1, above=True)),
    "target_kl": Range(0, above=True, optional=True),
}


class TrainState(Struct):
    """All that changes during training. A saved one continues bit by bit."""

    net: Any  # the networks
    opt: Any  # state of the optimizer
    reward_scale: norm.RewardScale
    value_scale: norm.ValueScale
    key: PRNGKeyArray
    iteration: Int32[Array, ""]  # completed iterations
    obs: Float32[Array, "env agent feature"] | None  # None where rollouts are whole episodes
    world: State | None  # likewise
    first: Bool[Array, "env"] | None = None  # an episode begins; None for networks without memory as well
    memory: Any = None  # of the networks, leaves [env, ...]; likewise
    teacher: Any = None  # memory of the teacher, likewise
    novelty: Novelty | None = None  # what intrinsic rewards depend on, where there are any


class Sample(Struct):
    """What the loss needs of a rollout; axes [step, env, agent, ...]."""

    obs: Any
    mask: Bool[Array, "*rows action"]
    action: Int32[Array, "*rows"]
    log_prob: Float32[Array, "*rows"]
    advantage: Float32[Array, "*rows"]
    target: Float32[Array, "*rows"]  # what the network should have given as the value
    weight: Float32[Array, "*rows"]  # 1 for rows that count, 0 for others
    global_state: Float32[Array, "step env number"] | None = None  # for centralized critics
    first: Bool[Array, "step env"] | None = None  # for recurrent networks
    memory: Any = None  # before the first step: leaves [env, ...]; likewise
    place: Int[Array, "*rows"] | None = None  # of the agent in its class, where classes are learned apart
    teacher: Int32[Array, "*rows"] | None = None  # what the teacher would have done
    teacher_weight: Float32[Array, "*rows"] | None = None  # of its choice in the loss


# ---------------------------------------------------------------- planning


def check_settings(config: Settings, world: World) -> None:
    """Raise ``ValueError`` for settings out of range, or that do not fit together or to the world."""
    check(config, RANGES)
    check_choice(config, "discount", ("time", "decisions"))
    if config.discount == "decisions" and not config.decisions_only:
        raise ValueError("discount is 'decisions'; it needs decisions_only")
    nets.check_options(config)
    novelties.check(config, world)
    coef = config.policy_coef
    if teachers.of(config.teacher, world) is None and isinstance(coef, (int, float)) and coef == 0:
        raise ValueError("policy_coef is 0; without a teacher no policy would be learned")
    minibatches.check(config, rollout_steps(config, world), nets.remembers(config))


# ---------------------------------------------------------------- train state


def start(
    config: Settings,
    world: World,
    net: Any,
    opt: Any,
    memory: Any,
    key: PRNGKeyArray,
    reset_key: PRNGKeyArray,
    value_scale: norm.ValueScale | None = None,
    acting: World | None = None,
) -> TrainState:
    """The first train state.

    ``memory`` is that of the networks in one environment; ``acting`` is the world as agents observe it, where
    critics see more of ``world``.
    """
    novelty = None
    if config.novelty is not None:
        key, novelty_key = jax.random.split(key)
        novelty = novelties.init(config, acting or world, novelty_key)
    begun = TrainState(
        net=net,
        opt=opt,
        reward_scale=norm.RewardScale.zero(config.num_envs, world.num_agents, config.normalize_per_agent),
        value_scale=value_scale or norm.ValueScale.zero(),
        key=key,
        iteration=jnp.zeros((), jnp.int32),
        novelty=novelty,
        **experience.start(config, world, memory, reset_key, teachers.of(config.teacher, world)),
    )
    return placed(begun)


# ---------------------------------------------------------------- experience


@dataclass(frozen=True)
class Player:
    """How networks play, and what a rollout of theirs keeps."""

    act: rollout.Act
    value: rollout.Value
    memory: Any  # of the networks at the start of an episode of one environment
    global_states: tuple[str, ...] = ()
    pack: Callable[[Float32[Array, "agent feature"]], Any] | None = None
    of_memory: rollout.OfMemory | None = None


def collect(config: Settings, world: World, state: TrainState, player: Player) -> tuple[TrainState, Rollout]:
    """Play one rollout."""
    return experience.collect(
        config,
        world,
        state,
        player.act,
        player.value,
        player.memory,
        player.global_states,
        chunk=config.chunk,
        pack=player.pack,
        teacher=teachers.of(config.teacher, world),
        ends=config.novelty is not None,
        of_memory=player.of_memory,
    )


def choose(
    key: PRNGKeyArray, logits: Float32[Array, "*batch action"], mask: Bool[Array, "*batch action"]
) -> tuple[Int32[Array, "*batch"], Float32[Array, "*batch"]]:
    """Sampled actions, and their log-probabilities."""
    log_probs = dists.masked_categorical(logits, mask)
    action = dists.sample(key, log_probs)
    return action, dists.log_prob(log_probs, action)


def samples(
    config: Settings, state: TrainState, batch: Rollout, progress: Float[Array, ""] | float = 0.0
) -> tuple[TrainState, Sample, Metrics]:
    """What to learn from a rollout: advantages and value targets, by the scales that it updates.

    ``progress`` (from 0 to 1) drives the schedule of the teacher's weight. Where the scale of values changes,
    the network's value head has to follow (``with_value_head``).
    """
    reward_scale, reward = norm.scale_rewards(
        state.reward_scale, batch.reward, batch.done, config.gamma, batch.elapsed, config.reward_memory
    )
    if not config.normalize_rewards:
        reward_scale, reward = state.reward_scale, batch.reward
    state, intrinsic, metrics = _intrinsic(config, state, batch)
    if intrinsic is not None:
        reward = reward + config.novelty_coef * intrinsic
    decides = jnp.ones(reward.shape, bool)
    if config.decisions_only:
        decides = jnp.sum(batch.mask, axis=-1) > 1
    assert batch.next_value is not None  # as it is in what rollout.play returns
    value, next_value = (state.value_scale.denormalize(x) for x in (batch.value, batch.next_value))
    advantage = gae.advantages(
        reward,
        value,
        next_value,
        batch.terminated[..., None],
        batch.done[..., None],
        config.gamma,
        config.gae_lambda,
        decides,
        _durations(config, batch, decides),
    )
    target, weight = advantage + value, decides.astype(jnp.float32)
    unexplained, total = norm.variance(advantage, weight), norm.variance(target, weight)
    metrics |= {"explained_variance": 1 - unexplained / (total + 1e-8)}
    state = state.replace(reward_scale=reward_scale)
    if config.normalize_per_agent:
        advantage = norm.standardized(advantage, weight)
    if config.normalize_values:
        state = state.replace(value_scale=norm.update_popart(state.value_scale, target, weight))
    rows = Sample(
        obs=batch.obs,
        mask=batch.mask,
        action=batch.action,
        log_prob=batch.log_prob,
        advantage=advantage,
        target=state.value_scale.normalize(target),
        weight=weight,
        global_state=batch.global_state,
        first=batch.first,
        memory=batch.memory,
        teacher=batch.teacher,
    )
    if config.teacher is not None and rows.teacher is not None:
        rows = rows.replace(teacher_weight=teachers.weights(config, rows.teacher, weight, progress))
    return state, rows, metrics


def _durations(
    config: Settings, batch: Rollout, decides: Bool[Array, "step env agent"]
) -> Float32[Array, "step env #agent"] | None:
    """What discounts count of each step; None: 1.

    Where decisions are discounted, each counts as much as decisions last on average, and rows in between
    count nothing.
    """
    elapsed = None if batch.elapsed is None else batch.elapsed[..., None]
    if config.discount == "time":
        return elapsed
    agents = decides.shape[-1]
    total = agents * (batch.reward[..., 0].size if elapsed is None else jnp.sum(elapsed))
    mean = total / jnp.maximum(jnp.sum(decides), 1)
    return jnp.where(decides, mean, 0.0).astype(jnp.float32)


def _intrinsic(
    config: Settings, state: TrainState, batch: Rollout
) -> tuple[TrainState, Float32[Array, "step env agent"] | None, Metrics]:
    """Intrinsic rewards of a rollout, if there are any, and the state after learning from it."""
    if state.novelty is None:
        return state, None, {}
    key, novelty_key = jax.random.split(state.key)
    novelty, reward, metrics = novelties.rewards(config, state.novelty, batch, novelty_key)
    return state.replace(novelty=novelty, key=key), reward, metrics


# ---------------------------------------------------------------- learning


def loss(
    logits: Float32[Array, "*rows action"],
    value: Float32[Array, "*rows"],
    config: Settings,
    entropy_coef: Float[Array, ""] | float,
    batch: Sample,
) -> tuple[Float32[Array, ""], Metrics]:
    """Clipped policy loss, squared value error and entropy bonus; means over rows and agents by weight."""

    def mean(x: Array) -> Array:
        return norm.mean(x, batch.weight)

    deviation = jnp.sqrt(norm.variance(batch.advantage, batch.weight))
    advantage = (batch.advantage - mean(batch.advantage)) / (deviation + 1e-8)
    return loss_of(logits, value, config, entropy_coef, batch, advantage, mean)


def loss_of(
    logits: Float32[Array, "*rows action"],
    value: Float32[Array, "*rows"],
    config: Settings,
    entropy_coef: Float[Array, ""] | float,
    batch: Sample,
    advantage: Float32[Array, "*rows"],
    mean: Callable[[Array], Array],
) -> tuple[Float32[Array, ""], Metrics]:
    """:func:`loss` with advantages as they are given, and ``mean`` for means over rows."""
    log_probs = dists.masked_categorical(logits, batch.mask)
    log_ratio = dists.log_prob(log_probs, batch.action) - batch.log_prob
    ratio = jnp.exp(log_ratio)
    clipped = jnp.clip(ratio, 1 - config.clip_eps, 1 + config.clip_eps)
    policy_loss = -mean(jnp.minimum(ratio * advantage, clipped * advantage))
    value_loss = 0.5 * mean((value - batch.target) ** 2)
    entropy = mean(dists.entropy(log_probs))
    metrics = {
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "approx_kl": mean(ratio - 1 - log_ratio),  # Schulman 2020, estimator k3
        "clip_fraction": mean((jnp.abs(ratio - 1) > config.clip_eps).astype(ratio.dtype)),
    }
    total = config.policy_coef * policy_loss + config.value_coef * value_loss - entropy_coef * entropy
    if batch.teacher is None or batch.teacher_weight is None:
        return total, metrics
    chosen = dists.log_prob(log_probs, jnp.maximum(batch.teacher, 0))
    taught = (batch.teacher >= 0).astype(ratio.dtype)
    agreed = (dists.mode(log_probs) == batch.teacher).astype(ratio.dtype)
    metrics |= {
        "teacher_loss": -mean(taught * chosen),
        "teacher_agreement": mean(taught * agreed),
    }
    return total - mean(batch.teacher_weight * chosen), metrics


#: net, entropy_coef, rows -> loss, metrics
Loss = Callable[[Any, Array, Sample], tuple[Array, Metrics]]
#: grads, opt, net, learning rate, largest norm -> (net, opt), norm
Apply = Callable[[Any, Any, Any, Any, Any], tuple[tuple[Any, Any], Array]]


@dataclass(frozen=True)
class Plan:
    """The minibatches of an update, and how to get the gradient of one."""

    key: PRNGKeyArray  # of the train state, once the minibatches are drawn
    order: Any  # what each minibatch takes: leaves [update, ...]
    #: net, entropy_coef, what a minibatch takes -> grads, metrics
    gradient: Callable[[Any, Array, Any], tuple[Any, Metrics]]


def all_rows(config: Settings, key: PRNGKeyArray, rows: Sample, loss: Loss) -> Plan:
    """Minibatches of all rows, whether they count or not."""
    key, order, pick = minibatches.split(key, rows, config.epochs, config.minibatches, config.chunk)
    gradient = jax.grad(loss, has_aux=True)
    return Plan(key, order, lambda net, entropy_coef, index: gradient(net, entropy_coef, pick(index)))


def update(
    config: Settings, state: TrainState, plan: Plan, progress: Float[Array, ""], apply: Apply = optim.apply
) -> tuple[TrainState, Metrics]:
    """Several epochs of minibatch gradient steps. ``progress`` (0 to 1) drives the schedules."""
    rate = optim.linear(config.learning_rate, 0.0 if config.anneal_lr else config.learning_rate, progress)
    entropy_end = config.entropy_coef if config.entropy_end is None else config.entropy_end
    entropy_progress = jnp.minimum(progress / config.entropy_until, 1.0)
    entropy_coef = optim.linear(config.entropy_coef, entropy_end, entropy_progress)

    def minibatch(carry: tuple[Any, Any, Array], index: Any) -> tuple[Any, tuple[Metrics, Array]]:
        net, opt, going_on = carry
        grads, metrics = plan.gradient(net, entropy_coef, index)
        if config.target_kl is not None:
            going_on = going_on & (metrics["approx_kl"] <= config.target_kl)
        (new_net, new_opt), grad_norm = apply(grads, opt, net, rate, config.max_grad_norm)
        if config.target_kl is not None:
            new_net, new_opt = jax.tree.map(
                lambda new, old: jnp.where(going_on, new, old), (new_net, new_opt), (net, opt)
            )
        return (new_net, new_opt, going_on), (metrics | {"grad_norm": grad_norm}, going_on)

    begun = (state.net, state.opt, jnp.ones((), bool))
    (net, opt, _), (metrics, made) = jax.lax.scan(minibatch, begun, plan.order)
    metrics = experience.of_updates(metrics)
    metrics |= {"learning_rate": rate, "entropy_coef": entropy_coef, "updates": jnp.sum(made)}
    return state.replace(net=net, opt=opt, key=plan.key), metrics
