"""MAPPO: actors that see what their agent sees, trained with one critic that sees the global state.

Yu et al. 2022, "The surprising effectiveness of PPO in cooperative multi-agent games", with the clipped
objective of Schulman et al. 2017 (:mod:`garrison.learn.ppo`). ``docs/algorithms/mappo.md`` describes each
detail. The members are those of :class:`garrison.algos.base.Algorithm`.

The actors act alone: only training sees the global state.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.struct import static
from garrison.core.world import World
from garrison.learn import critics, experience, nets, optim, ppo
from garrison.learn.policy import NetworkPolicy
from garrison.learn.ppo import Metrics, Sample, TrainState
from garrison.learn.ranges import Range
from garrison.learn.ranges import check as check_ranges
from garrison.learn.rollout import Rollout, Seen

#: Networks: the ``"actor"`` and the ``"critic"``. Their memories and optimizer states have the same keys.
Nets = dict[str, Any]


class Config(ppo.Settings):
    """Hyperparameters of MAPPO."""

    state: str = static(default="concat")
    """Global state that the critic sees, a kind that the world offers; several are joined by +."""
    critic_hidden_sizes: tuple[int, ...] | None = static(default=None)
    """Widths of the critic's hidden layers; None: those of the actor. The critic of network entity or graph
    is an mlp."""
    critic_memory: bool = static(default=False)
    """Give the critic the memories of all agents too, as they were before the step. The network has to have a
    memory; no gradient of the value reaches it."""
    normalize_values: bool = static(default=True)
    """Normalize value targets by their running mean and standard deviation (Pop-Art)."""
    critic_learning_rate: float | None = None
    """Step size of the critic's Adam; None: that of the actor."""


steps_per_iteration = ppo.steps_per_iteration
num_iterations = ppo.num_iterations
holds_environments = ppo.holds_environments
placed = ppo.placed


def check(config: Config, world: World) -> None:
    """Raise ``ValueError`` for settings out of range, or that do not fit together or to the world."""
    ppo.check_settings(config, world)
    check_ranges(config, {"critic_learning_rate": Range(0, above=True, optional=True)})
    nets.check_options(_critic_options(config))
    if config.critic_memory and not nets.remembers(config):
        raise ValueError(
            f"critic_memory is on; network {config.network!r} has no memory: use recurrent or graph, or turn "
            "it off"
        )
    for kind in experience.state_kinds(config):
        world.global_state_size(kind)  # raises for a kind that it does not have


def _critic_options(config: Config) -> Any:
    """The settings of the critic's network: those of the actor, or an mlp where that needs a description."""
    options = critics.options(config)
    return options if nets.is_encoder(config) else options.replace(network="mlp")


def init(config: Config, world: World, key: jax.Array) -> TrainState:
    """A fresh train state. Raises ``ValueError`` for settings that :func:`check` refuses."""
    check(config, world)
    key, actor_key, critic_key, reset_key = jax.random.split(key, 4)
    features = sum(map(world.global_state_size, experience.state_kinds(config)))
    actor = nets.of_world(actor_key, world, config, values=False)
    if config.critic_memory:
        features += sum(leaf.size for leaf in jax.tree.leaves(actor.initial_carry(world.num_agents)))
    both = {
        "actor": actor,
        "critic": nets.make_critic(critic_key, features, world.num_agents, _critic_options(config)),
    }
    opt = {name: optim.init(net) for name, net in both.items()}
    return ppo.start(config, world, both, opt, _initial_memory(both, world), key, reset_key)


def _initial_memory(both: Nets, world: World) -> Any:
    return {
        "actor": both["actor"].initial_carry(world.num_agents),
        "critic": both["critic"].initial_carry(),
    }


def player(config: Config, world: World, net: Nets) -> ppo.Player:
    """How actors play, and the critic values it."""
    actor, critic = net["actor"], net["critic"]

    def act(key: jax.Array, memory: Any, seen: Seen) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        assert seen.mask is not None  # as an action is asked for
        own, (logits, _) = jax.vmap(actor)(memory["actor"], nets.inputs(actor, seen), seen.first)
        central, values = jax.vmap(critic)(memory["critic"], seen.global_state, seen.first)
        return {"actor": own, "critic": central}, *ppo.choose(key, logits, seen.mask), values

    def value(memory: Any, seen: Seen) -> jax.Array:
        return jax.vmap(critic)(memory["critic"], seen.global_state, seen.first)[1]

    kinds, sees = experience.state_kinds(config), _remembered if config.critic_memory else None
    return ppo.Player(act, value, _initial_memory(net, world), kinds, of_memory=sees)


def _remembered(memory: Any, first: jax.Array) -> jax.Array:
    """The memories of all actors, one after another: ``f32[env, number]``; zeros where an episode begins."""
    leaves = [leaf.reshape(len(first), -1) for leaf in jax.tree.leaves(memory["actor"])]
    return jnp.where(first[:, None], 0.0, jnp.concatenate(leaves, axis=-1))


def collect(config: Config, world: World, state: TrainState) -> tuple[TrainState, Rollout]:
    """Play one rollout with the current actors."""
    return ppo.collect(config, world, state, player(config, world, state.net))


def loss(
    both: Nets, config: Config, entropy_coef: jax.Array | float, batch: Sample
) -> tuple[jax.Array, Metrics]:
    """PPO's loss of a minibatch: its gradients reach the actor by the policy, the critic by the value."""
    memory = batch.memory or {"actor": None, "critic": None}
    inputs = nets.inputs(both["actor"], batch)
    logits, _ = nets.unroll(both["actor"], memory["actor"], inputs, batch.first)
    assert batch.global_state is not None  # as collect asked for it
    values = nets.unroll_critic(both["critic"], memory["critic"], batch.global_state, batch.first)
    return ppo.loss(logits, values, config, entropy_coef, batch)


def update(
    config: Config, state: TrainState, batch: Rollout, progress: jax.Array
) -> tuple[TrainState, Metrics]:
    """Learn from one rollout. ``progress`` (f32[], 0 to 1) drives the schedules."""
    before = state.value_scale
    state, rows, explained = ppo.samples(config, state, batch, progress)
    if config.normalize_values:
        critic = state.net["critic"].with_value_head(before, state.value_scale)
        state = state.replace(net={**state.net, "critic": critic})
    plan = ppo.all_rows(
        config,
        state.key,
        rows,
        lambda both, entropy_coef, batch: loss(both, config, entropy_coef, batch),
    )
    state, metrics = ppo.update(config, state, plan, progress, partial(_apply, config))
    return state, metrics | explained


def _apply(config: Config, grads: Nets, opt: Any, both: Nets, rate: Any, max_grad_norm: Any) -> Any:
    """A gradient step of each network; both learning rates follow the same schedule."""
    critic_rate = rate
    if config.critic_learning_rate is not None:
        critic_rate = rate / config.learning_rate * config.critic_learning_rate
    return optim.apply_each(grads, opt, both, {"actor": rate, "critic": critic_rate}, max_grad_norm)


def iteration(config: Config, world: World, state: TrainState) -> tuple[TrainState, Metrics]:
    """Collect and learn once. Metrics are scalars; ``return`` is NaN if no episode ended."""
    return ppo.iteration(collect, update, config, world, state)


def policy(state: TrainState, world: World, greedy: bool = False) -> NetworkPolicy:
    """The actors that were trained in ``world``; they see what an agent sees."""
    return NetworkPolicy(
        state.net["actor"], greedy, world.observation, world.observation_size, world.restriction()
    )


def footprint(config: Config, world: World) -> int:
    """Bytes of one rollout."""
    return ppo.footprint(collect, init, config, world)
