"""PQN: action values from what many environments play side by side, without replay and target networks.

Gallici et al. 2024, "Simplifying deep temporal difference learning" (arXiv 2407.04811); teams learn by value
decomposition (PQN-VDN), with ``mixer`` qmix by QMIX's mixer, with none each agent for itself.
``docs/algorithms/pqn.md`` describes each detail. The members are those of
:class:`garrison.algos.base.Algorithm`.

Layer normalization and targets that look many steps ahead take the place of target networks.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.struct import Struct, static
from garrison.core.typing import Array, Bool, Float32, Int32, PRNGKeyArray
from garrison.core.world import State, World
from garrison.learn import dists, experience, explore, minibatches, mixers, nets, norm, optim, targets
from garrison.learn.experience import Metrics
from garrison.learn.policy import NetworkPolicy
from garrison.learn.ranges import COUNT, SHARE, Range
from garrison.learn.ranges import check as check_ranges
from garrison.learn.rollout import Rollout, Seen

#: Networks: the ``"agents"`` and the ``"mixer"``.
Nets = dict[str, Any]


class Config(mixers.Settings):
    """Hyperparameters of PQN. Numbers that are not ``static`` are leaves: ``vmap`` sweeps them."""

    activation: str = static(default="relu")
    """Activation of the hidden layers: tanh or relu."""
    layer_norm: bool = static(default=True)
    """Normalize the inputs of each hidden layer's activation over the layer (Ba et al. 2016). What keeps
    learning stable without target networks."""
    mixer: str = static(default="sum")
    """How values of agents make the team's: qmix (monotonic), sum (VDN), none (independent Q-learning)."""
    learning_rate: float = 2.5e-4
    """Step size of Adam."""
    max_grad_norm: float = 1.0
    """Maximum global norm of the gradients."""
    exploration_start: float = 1.0
    """Share ε of random actions at the start."""
    exploration_end: float = 0.01
    """The same at the end, reached linearly."""
    exploration_until: float = 0.1
    """Part of the training after which exploration_end is reached."""
    td_lambda: float = 0.85
    """Decay λ of Peng's Q(λ); 0 takes one step's reward and the value of what followed."""
    epochs: int = static(default=4)
    """Passes over each rollout."""
    minibatches: int = static(default=16)
    """Gradient steps per pass."""
    chunk: int | None = static(default=None)
    """Steps to backpropagate through in recurrent networks; None: the whole rollout."""


_RANGES = {
    **experience.RANGES,
    **dict.fromkeys(("epochs", "minibatches"), COUNT),
    "chunk": Range(1, optional=True),
    **dict.fromkeys(("exploration_start", "exploration_end", "td_lambda"), SHARE),
    "exploration_until": Range(0, 1, above=True),
}


class TrainState(Struct):
    """All that changes during training. A saved one continues bit by bit."""

    net: Nets
    opt: Any  # state of the optimizer
    reward_scale: norm.RewardScale
    key: PRNGKeyArray
    iteration: Int32[Array, ""]  # completed iterations
    obs: Float32[Array, "env agent feature"] | None  # None where rollouts are whole episodes
    world: State | None  # likewise
    first: Bool[Array, "env"] | None  # an episode begins; None for networks without memory as well
    memory: Any  # of the agents' network, leaves [env, ...]; likewise


class Sample(Struct):
    """What the loss needs of a rollout; axes [step, env, ...]."""

    obs: Float32[Array, "step env agent feature"]
    action: Int32[Array, "step env agent"]
    target: Float32[Array, "step env agent"]  # what the team's value should have been, or the agent's
    weight: Float32[Array, "step env"]  # 1; 0 for what fills up the last chunk
    global_state: Float32[Array, "step env number"] | None  # where the mixer sees one
    first: Bool[Array, "step env"] | None  # for recurrent networks
    memory: Any  # before the first step: leaves [env, ...]; likewise


steps_per_iteration = experience.steps_per_iteration
num_iterations = experience.num_iterations
holds_environments = experience.holds_environments
placed = experience.placed


def check(config: Config, world: World) -> None:
    """Raise ``ValueError`` for settings out of range, or that do not fit together or to the world."""
    check_ranges(config, _RANGES)
    nets.check_options(config)
    nets.check_action_values(config)
    mixers.check_settings(config, world)
    minibatches.check(config, experience.rollout_steps(config, world), nets.remembers(config))


def init(config: Config, world: World, key: PRNGKeyArray) -> TrainState:
    """A fresh train state. Raises ``ValueError`` for settings that :func:`check` refuses."""
    check(config, world)
    key, net_key, mixer_key, reset_key = jax.random.split(key, 4)
    agents = nets.of_world(net_key, world, config, values=False)
    net = {"agents": agents, "mixer": mixers.of_world(mixer_key, world, config)}
    begun = TrainState(
        net=net,
        opt=optim.init(net),
        reward_scale=norm.RewardScale.zero(config.num_envs, world.num_agents),
        key=key,
        iteration=jnp.zeros((), jnp.int32),
        **experience.start(config, world, agents.initial_carry(world.num_agents), reset_key),
    )
    return placed(begun)


# ---------------------------------------------------------------- experience


def collect(config: Config, world: World, state: TrainState) -> tuple[TrainState, Rollout]:
    """Play one rollout, exploring. Its values are those of the best legal actions, mixed."""
    agents = state.net["agents"]
    epsilon = _epsilon(config, experience.progress(config, world, state.iteration))

    def act(key: jax.Array, memory: Any, seen: Seen) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        assert seen.mask is not None  # as an action is asked for
        memory, (q, _) = jax.vmap(agents)(memory, seen.obs, seen.first)
        log_probs = explore.epsilon_greedy(q, seen.mask, epsilon)
        action = dists.sample(key, log_probs)
        return memory, action, dists.log_prob(log_probs, action), _best(state.net["mixer"], q, seen)

    def value(memory: Any, seen: Seen) -> jax.Array:
        _, (q, _) = jax.vmap(agents)(memory, seen.obs, seen.first)
        return _best(state.net["mixer"], q, seen)

    return experience.collect(
        config,
        world,
        state,
        act,
        value,
        agents.initial_carry(world.num_agents),
        mixers.kinds(config),
        chunk=config.chunk,
    )


def _epsilon(config: Config, progress: jax.Array) -> jax.Array:
    """The share of random actions."""
    done = jnp.minimum(progress / config.exploration_until, 1.0)
    return optim.linear(config.exploration_start, config.exploration_end, done)


def _best(mixer: mixers.Mixer, q: Float32[Array, "env agent action"], seen: Seen) -> jax.Array:
    """The value of the best legal actions, f32[env, agent]: each agent's own, or all the team's."""
    assert seen.mask is not None  # as it is where an action was asked for, or a value of the end
    best = targets.chosen(q, explore.greedy(q, seen.mask))
    return jnp.broadcast_to(mixers.mix(mixer, best, seen.global_state), best.shape)


# ---------------------------------------------------------------- learning


def samples(config: Config, state: TrainState, batch: Rollout) -> tuple[TrainState, Sample]:
    """What to learn from a rollout: targets, by the scale of rewards that it updates."""
    scale, reward = norm.scale_rewards(
        state.reward_scale, batch.reward, batch.done, config.gamma, batch.elapsed, config.reward_memory
    )
    if not config.normalize_rewards:
        scale, reward = state.reward_scale, batch.reward
    if config.mixer != "none":
        reward = jnp.broadcast_to(jnp.mean(reward, axis=-1, keepdims=True), reward.shape)
    assert batch.next_value is not None  # as collect asked for values
    target = targets.lambda_returns(
        reward,
        batch.next_value,
        batch.terminated[..., None],
        batch.done[..., None],
        config.gamma,
        config.td_lambda,
        None if batch.elapsed is None else batch.elapsed[..., None],
    )
    rows = Sample(
        obs=batch.obs,
        action=batch.action,
        target=target,
        weight=jnp.ones(batch.done.shape, jnp.float32),
        global_state=batch.global_state,
        first=batch.first,
        memory=batch.memory,
    )
    return state.replace(reward_scale=scale), rows


def loss(net: Nets, batch: Sample) -> tuple[jax.Array, Metrics]:
    """Squared error of the values of what was done, mean over steps, environments and learned values."""
    q, _ = nets.unroll(net["agents"], batch.memory, batch.obs, batch.first)
    value = mixers.mix(net["mixer"], targets.chosen(q, batch.action), batch.global_state)
    error = value - batch.target

    def mean(x: Float32[Array, "step env value"]) -> Float32[Array, ""]:
        return norm.mean(jnp.mean(x, axis=-1), batch.weight)

    td_loss = mean(error**2)
    return td_loss, {"td_loss": td_loss, "td_error": mean(jnp.abs(error)), "value": mean(value)}


def update(
    config: Config, state: TrainState, batch: Rollout, progress: jax.Array
) -> tuple[TrainState, Metrics]:
    """Learn from one rollout. ``progress`` (f32[], 0 to 1) drives the schedules."""
    state, rows = samples(config, state, batch)
    key, order, pick = minibatches.split(state.key, rows, config.epochs, config.minibatches, config.chunk)
    rate = optim.linear(config.learning_rate, 0.0 if config.anneal_lr else config.learning_rate, progress)

    def step(carry: tuple[Nets, Any], index: jax.Array) -> tuple[tuple[Nets, Any], Metrics]:
        net, opt = carry
        grads, metrics = jax.grad(loss, has_aux=True)(net, pick(index))
        carry, grad_norm = optim.apply(grads, opt, net, rate, config.max_grad_norm)
        return carry, metrics | {"grad_norm": grad_norm}

    (net, opt), metrics = jax.lax.scan(step, (state.net, state.opt), order)
    metrics = experience.of_updates(metrics)
    metrics |= {"learning_rate": rate, "exploration": _epsilon(config, progress)}
    return state.replace(net=net, opt=opt, key=key), metrics


def iteration(config: Config, world: World, state: TrainState) -> tuple[TrainState, Metrics]:
    """Collect and learn once. Metrics are scalars; ``return`` is NaN if no episode ended."""
    return experience.iteration(collect, update, config, world, state)


def policy(state: TrainState, world: World, greedy: bool = False) -> NetworkPolicy:
    """The agents that were trained in ``world``: each takes its best action, whatever ``greedy`` says.

    Exploration is a part of the training.
    """
    agents = state.net["agents"]
    return NetworkPolicy(agents, True, world.observation, world.observation_size, world.restriction())


def footprint(config: Config, world: World) -> int:
    """Bytes of one rollout."""
    return experience.footprint(collect, init, config, world)
