"""Playing many environments for a number of steps, and what is kept of it.

There is one convention of time. A row holds what was known *before* the action of its step (observation,
mask, ``first``, memory, global state), the action, and what came of it (reward, ``terminated``, ``done``).
``first[t]`` is ``done[t - 1]``, and True in the first row after a reset. Memory is emptied by ``first``,
bootstrapping is cut by ``terminated``, traces are cut by ``done``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.policy import Obs
from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, Int, Int32, PRNGKeyArray, Shaped
from garrison.core.world import State, Step, World
from garrison.core.wrappers import AutoReset, EpisodeStats, Vectorize, Wrapper, innermost


class Seen(Struct):
    """What is known before an action."""

    obs: Shaped[Array, "*step env agent feature"]  # f32, or as it was packed
    mask: Bool[Array, "*step env agent action"] | None  # legal actions; None where a value alone is asked for
    first: Bool[Array, "*step env"]  # an episode begins
    global_state: Float32[Array, "*step env number"] | None = None  # where the rollout holds global states


#: key, memory, seen -> next memory, action, log-probability of the action, value
Act = Callable[
    [PRNGKeyArray, Any, Seen],
    tuple[Any, Int32[Array, "env agent"], Float32[Array, "env agent"], Float32[Array, "env agent"]],
]
#: key, memory of the teacher, seen, state of the innermost world -> its next memory, its actions
Teach = Callable[[PRNGKeyArray, Any, Seen, State], tuple[Any, Int32[Array, "env agent"]]]
#: memory, seen -> value
Value = Callable[[Any, Seen], Float32[Array, "env agent"]]
#: memory, whether an episode begins -> what critics see of the memory
OfMemory = Callable[[Any, Bool[Array, "env"]], Float32[Array, "env number"]]


class Position(Struct):
    """Where playing stands: what changes from one step to the next."""

    obs: Float32[Array, "env agent feature"]
    state: State  # of the vectorized world
    first: Bool[Array, "env"]  # an episode begins here
    memory: Any = ()  # of the policy: leaves [env, ...]; () if it has none
    teacher: Any = ()  # memory of the teacher, likewise


class Rollout(Struct):
    """What was played; :func:`play` makes it step by step, and returns it with the axis step.

    ``next_value`` is None where nobody asked for values, and within :func:`play` where it is the value of the
    next step.
    """

    obs: Any  # f32[step, env, agent, feature], or what was packed of it: leaves [step, env, ...]
    mask: Bool[Array, "*step env agent action"]  # legal actions
    action: Int32[Array, "*step env agent"]
    log_prob: Float32[Array, "*step env agent"]  # of the action, when it was chosen
    value: Float32[Array, "*step env agent"]  # of obs
    next_value: Float32[Array, "*step env agent"] | None  # of what followed, before any reset
    reward: Float32[Array, "*step env agent"]
    terminated: Bool[Array, "*step env"]
    done: Bool[Array, "*step env"]  # terminated or truncated
    episode_return: Float32[Array, "*step env agent"]  # of the running episode, with this step; the team's
    elapsed: Float32[Array, "*step env"] | None = None  # duration of the step; None where each takes 1
    global_state: Float32[Array, "*step env number"] | None = None  # where it was asked for
    first: Bool[Array, "*step env"] | None = None  # an episode begins; None for policies without memory
    memory: Any = None  # before steps 0, chunk, 2 * chunk, ...: leaves [chunk, env, ...]; likewise
    teacher: Int32[Array, "*step env agent"] | None = None  # what the teacher would have done
    #: what each step led to, before any reset; in rollouts of whole episodes, what the last one led to
    after: Seen | None = None
    opponent: Int32[Array, "*step env"] | None = None  # number of the opponent, where there are several


def whole_episodes(world: World, steps: int) -> bool:
    """Whether rollouts of ``steps`` steps are whole episodes, so that no environment needs a reset.

    A world says with ``fixed_horizon = True`` that all its episodes have ``max_steps`` steps.
    """
    return world.fixed_horizon and steps == world.max_steps


def envs_of(world: World, num_envs: int, steps: int, global_states: tuple[str, ...] = ()) -> Vectorize:
    """The world as :func:`play` needs it for rollouts of ``steps`` steps: many environments, with statistics.

    Each environment is reset when its episode ends, unless rollouts are whole episodes.
    ``global_states`` names the kinds of global state that the rollout holds, one after another.
    """
    inner: World = _Reported(world, global_states)
    if not whole_episodes(world, steps):
        inner = AutoReset(inner)
    return Vectorize(EpisodeStats(inner), num_envs)


@dataclass(frozen=True)
class _Reported(Wrapper):
    """Puts what a learner needs of a step, before any reset, into ``info``.

    ``final_global_state``: what a centralized critic sees of what followed. ``agent_reward``: what the agents
    learn from, where the world reports another ``team_reward`` or ``true_reward``; then ``reward`` is that
    one, so that :class:`EpisodeStats` adds up true returns.
    """

    global_states: tuple[str, ...]

    def step(self, key: PRNGKeyArray, state: State, actions: Array) -> tuple[Obs, State, Step]:
        obs, state, step = self.world.step(key, state, actions)
        info = dict(step.info)
        if self.global_states:
            info["final_global_state"] = global_state(self.world, state, obs, self.global_states)
        true_reward = info.get("team_reward", info.get("true_reward"))
        if true_reward is not None:
            info["agent_reward"] = step.reward
            true_reward = jnp.broadcast_to(true_reward, step.reward.shape).astype(step.reward.dtype)
            step = step.replace(reward=true_reward)
        return obs, state, step.replace(info=info)


def global_state(
    world: World, state: State, obs: Float32[Array, "*env agent feature"], kinds: tuple[str, ...]
) -> Float32[Array, "*env number"]:
    """Global states of several kinds, one after another."""
    return jnp.concatenate([world.global_state(state, obs, kind) for kind in kinds], axis=-1)


def play(
    envs: Vectorize,
    act: Act,
    value: Value | None,
    key: PRNGKeyArray,
    start: Position,
    steps: int,
    global_states: tuple[str, ...] = (),
    chunk: int | None = None,
    pack: Callable[[Obs], Any] | None = None,
    teach: Teach | None = None,
    ends: bool = False,
    of_memory: OfMemory | None = None,
) -> tuple[Position, Rollout]:
    """Play ``steps`` steps from ``start`` on.

    Args:
        envs: what :func:`envs_of` returned for ``steps`` and ``global_states``.
        act: decides for all environments.
        value: the value of what was seen; the memory that it gets is that after the step before. None where
            no ``next_value`` is needed.
        chunk: the policy's memory is kept before each ``chunk``-th step; None keeps that before the first.
        pack: what the rollout keeps of one environment's observations; None keeps them as they are.
        teach: what a teacher would do, for all environments; it is kept, not done.
        ends: whether to keep what steps led to, which no later row shows: ``Rollout.after``.
        of_memory: what follows in global states, of the memory as it was before a step.

    Returns:
        Where playing stands afterwards, and the rollout.
    """
    # Where no reset comes between, what a step led to is seen next: its value need not be computed twice.
    resets = not whole_episodes(envs, steps)
    remembers = bool(jax.tree.leaves(start.memory))
    goes_on = jnp.zeros_like(start.first)

    def one(at: Position, key: Array) -> tuple[Position, Rollout]:
        act_key, step_key = jax.random.split(key)
        now = _seen(envs, at, global_states, of_memory)
        memory, action, log_prob, value_now = act(act_key, at.memory, now)
        assert now.mask is not None  # as an action is asked for
        teacher, taught = at.teacher, None
        if teach is not None:
            state = innermost(envs, at.state)
            teacher, taught = teach(jax.random.fold_in(act_key, 1), teacher, now, state)
        obs, state, step = envs.step(step_key, at.state, action)
        after = _with_memory(step.info.get("final_global_state"), of_memory, memory, goes_on)
        final = Seen(step.final_obs, step.final_mask, goes_on, after)
        row = Rollout(
            obs=now.obs if pack is None else jax.vmap(pack)(now.obs),
            mask=now.mask,
            action=action,
            log_prob=log_prob,
            value=value_now,
            next_value=value(memory, final) if resets and value is not None else None,
            reward=step.info.get("agent_reward", step.reward),
            terminated=step.terminated,
            done=step.done,
            episode_return=step.info["episode_return"],
            elapsed=step.elapsed,
            global_state=now.global_state,
            first=now.first if remembers else None,
            memory=at.memory if remembers and chunk else None,
            teacher=taught,
            after=_packed(final, pack) if resets and ends else None,
            opponent=step.info.get("opponent"),
        )
        return Position(obs, state, step.done, memory, teacher), row

    end, rollout = jax.lax.scan(one, start, jax.random.split(key, steps))
    if not resets:
        final = _seen(envs, end.replace(first=goes_on), global_states, of_memory)
        if value is not None:
            last = value(end.memory, final)
            rollout = rollout.replace(next_value=jnp.concatenate([rollout.value[1:], last[None]]))
        if ends:
            rollout = rollout.replace(after=jax.tree.map(lambda x: x[None], _packed(final, pack)))
    if remembers and chunk:
        rollout = rollout.replace(memory=jax.tree.map(lambda x: x[::chunk], rollout.memory))
    elif remembers:
        rollout = rollout.replace(memory=jax.tree.map(lambda x: x[None], start.memory))
    return end, rollout


def _seen(envs: Vectorize, at: Position, global_states: tuple[str, ...], of_memory: OfMemory | None) -> Seen:
    state = global_state(envs, at.state, at.obs, global_states) if global_states else None
    state = _with_memory(state, of_memory, at.memory, at.first)
    return Seen(at.obs, envs.legal(at.state), at.first, state)


def _with_memory(state: Any, of_memory: OfMemory | None, memory: Any, first: Bool[Array, "env"]) -> Any:
    if state is None or of_memory is None:
        return state
    return jnp.concatenate([state, of_memory(memory, first)], axis=-1)


def _packed(seen: Seen, pack: Callable[[Obs], Any] | None) -> Seen:
    return seen if pack is None else seen.replace(obs=jax.vmap(pack)(seen.obs))


def pick(
    rows: Shaped[Array, "step env *rest"], index: Int[Array, "row env"]
) -> Shaped[Array, "row env *rest"]:
    """The ``rows`` of the steps ``index`` of each environment.

    One gather that keeps the order of axes: a ``vmap`` over environments would hold a second, transposed
    rollout.
    """
    rest = tuple(range(2, rows.ndim))
    dims = jax.lax.GatherDimensionNumbers(
        offset_dims=rest,
        collapsed_slice_dims=(0,),
        start_index_map=(0,),
        operand_batching_dims=(1,),
        start_indices_batching_dims=(1,),
    )
    return jax.lax.gather(rows, index[..., None], dims, slice_sizes=(1, 1, *rows.shape[2:]), mode="clip")


def pick_agents(
    rows: Shaped[Array, "step env agent *rest"], index: Int[Array, "row env"]
) -> Shaped[Array, "row env *rest"]:
    """The same for rows of single agents and the pairs ``step * agents + agent`` of ``index``."""
    agents = rows.shape[2]
    dims = jax.lax.GatherDimensionNumbers(
        offset_dims=tuple(range(2, rows.ndim - 1)),
        collapsed_slice_dims=(0, 2),
        start_index_map=(0, 2),
        operand_batching_dims=(1,),
        start_indices_batching_dims=(1,),
    )
    pairs = jnp.stack([index // agents, index % agents], axis=-1)
    return jax.lax.gather(rows, pairs, dims, slice_sizes=(1, 1, 1, *rows.shape[3:]), mode="clip")


def count(what: Callable[[Array], Array], rows: Shaped[Array, "step env ..."]) -> Int32[Array, ""]:
    """Number of entries of ``rows`` that are ``what``.

    Step by step, which needs no memory, and per environment, as they may be on different devices.
    """

    def per_env(row: Array) -> Array:
        return jnp.sum(what(row), axis=tuple(range(1, row.ndim)), dtype=jnp.int32)

    return jnp.sum(jax.lax.map(per_env, rows))


def mean_return(rollout: Rollout) -> tuple[Float32[Array, ""], Int[Array, ""]]:
    """Mean return of the episodes that ended in the rollout, over environments and agents, and their number.

    The mean is NaN if there are none.
    """
    return _mean_return(rollout, rollout.done)


def returns_by_opponent(rollout: Rollout, names: tuple[str, ...]) -> dict[str, Array]:
    """The same against each opponent, and its share of the episodes: ``return/NAME``, ``share/NAME``."""
    found: dict[str, Array] = {}
    if rollout.opponent is None:
        return found
    for number, name in enumerate(names):
        if not name:
            continue  # padding
        mean, episodes = _mean_return(rollout, rollout.done & (rollout.opponent == number))
        share = episodes / jnp.maximum(jnp.sum(rollout.done), 1)
        found |= {f"return/{name}": mean, f"share/{name}": share.astype(jnp.float32)}
    return found


def _mean_return(
    rollout: Rollout, which: Bool[Array, "step env"]
) -> tuple[Float32[Array, ""], Int[Array, ""]]:
    episodes = jnp.sum(which)
    total = jnp.sum(jnp.where(which, jnp.mean(rollout.episode_return, axis=-1), 0.0))
    return total / episodes.astype(total.dtype), episodes
