"""What all algorithms share: common settings, the length of rollouts, collecting one, an iteration's frame.

A train state holds ``key`` and ``iteration``, and where rollouts are not whole episodes the environments:
``obs``, ``world``, ``first``, ``memory``, and ``teacher`` if the algorithm has one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import jax
import jax.numpy as jnp

from garrison.core import opponents
from garrison.core.policy import Policy
from garrison.core.struct import Struct, nbytes, static
from garrison.core.typing import Array, Float32, Int32, PRNGKeyArray
from garrison.core.world import World
from garrison.core.wrappers import Vectorize
from garrison.learn import rollout, shard
from garrison.learn import teacher as teachers
from garrison.learn.ranges import COUNT, POSITIVE, SHARE, Range
from garrison.learn.rollout import Position, Rollout

Metrics = dict[str, Array]


class Settings(Struct):
    """Hyperparameters of every algorithm. Numbers that are not ``static`` are leaves, for ``vmap``."""

    total_steps: int = static(default=1_000_000)
    """Environment steps to train for, over all environments; rounded up to whole iterations."""
    num_envs: int = static(default=16)
    """Number of parallel environments."""
    rollout_steps: int | None = static(default=None)
    """Steps per environment between updates; None: as many as the longest episode has."""
    network: str = static(default="mlp")
    """Network: mlp, recurrent, entity, which treats all hosts alike, or graph, in which hosts attend to those
    that they are connected with, and a memory knows the time since the last decision."""
    hidden_sizes: tuple[int, ...] = static(default=(256, 256))
    """Widths of the hidden layers."""
    activation: str = static(default="tanh")
    """Activation of the hidden layers: tanh or relu."""
    layer_norm: bool = static(default=False)
    """Normalize the inputs of each hidden layer's activation over the layer (Ba et al. 2016)."""
    cell: str = static(default="gru")
    """Cell of recurrent networks: gru or lstm."""
    cell_size: int = static(default=128)
    """Width of the cell of recurrent networks."""
    attention: str = static(default="adjacent")
    """Which nodes attend to which in network graph: adjacent, full (all to all), or none."""
    memory_time: str = static(default="ode")
    """What tells the memory of network graph the time since the last decision: ode (a differential equation),
    decay (exponential, one rate), feature (an input of its cell), or none."""
    sharing: str = static(default="shared")
    """Which agents share a policy network: shared (all), grouped (those of equal sizes), separate (none)."""
    normalize_rewards: bool = static(default=True)
    """Divide rewards by the running standard deviation of the discounted return."""
    anneal_lr: bool = static(default=True)
    """Decrease the learning rate linearly to 0."""
    learning_rate: float = 3e-4
    """Step size of Adam."""
    gamma: float = 0.99
    """Discount per step, or per unit of time in worlds with steps of varying duration."""
    reward_memory: float = 1.0
    """With normalize_rewards: weight that earlier rollouts keep in the standard deviation at each new one. 1
    forgets nothing, so that rewards of a team that got much better look small."""
    max_grad_norm: float = 0.5
    """Maximum global norm of the gradients."""


#: Ranges of the numbers in :class:`Settings`.
RANGES = {
    **dict.fromkeys(("total_steps", "num_envs"), COUNT),
    "rollout_steps": Range(1, optional=True),
    **dict.fromkeys(("learning_rate", "max_grad_norm"), POSITIVE),
    **dict.fromkeys(("gamma", "reward_memory"), SHARE),
}


# ---------------------------------------------------------------- planning


def rollout_steps(config: Settings, world: World) -> int:
    """Steps of each environment in a rollout."""
    return world.typical_steps if config.rollout_steps is None else config.rollout_steps


def steps_per_iteration(config: Settings, world: World) -> int:
    """Environment steps of one iteration, over all environments."""
    return rollout_steps(config, world) * config.num_envs


def num_iterations(config: Settings, world: World) -> int:
    """Iterations that make up ``total_steps``, rounded up."""
    return -(-config.total_steps // steps_per_iteration(config, world))


def holds_environments(config: Settings, world: World) -> bool:
    """Whether the train state holds the environments; it does not where rollouts are whole episodes."""
    return not rollout.whole_episodes(world, rollout_steps(config, world))


def state_kinds(config: Any) -> tuple[str, ...]:
    """The kinds of global state that ``config.state`` joins by +."""
    return tuple(config.state.split("+"))


def footprint(
    collect: Callable[[Any, World, Any], tuple[Any, Rollout]],
    init: Callable[[Any, World, Array], Any],
    config: Any,
    world: World,
) -> int:
    """Bytes of one rollout."""

    def played(config: Any, world: World, key: Array) -> Rollout:
        return collect(config, world, init(config, world, key))[1]

    return nbytes(jax.eval_shape(played, config, world, jax.random.key(0)))


# ---------------------------------------------------------------- environments in the train state

_HELD = ("obs", "world", "first", "memory", "teacher")
_DRAW = 1  # folded into the key of a reset to draw opponents


def start(
    config: Settings, world: World, memory: Any, reset_key: PRNGKeyArray, teacher: Policy | None = None
) -> dict[str, Any]:
    """The environments that the first train state holds, by field; all None where rollouts are episodes.

    ``memory`` is that of the networks in one environment. ``memory`` and ``first`` are None where nobody asks
    for them. Without a teacher there is no field of that name.
    """
    held: dict[str, Any] = dict.fromkeys(("obs", "world", "first", "memory"))
    if not holds_environments(config, world):
        return held
    envs = rollout.envs_of(world, config.num_envs, rollout_steps(config, world))
    held["obs"], held["world"] = envs.reset(reset_key)
    if teacher is not None:
        held["teacher"] = teachers.memory(teacher, reset_key, world, config.num_envs)
    if jax.tree.leaves(memory):
        held["memory"] = tile(memory, config.num_envs)
    if held["memory"] is not None or teacher is not None:
        held["first"] = jnp.ones(config.num_envs, bool)
    return held


def tile(tree: Any, num_envs: int) -> Any:
    """One copy per environment: leaves [env, ...]."""
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (num_envs, *x.shape)), tree)


def placed(state: Any) -> Any:
    """Shard per-environment arrays over devices, replicate the rest; see :func:`shard.devices`."""
    own = [field.name for field in fields(state) if field.name in _HELD]
    envs = shard.over_envs({name: getattr(state, name) for name in own})
    return shard.everywhere(state.replace(**dict.fromkeys(own))).replace(**envs)


# ---------------------------------------------------------------- experience


def collect(
    config: Settings,
    world: World,
    state: Any,
    act: rollout.Act,
    value: rollout.Value | None,
    memory: Any,
    global_states: tuple[str, ...] = (),
    *,
    chunk: int | None = None,
    pack: Callable[[Float32[Array, "agent feature"]], Any] | None = None,
    teacher: Policy | None = None,
    ends: bool = False,
    of_memory: rollout.OfMemory | None = None,
) -> tuple[Any, Rollout]:
    """Play one rollout, see :func:`garrison.learn.rollout.play`.

    ``memory`` is that of the networks at the start of an episode of one environment.
    """
    steps = rollout_steps(config, world)
    key, reset_key, play_key = jax.random.split(state.key, 3)
    holds = holds_environments(config, world)
    if not holds:  # all episodes begin at once: groups of environments can meet one opponent each
        key_of_draw = jax.random.fold_in(reset_key, _DRAW)
        world = opponents.met(world, key_of_draw, opponents.groups_of(config.num_envs))
    envs = rollout.envs_of(world, config.num_envs, steps, global_states)
    begun = shard.over_envs(_begun(config, world, envs, state, memory, reset_key, teacher))
    teach = None if teacher is None else teachers.teach(teacher, world)
    end, batch = rollout.play(
        envs, act, value, play_key, begun, steps, global_states, chunk, pack, teach, ends, of_memory
    )
    if holds:
        state = _holding(state, end)
    return state.replace(key=key), shard.over_envs(batch, axis=1)


def _begun(
    config: Settings,
    world: World,
    envs: Vectorize,
    state: Any,
    memory: Any,
    reset_key: PRNGKeyArray,
    teacher: Policy | None,
) -> Position:
    """Where a rollout starts: where the last one ended, or with new episodes."""
    holds, taught = holds_environments(config, world), ()
    if teacher is not None:
        taught = teachers.memory(teacher, reset_key, world, config.num_envs)
    first, own = jnp.ones(config.num_envs, bool), tile(memory, config.num_envs)
    obs, envs_state = state.obs, state.world
    if obs is None or not holds:
        obs, envs_state = envs.reset(reset_key)
    begun = Position(obs, envs_state, first, own)
    if not holds:
        return begun.replace(teacher=taught)
    if state.first is not None:  # else nobody asks whether an episode begins
        held = getattr(state, "teacher", None)
        begun = begun.replace(first=state.first, teacher=() if held is None else held)
    if state.memory is not None:
        begun = begun.replace(memory=state.memory)
    return begun


def _holding(state: Any, end: Position) -> Any:
    """The train state with the environments as a rollout left them."""
    state = state.replace(obs=end.obs, world=end.state)
    if state.first is not None:
        state = state.replace(first=end.first)
    if state.memory is not None:
        state = state.replace(memory=end.memory)
    if getattr(state, "teacher", None) is not None:
        state = state.replace(teacher=end.teacher)
    return state


# ---------------------------------------------------------------- an iteration


def progress(config: Settings, world: World, iteration: Int32[Array, ""]) -> Float32[Array, ""]:
    """The fraction of the training that is done (0–1), which drives schedules."""
    return iteration.astype(jnp.float32) / num_iterations(config, world)


def iteration(
    collect: Callable[[Any, World, Any], tuple[Any, Rollout]],
    update: Callable[[Any, Any, Rollout, Array], tuple[Any, Metrics]],
    config: Settings,
    world: World,
    state: Any,
) -> tuple[Any, Metrics]:
    """Collect and learn once. Metrics are scalars; ``return`` is NaN if no episode ended."""
    done = progress(config, world, state.iteration)
    state, batch = collect(config, world.during(done), state)
    state, metrics = update(config, state, batch, done)
    mean_return, episodes = rollout.mean_return(batch)
    inputs = sum(
        rollout.count(lambda x: ~jnp.isfinite(x), rows) for rows in jax.tree.leaves((batch.obs, batch.reward))
    )
    by_opponent = rollout.returns_by_opponent(batch, opponents.names_in(world))
    metrics = {
        "return": mean_return,
        "episodes": episodes,
        **by_opponent,
        **(_played(batch) if world.asynchronous else {}),
        **metrics,
        "nonfinite_inputs": inputs,
    }
    return placed(state.replace(iteration=state.iteration + 1)), metrics


def _played(batch: Rollout) -> Metrics:
    """The decisions of a rollout, over all agents, and the time that passed in all environments."""
    decisions = jnp.sum(jnp.sum(batch.mask, axis=-1) > 1, dtype=jnp.int32)
    passed = batch.reward[..., 0].size if batch.elapsed is None else jnp.sum(batch.elapsed)
    return {"decisions": decisions, "elapsed": jnp.asarray(passed, jnp.float32)}


def of_updates(metrics: Metrics) -> Metrics:
    """Metrics of all gradient steps of an iteration, leaves [update]: means, and ``finite_updates``."""
    finite = jnp.cumprod(jnp.isfinite(metrics["grad_norm"]))  # until the first that is not
    return jax.tree.map(jnp.mean, metrics) | {"finite_updates": jnp.sum(finite)}
