"""Independent PPO: each agent learns from its own observation; agents share a network or have their own.

De Witt et al. 2020, "Is independent learning all you need in the StarCraft multi-agent challenge?", with the
clipped objective of Schulman et al. 2017 (:mod:`garrison.learn.ppo`). ``docs/algorithms/ippo.md`` describes
each detail. The members are those of :class:`garrison.algos.base.Algorithm`.
"""

from __future__ import annotations

from typing import Any

import jax

from garrison.core.struct import static
from garrison.core.world import World
from garrison.learn import decisions, nets, optim, ppo
from garrison.learn.policy import NetworkPolicy
from garrison.learn.ppo import Metrics, Sample, TrainState
from garrison.learn.ranges import COUNT, Range
from garrison.learn.ranges import check as check_ranges
from garrison.learn.rollout import Rollout, Seen


class Config(ppo.Settings):
    """Hyperparameters of IPPO."""

    separate_critic: bool = static(default=False)
    """Give the value function hidden layers of its own, instead of sharing the policy's."""
    decision_share: float | None = static(default=None)
    """Compute updates for decisions alone, with room for this share of all steps of all agents; None: compute
    all steps, with weight 0 for those that are none. Needs decisions_only. Decisions beyond the room are left
    out at random."""
    pieces: int = static(default=1)
    """Pieces in which the gradient of a minibatch is computed, one after the other; with decision_share.
    Small pieces need less memory, and stay in a CPU's caches."""
    critic_observation: str | None = static(default=None)
    """Observation contract of a critic that sees more than the policy, in training alone; None: it sees the
    same. On cc4 "true" adds where red is."""


steps_per_iteration = ppo.steps_per_iteration
num_iterations = ppo.num_iterations
holds_environments = ppo.holds_environments
placed = ppo.placed


def check(config: Config, world: World) -> None:
    """Raise ``ValueError`` for settings out of range, or that do not fit together or to the world."""
    ppo.check_settings(config, world)
    check_ranges(config, {"pieces": COUNT, "decision_share": Range(0, 1, above=True, optional=True)})
    if config.decision_share is not None:
        _check_decisions(config, world)
    if config.critic_observation is not None:
        _check_critic(config, world)


def _check_decisions(config: Config, world: World) -> None:
    asked, steps = f"decision_share is {config.decision_share}", ppo.rollout_steps(config, world)
    if not config.decisions_only:
        raise ValueError(f"{asked}; it needs decisions_only")
    if nets.remembers(config):
        raise ValueError(f"{asked}; it is for networks without memory, not for {config.network!r}")
    if config.novelty is not None:
        raise ValueError(
            f"{asked}; novelty {config.novelty!r} reads whole observations, which it does not keep: use "
            "decisions_only without decision_share"
        )
    share = config.decision_share
    if share is not None and not decisions.room(steps, config.minibatches, share, config.pieces):
        raise ValueError(
            f"{asked}; {config.minibatches} minibatches in {config.pieces} pieces leave no step of an "
            f"environment's {steps} for some"
        )


def _check_critic(config: Config, world: World) -> None:
    asked = config.critic_observation
    if asked not in world.observations or world.observation not in world.observations:
        raise ValueError(
            f"critic_observation is {asked!r}; world {world.name!r} has the observation contracts "
            f"{', '.join(world.observations) or 'of a single kind'}"
        )
    if world.observations.index(asked) <= world.observations.index(world.observation):
        raise ValueError(f"critic_observation is {asked!r}; the policy sees as much: {world.observation!r}")
    if nets.remembers(config):
        raise ValueError(
            f"critic_observation is {asked!r}; it is for networks without memory, not for {config.network!r}"
        )


def _seen(config: Config, world: World) -> World:
    """The world as the critic observes it."""
    return world if config.critic_observation is None else world.observe_as(config.critic_observation)


def init(config: Config, world: World, key: jax.Array) -> TrainState:
    """A fresh train state. Raises ``ValueError`` for settings that :func:`check` refuses."""
    check(config, world)
    key, net_key, reset_key = jax.random.split(key, 3)
    seen = _seen(config, world)
    if config.critic_observation is None:
        net = nets.of_world(net_key, world, config, separate_critic=config.separate_critic)
    else:
        net = nets.asymmetric(net_key, world, seen, config)
    memory = net.initial_carry(world.num_agents)
    return ppo.start(config, seen, net, optim.init(net), memory, key, reset_key, acting=world)


def player(config: Config, world: World, net: Any) -> ppo.Player:
    """How a network plays."""

    def act(key: jax.Array, memory: Any, seen: Seen) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        assert seen.mask is not None  # as an action is asked for
        memory, (logits, value) = jax.vmap(net)(memory, nets.inputs(net, seen), seen.first)
        return memory, *ppo.choose(key, logits, seen.mask), value

    def value(memory: Any, seen: Seen) -> jax.Array:
        return jax.vmap(net)(memory, nets.inputs(net, seen), seen.first)[1][1]

    pack = None if config.decision_share is None else net.pack
    return ppo.Player(act, value, net.initial_carry(world.num_agents), pack=pack)


def collect(config: Config, world: World, state: TrainState) -> tuple[TrainState, Rollout]:
    """Play one rollout with the current policy."""
    return ppo.collect(config, _seen(config, world), state, player(config, world, state.net))


def loss(
    net: nets.Net, config: Config, entropy_coef: jax.Array | float, batch: Sample
) -> tuple[jax.Array, Metrics]:
    """PPO's loss of a minibatch."""
    logits, value = nets.unroll(net, batch.memory, nets.inputs(net, batch), batch.first)
    assert value is not None  # as init made the network
    return ppo.loss(logits, value, config, entropy_coef, batch)


def samples(
    config: Config, state: TrainState, batch: Rollout, progress: jax.Array | float = 0.0
) -> tuple[TrainState, Sample, Metrics]:
    """What to learn from a rollout; the value head follows the scale of values."""
    after, rows, metrics = ppo.samples(config, state, batch, progress)
    if config.normalize_values:
        after = after.replace(net=after.net.with_value_head(state.value_scale, after.value_scale))
    return after, rows, metrics


def update(
    config: Config, state: TrainState, batch: Rollout, progress: jax.Array
) -> tuple[TrainState, Metrics]:
    """Learn from one rollout. ``progress`` (f32[], 0 to 1) drives the schedules."""
    state, rows, explained = samples(config, state, batch, progress)
    if config.decision_share is None:
        plan = ppo.all_rows(
            config,
            state.key,
            rows,
            lambda net, entropy_coef, batch: loss(net, config, entropy_coef, batch),
        )
    else:
        plan = decisions.plan(config, state.key, state.net, rows, config.decision_share, config.pieces)
    state, metrics = ppo.update(config, state, plan, progress)
    return state, metrics | explained


def iteration(config: Config, world: World, state: TrainState) -> tuple[TrainState, Metrics]:
    """Collect and learn once. Metrics are scalars; ``return`` is NaN if no episode ended."""
    return ppo.iteration(collect, update, config, world, state)


def policy(state: TrainState, world: World, greedy: bool = False) -> NetworkPolicy:
    """The policy that was learned in ``world``."""
    net = state.net.actor if isinstance(state.net, nets.Asymmetric) else state.net
    return NetworkPolicy(net, greedy, world.observation, world.observation_size, world.restriction())


def footprint(config: Config, world: World) -> int:
    """Bytes of one rollout."""
    return ppo.footprint(collect, init, config, world)
