"""QMIX, VDN and independent Q-learning: action values of agents, learned from a replay through a mixer.

Rashid et al. 2018, "QMIX: monotonic value function factorisation for deep multi-agent reinforcement
learning"; with ``mixer`` sum, value decomposition networks (Sunehag et al. 2018); with none, independent
Q-learning. ``docs/algorithms/qmix.md`` describes each detail. The members are those of
:class:`garrison.algos.base.Algorithm`.

The agents act alone: only training mixes their values and sees the global state.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.struct import Struct, static
from garrison.core.typing import Array, Bool, Float32, Int32, PRNGKeyArray
from garrison.core.world import State, World
from garrison.learn import (
    dists,
    experience,
    explore,
    mixers,
    nets,
    norm,
    offpolicy,
    optim,
    priority,
    replay,
    targets,
)
from garrison.learn.experience import Metrics
from garrison.learn.policy import NetworkPolicy
from garrison.learn.ranges import COUNT, POSITIVE, SHARE, Range, check_choice
from garrison.learn.ranges import check as check_ranges
from garrison.learn.replay import Replay, Rows
from garrison.learn.rollout import Rollout, Seen

#: Networks: the ``"agents"`` and the ``"mixer"``.
Nets = dict[str, Any]

#: Fields of :class:`TrainState` that only further training needs.
RESUME_ONLY = ("replay",)


class Config(offpolicy.Settings, mixers.Settings):
    """Hyperparameters of QMIX. Numbers that are not ``static`` are leaves: ``vmap`` sweeps them."""

    learning_rate: float = 5e-4
    """Step size of Adam."""
    exploration: str = static(default="epsilon_greedy")
    """How actions are explored: epsilon_greedy or boltzmann."""
    exploration_start: float = 1.0
    """At the start, the share ε of random actions, or the temperature of boltzmann."""
    exploration_end: float = 0.05
    """The same at the end, reached linearly."""
    exploration_until: float = 0.05
    """Part of the training after which exploration_end is reached."""
    temperature_unit: str = static(default="spread")
    """Unit of temperatures: spread (the standard deviation of values over an agent's legal actions, as of the
    last iteration) or absolute (the values themselves)."""
    td_lambda: float = 0.0
    """Decay λ of Peng's Q(λ); 0 takes one step's reward and the value of what followed."""
    target_updates: int = static(default=200)
    """Gradient steps between copies of the networks to the target networks."""
    target_tau: float | None = None
    """Share τ by which the target networks follow in each gradient step; None: copies, every target_updates
    gradient steps."""


_RANGES = {
    **offpolicy.RANGES,
    "target_updates": COUNT,
    "td_lambda": SHARE,
    "exploration_until": Range(0, 1, above=True),
    "target_tau": Range(0, 1, above=True, optional=True),
}
#: what is left to chance: ε, or a temperature
_CHANCE = {"epsilon_greedy": SHARE, "boltzmann": POSITIVE}
_LEAST_SPREAD = 1e-3


class TrainState(Struct):
    """All that changes during training. A saved one continues bit by bit."""

    net: Nets
    target: Nets  # target networks
    opt: Any  # state of the optimizer
    replay: Replay
    reward_scale: norm.RewardScale
    spread: Float32[Array, ""]  # of values over legal actions, in the last iteration's gradient steps
    updates: Int32[Array, ""]  # gradient steps so far
    key: PRNGKeyArray
    iteration: Int32[Array, ""]  # completed iterations
    obs: Float32[Array, "env agent feature"] | None  # None where rollouts are whole episodes
    world: State | None  # likewise
    first: Bool[Array, "env"] | None = None  # an episode begins; None for networks without memory as well
    memory: Any = None  # of the agents' network, leaves [env, ...]; likewise


steps_per_iteration = experience.steps_per_iteration
num_iterations = experience.num_iterations
holds_environments = experience.holds_environments
placed = experience.placed


def check(config: Config, world: World) -> None:
    """Raise ``ValueError`` for settings out of range, or that do not fit together or to the world."""
    check_choice(config, "exploration", explore.EXPLORATIONS)
    chance = dict.fromkeys(("exploration_start", "exploration_end"), _CHANCE[config.exploration])
    check_ranges(config, _RANGES | chance)
    check_choice(config, "temperature_unit", ("spread", "absolute"))
    offpolicy.check(config, world)
    mixers.check_settings(config, world)


# ---------------------------------------------------------------- train state


def init(config: Config, world: World, key: PRNGKeyArray) -> TrainState:
    """A fresh train state. Raises ``ValueError`` for settings that :func:`check` refuses."""
    check(config, world)
    key, net_key, mixer_key, reset_key = jax.random.split(key, 4)
    net = {
        "agents": nets.of_world(net_key, world, config, values=False),
        "mixer": mixers.of_world(mixer_key, world, config),
    }
    memory = net["agents"].initial_carry(world.num_agents)
    begun: Any = partial(
        TrainState,
        net=net,
        target=jax.tree.map(jnp.copy, net),  # buffers of their own, as both are donated
        opt=optim.init(net),
        reward_scale=norm.RewardScale.zero(config.num_envs, world.num_agents),
        spread=jnp.ones((), jnp.float32),
        updates=jnp.zeros((), jnp.int32),
        key=key,
        iteration=jnp.zeros((), jnp.int32),
        **experience.start(config, world, memory, reset_key),
    )
    return offpolicy.with_replay(config, world, collect, begun)


# ---------------------------------------------------------------- experience


def collect(config: Config, world: World, state: TrainState) -> tuple[TrainState, Rollout]:
    """Play one rollout, exploring with the current networks."""
    net, chance = state.net["agents"], _chance(config, world, state)

    def act(key: jax.Array, memory: Any, seen: Seen) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        assert seen.mask is not None  # as an action is asked for
        memory, (q, _) = jax.vmap(net)(memory, seen.obs, seen.first)
        log_probs = explore.EXPLORATIONS[config.exploration](q, seen.mask, chance)
        action = dists.sample(key, log_probs)
        return memory, action, dists.log_prob(log_probs, action), targets.chosen(q, action)

    return experience.collect(
        config,
        world,
        state,
        act,
        None,
        net.initial_carry(world.num_agents),
        offpolicy.kept(mixers.kinds(config)),
        pack=offpolicy.pack(world),
        ends=True,
    )


def _chance(config: Config, world: World, state: TrainState) -> jax.Array:
    """ε, or the temperature."""
    done = experience.progress(config, world, state.iteration) / config.exploration_until
    chance = optim.linear(config.exploration_start, config.exploration_end, jnp.minimum(done, 1.0))
    if config.exploration == "boltzmann" and config.temperature_unit == "spread":
        return chance * jnp.maximum(state.spread, _LEAST_SPREAD)
    return chance


# ---------------------------------------------------------------- learning


def loss(
    both: Nets,
    target: Nets,
    config: Config,
    world: World,
    scale: norm.RewardScale,
    rows: Rows,
    weights: Float32[Array, "sequence"] | None = None,
) -> tuple[jax.Array, tuple[Metrics, Float32[Array, "step sequence"]]]:
    """Squared temporal-difference error, mean over steps, sequences, and learned values.

    ``weights`` multiply the squares of each sequence. Also returns absolute errors, mean over learned values.
    """
    (now, after), reward = rows.views(), rows.reward
    q, next_q = offpolicy.outputs(both["agents"], rows)
    _, target_q = offpolicy.outputs(target["agents"], rows)
    state, next_state = (_state(config, world, view) for view in (now, after))
    value = mixers.mix(both["mixer"], targets.chosen(q, rows.action), state)
    best = targets.double_q(next_q, target_q, after.mask)
    if value.shape != reward.shape:  # the team's: one of all agents
        reward = jnp.mean(reward, axis=-1, keepdims=True)
    wanted = targets.lambda_returns(
        reward / scale.deviation if config.normalize_rewards else reward,
        mixers.mix(target["mixer"], best, next_state),
        rows.terminated[..., None],
        rows.done[..., None],
        config.gamma,
        config.td_lambda,
        None if rows.elapsed is None else rows.elapsed[..., None],
    )
    error = value - jax.lax.stop_gradient(wanted)
    td_loss = jnp.mean(error**2 if weights is None else error**2 * weights[None, :, None])
    metrics = {"td_loss": td_loss, "td_error": jnp.mean(jnp.abs(error)), "value": jnp.mean(value)}
    metrics |= {"spread": explore.spread(q, now.mask)}
    if weights is not None:
        metrics["weight"] = jnp.mean(weights)
    return td_loss, (metrics, jnp.mean(jnp.abs(error), axis=-1))


def _state(config: Config, world: World, view: replay.View) -> jax.Array | None:
    """The global state that the mixer sees."""
    return offpolicy.global_state(world, view) if config.mixer == "qmix" else None


def update(
    world: World, config: Config, state: TrainState, batch: Rollout, progress: jax.Array
) -> tuple[TrainState, Metrics]:
    """Put a rollout into the replay, and learn from samples. ``progress`` (0 to 1) drives the schedules."""
    scale, _ = norm.scale_rewards(
        state.reward_scale, batch.reward, batch.done, config.gamma, batch.elapsed, config.reward_memory
    )
    kept = replay.insert(state.replay, replay.sequences(batch, config.sequence))
    chance = _chance(config, world, state)
    rate = optim.linear(config.learning_rate, 0.0 if config.anneal_lr else config.learning_rate, progress)
    beta = optim.linear(config.priority_beta, 1.0, progress)

    def step(carry: tuple[Nets, Nets, Any, jax.Array, Any], key: jax.Array) -> tuple[Any, Metrics]:
        net, target, opt, updates, priorities = carry
        slots = replay.sample(kept.replace(priorities=priorities), key, config.batch_size)
        weights = priority.weights(priorities, slots, beta)
        rows = replay.take(kept, slots)
        gradient = jax.grad(loss, has_aux=True)
        grads, (metrics, error) = gradient(net, target, config, world, scale, rows, weights)
        priorities = priority.update(priorities, slots, error, config.priority)
        (net, opt), grad_norm = optim.apply(grads, opt, net, rate, config.max_grad_norm)
        updates = updates + 1
        target = targets.follow(target, net, updates, config.target_updates, config.target_tau)
        return (net, target, opt, updates, priorities), metrics | {"grad_norm": grad_norm}

    key, sample_key = jax.random.split(state.key)
    begun = (state.net, state.target, state.opt, state.updates, kept.priorities)
    keys = jax.random.split(sample_key, config.updates)
    (net, target, opt, updates, priorities), metrics = jax.lax.scan(step, begun, keys)
    metrics, kept = experience.of_updates(metrics), kept.replace(priorities=priorities)
    state = state.replace(net=net, target=target, opt=opt, updates=updates, key=key, replay=kept)
    state = state.replace(reward_scale=scale, spread=metrics["spread"])
    return state, metrics | {"learning_rate": rate, "exploration": chance, "updates": updates}


def iteration(config: Config, world: World, state: TrainState) -> tuple[TrainState, Metrics]:
    """Collect and learn once. Metrics are scalars; ``return`` is NaN if no episode ended."""
    return experience.iteration(collect, partial(update, world), config, world, state)


def policy(state: TrainState, world: World, greedy: bool = False) -> NetworkPolicy:
    """The agents that were trained in ``world``: each takes its best action, whatever ``greedy`` says.

    Exploration is a part of the training.
    """
    return NetworkPolicy(
        state.net["agents"], True, world.observation, world.observation_size, world.restriction()
    )


def footprint(config: Config, world: World) -> int:
    """Bytes of one rollout and of the replay."""
    return offpolicy.footprint(collect, init, config, world)
