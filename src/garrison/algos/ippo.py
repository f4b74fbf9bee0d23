"""Independent PPO: each agent learns from its own observation; agents share a network or have their own.

De Witt et al. 2020, "Is independent learning all you need in the StarCraft multi-agent challenge?", with the
clipped objective of Schulman et al. 2017 (:mod:`garrison.learn.ppo`). ``docs/algorithms/ippo.md`` describes
each detail. The members are those of :class:`garrison.algos.base.Algorithm`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax

from garrison.core.struct import static, struct
from garrison.core.world import World
from garrison.learn import nets, optim, ppo
from garrison.learn.policy import NetworkPolicy
from garrison.learn.ppo import Metrics, Sample, TrainState
from garrison.learn.rollout import Rollout, Seen


@struct
class Config(ppo.Settings):
    """Hyperparameters of IPPO."""

    separate_critic: bool = static(default=False)
    """Give the value function hidden layers of its own, instead of sharing the policy's."""


check = ppo.check_settings
steps_per_iteration = ppo.steps_per_iteration
num_iterations = ppo.num_iterations
holds_environments = ppo.holds_environments
placed = ppo.placed


def init(config: Config, world: World, key: jax.Array) -> TrainState:
    """A fresh train state. Raises ``ValueError`` for settings that :func:`check` refuses."""
    check(config, world)
    key, net_key, reset_key = jax.random.split(key, 3)
    net = nets.of_world(net_key, world, config, separate_critic=config.separate_critic)
    memory = net.initial_carry(world.num_agents)
    return ppo.start(config, world, net, optim.init(net), memory, key, reset_key)


def collect(config: Config, world: World, state: TrainState) -> tuple[TrainState, Rollout]:
    """Play one rollout with the current policy."""
    net = state.net

    def act(key: jax.Array, memory: Any, seen: Seen) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        memory, (logits, value) = jax.vmap(net)(memory, seen.obs, seen.first)
        return memory, *ppo.choose(key, logits, seen.mask), value

    def value(memory: Any, seen: Seen) -> jax.Array:
        return jax.vmap(net)(memory, seen.obs, seen.first)[1][1]

    pack = None if config.decision_share is None else net.pack
    return ppo.collect(config, world, state, act, value, net.initial_carry(world.num_agents), pack=pack)


def loss(
    net: nets.Net, config: Config, entropy_coef: jax.Array | float, batch: Sample
) -> tuple[jax.Array, Metrics]:
    """PPO's loss of a minibatch."""
    logits, value = nets.unroll(net, batch.memory, batch.obs, batch.first)
    return ppo.loss(logits, value, config, entropy_coef, batch)


def samples(config: Config, state: TrainState, batch: Rollout) -> tuple[TrainState, Sample, Metrics]:
    """What to learn from a rollout; the value head follows the scale of values."""
    after, rows, metrics = ppo.samples(config, state, batch)
    if config.normalize_values:
        after = after.replace(net=after.net.with_value_head(state.value_scale, after.value_scale))
    return after, rows, metrics


def update(
    config: Config, state: TrainState, batch: Rollout, progress: jax.Array
) -> tuple[TrainState, Metrics]:
    """Learn from one rollout. ``progress`` (f32[], 0 to 1) drives the schedules."""
    state, rows, explained = samples(config, state, batch)
    state, metrics = ppo.update(
        config,
        state,
        rows,
        progress,
        partial(_loss, config, batch.action.shape[2]),
    )
    return state, metrics | explained


def _loss(config: Config, num_agents: int, net: nets.Net, entropy_coef: Any, batch: Any) -> Any:
    if config.decision_share is None:
        return loss(net, config, entropy_coef, batch)
    return ppo.loss_of_classes(net, config, entropy_coef, batch, num_agents)


def iteration(config: Config, world: World, state: TrainState) -> tuple[TrainState, Metrics]:
    """Collect and learn once. Metrics are scalars; ``return`` is NaN if no episode ended."""
    return ppo.iteration(collect, update, config, world, state)


def policy(state: TrainState, world: World, greedy: bool = False) -> NetworkPolicy:
    """The policy that was learned in ``world``."""
    return NetworkPolicy(state.net, greedy, world.observation, world.observation_size)


def footprint(config: Config, world: World) -> int:
    """Bytes of one rollout."""
    return ppo.footprint(collect, init, config, world)
