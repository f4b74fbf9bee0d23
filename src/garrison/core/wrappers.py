"""Worlds around a world: automatic reset, episode statistics, many environments.

    world = Vectorize(EpisodeStats(AutoReset(inner)), num_envs=64)

``AutoReset`` starts a new episode within the step that ends one. Every step then computes a reset too, and
discards it in the environments whose episode goes on. A world whose episodes all have ``max_steps`` steps
(``fixed_horizon``) does not need it: scan over ``max_steps`` steps, then call ``reset``.

What an agent saw last in an episode is in ``Step.final_obs``, and what it could have done then in
``Step.final_mask``, so that a value can be bootstrapped from there where an episode was truncated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import jax
import jax.numpy as jnp

from garrison.core import opponents
from garrison.core.entities import Entities, Graph
from garrison.core.policy import Mask, Obs, Policy
from garrison.core.scene import Happening, Look, Scene
from garrison.core.spaces import check_actions
from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, Int32, Integer, Key, PRNGKeyArray
from garrison.core.world import Restriction, State, Step, World


def _forwarded(name: str) -> Any:
    """A property that asks the wrapped world."""
    return property(lambda self: getattr(self.world, name))


@dataclass(frozen=True)
class Wrapper(World):
    """A world that changes something about another one.

    It forwards every member of the protocol; a subclass overrides what it changes. One whose state differs
    from the wrapped world's defines :meth:`inner`.
    """

    world: World

    leaf_fields = ("world",)

    def __post_init__(self) -> None:
        if isinstance(self.world, Vectorize):
            raise ValueError(
                f"{type(self).__name__} cannot wrap Vectorize; Vectorize must be the outermost wrapper"
            )

    def inner(self, state: State) -> State:
        """The wrapped world's state."""
        return state

    name = _forwarded("name")
    version = _forwarded("version")
    agents = _forwarded("agents")
    action_counts = _forwarded("action_counts")
    observation_sizes = _forwarded("observation_sizes")
    max_steps = _forwarded("max_steps")
    typical_steps = _forwarded("typical_steps")
    fixed_horizon = _forwarded("fixed_horizon")
    score_steps = _forwarded("score_steps")
    idle_actions = _forwarded("idle_actions")
    zero_sum = _forwarded("zero_sum")
    time_unit = _forwarded("time_unit")
    asynchronous = _forwarded("asynchronous")
    observation = _forwarded("observation")
    observations = _forwarded("observations")
    observation_dtype = _forwarded("observation_dtype")
    global_state_kinds = _forwarded("global_state_kinds")
    sides = _forwarded("sides")

    def reset(self, key: PRNGKeyArray) -> tuple[Obs, State]:
        return self.world.reset(key)

    def step(self, key: PRNGKeyArray, state: State, actions: Array) -> tuple[Obs, State, Step]:
        return self.world.step(key, state, actions)

    def legal(self, state: State) -> Mask:
        return self.world.legal(self.inner(state))

    def action_labels(self, agent: int | str) -> list[str]:
        return self.world.action_labels(agent)

    def observation_labels(self, agent: int | str) -> list[str]:
        return self.world.observation_labels(agent)

    def global_state_size(self, kind: str = "concat") -> int:
        return self.world.global_state_size(kind)

    def global_state(self, state: State, obs: Obs, kind: str = "concat") -> Float32[Array, "number"]:
        return self.world.global_state(None if state is None else self.inner(state), obs, kind)

    def policies(self, side: str | None = None) -> dict[str, Policy]:
        return self.world.policies(side)

    def named_policy(self, name: str, side: str | None = None) -> Policy | None:
        known = self.policies(side).get(name)
        return known if known is not None else self.world.named_policy(name, side)

    def teachers(self, side: str | None = None) -> dict[str, Policy]:
        return {**self.policies(side), **self.world.teachers(side)}

    def entities(self, side: str | None = None) -> Entities | None:
        return self.world.entities(side)

    def graph(self, side: str | None = None) -> Graph | None:
        return self.world.graph(side)

    def restriction(self, side: str | None = None) -> Restriction | None:
        return self.world.restriction(side)

    def behavior(self, side: str | None = None) -> Any:
        behavior = self.world.behavior(side)
        return None if behavior is None else _InnerBehavior(behavior, self.inner)

    def diagnosis(self, side: str | None = None) -> Any:
        diagnosis = self.world.diagnosis(side)
        return None if diagnosis is None else _InnerDiagnosis(diagnosis, self.inner)

    def targets(self, side: str | None = None) -> Any:
        targets = self.world.targets(side)
        return None if targets is None else _InnerTargets(targets, self.inner)

    def assets(self, side: str | None = None) -> Any:
        assets = self.world.assets(side)
        return None if assets is None else _InnerAssets(assets, self.inner)

    def observations_of(self, side: str) -> tuple[str, ...]:
        return self.world.observations_of(side)

    def observe_as(self, name: str) -> Self:
        return replace(self, world=self.world.observe_as(name))

    def native_policies(self, side: str) -> tuple[str, ...]:
        return self.world.native_policies(side)

    def with_native(self, side: str, policy: str) -> World:
        return replace(self, world=self.world.with_native(side, policy))

    def with_scripts(self, side: str, policies: Iterable[str]) -> World:
        return replace(self, world=self.world.with_scripts(side, policies))

    def during(self, progress: Float32[Array, ""] | float) -> Self:
        return replace(self, world=self.world.during(progress))

    def two_sided(self) -> World | None:
        world = self.world.two_sided()
        return None if world is None else replace(self, world=world)

    def drawn(self, state: State) -> dict[str, Integer[Array, ""]]:
        return self.world.drawn(self.inner(state))

    def describe(self, state: State) -> dict[str, Any]:
        return self.world.describe(self.inner(state))

    def narrate(self, state: State, actions: Any, after: State, step: Step) -> list[str]:
        return self.world.narrate(self.inner(state), actions, self.inner(after), step)

    def logs(self, state: State, after: State, format: str = "native") -> list[str]:
        return self.world.logs(self.inner(state), self.inner(after), format)

    def scene(self, state: State) -> Scene:
        return self.world.scene(self.inner(state))

    def look(self, state: State) -> Look:
        return self.world.look(self.inner(state))

    def happenings(self, state: State, actions: Any, after: State, step: Step) -> list[Happening]:
        return self.world.happenings(self.inner(state), actions, self.inner(after), step)


class _InnerBehavior:
    """The behavior of a wrapped world, given states of the wrapper."""

    def __init__(self, behavior: Any, inner: Callable[[State], State]):
        self.axes, self.phases = behavior.axes, behavior.phases
        self._behavior, self._inner = behavior, inner

    def decisions(self, state: State, actions: Array, after: State, step: Step) -> Any:
        return self._behavior.decisions(self._inner(state), actions, self._inner(after), step)

    def phase(self, state: State, after: State) -> Array:
        return self._behavior.phase(self._inner(state), self._inner(after))


class _InnerDiagnosis:
    """The diagnosis of a wrapped world, given states of the wrapper."""

    def __init__(self, diagnosis: Any, inner: Callable[[State], State]):
        self.found = diagnosis.found
        if hasattr(diagnosis, "times"):
            self.times = diagnosis.times
        self._diagnosis, self._inner = diagnosis, inner

    def start(self, state: State) -> Any:
        return self._diagnosis.start(self._inner(state))

    def add(self, counters: Any, state: State, actions: Array, after: State, step: Step) -> Any:
        return self._diagnosis.add(counters, self._inner(state), actions, self._inner(after), step)


class _InnerTargets:
    """The targets of a wrapped world, given states of the wrapper."""

    def __init__(self, targets: Any, inner: Callable[[State], State]):
        self.kinds, self.owners, self.views = targets.kinds, targets.owners, targets.views
        self.severity, self.graph = targets.severity, targets.graph
        self._targets, self._inner = targets, inner

    def aims(self, state: State, actions: Array, after: State, step: Step) -> Any:
        return self._targets.aims(self._inner(state), actions, self._inner(after), step)


class _InnerAssets:
    """The assets of a wrapped world, given states of the wrapper."""

    def __init__(self, assets: Any, inner: Callable[[State], State]):
        self.attacks = assets.attacks
        self._assets, self._inner = assets, inner

    def start(self, state: State) -> Any:
        return self._assets.start(self._inner(state))

    def harm(self, fixed: Any, state: State, actions: Array, after: State, step: Step) -> Any:
        return self._assets.harm(fixed, self._inner(state), actions, self._inner(after), step)


@dataclass(frozen=True)
class AutoReset(Wrapper):
    """Starts a new episode in the step that ends one.

    That step returns the first observation and state of the new episode. The last observation of the old one
    is ``final_obs`` and its legal actions ``final_mask``; reward, ``terminated``, ``truncated``, ``elapsed``
    and ``info`` are the old one's.
    """

    def step(self, key: PRNGKeyArray, state: State, actions: Array) -> tuple[Obs, State, Step]:
        step_key, reset_key = jax.random.split(key)
        obs, state, step = self.world.step(step_key, state, actions)
        final_mask = self.world.legal(state) if step.final_mask is None else step.final_mask
        obs, state = _renewed(self.world, step.done, reset_key, (obs, state))
        return obs, state, step.replace(final_mask=final_mask)


class EpisodeStatsState(Struct):
    world: State  # state of the wrapped world
    episode_return: Float32[Array, "*env agent"]  # sum of rewards of the running episode
    episode_length: Int32[Array, "*env"]  # its steps
    last_return: Float32[Array, "*env agent"]  # the same of the last finished episode, 0 before there is one
    last_length: Int32[Array, "*env"]
    #: elapsed time of the running episode, in the world's unit; None where that is the step
    episode_elapsed: Float32[Array, "*env"] | None = None


@dataclass(frozen=True)
class EpisodeStats(Wrapper):
    """Adds return and length of episodes to ``info``; goes around ``AutoReset``, where there is one.

    ``episode_return`` (undiscounted) and ``episode_length`` are those of the episode that
    the step belongs to, this step included: where ``step.done``, they are the whole episode's.
    ``last_return`` and ``last_length`` are those of the last finished episode; ``last_length`` is 0 before
    there is one. A call of ``reset`` forgets all. In a world whose unit of time is not the step,
    ``episode_elapsed`` is the time that the episode has taken, this step included.
    """

    def inner(self, state: EpisodeStatsState) -> State:
        return state.world

    def reset(self, key: PRNGKeyArray) -> tuple[Obs, EpisodeStatsState]:
        obs, state = self.world.reset(key)
        no_return, no_length = jnp.zeros(self.num_agents, jnp.float32), jnp.zeros((), jnp.int32)
        no_time = None if self.time_unit == "step" else jnp.zeros((), jnp.float32)
        return obs, EpisodeStatsState(state, no_return, no_length, no_return, no_length, no_time)

    def step(
        self, key: PRNGKeyArray, state: EpisodeStatsState, actions: Array
    ) -> tuple[Obs, EpisodeStatsState, Step]:
        obs, world, step = self.world.step(key, state.world, actions)
        running = (state.episode_return + step.reward, state.episode_length + 1)
        last = _select(step.done, running, (state.last_return, state.last_length))
        names = ("episode_return", "episode_length", "last_return", "last_length")
        step = step.replace(info={**step.info, **dict(zip(names, running + last, strict=True))})
        elapsed = state.episode_elapsed
        if elapsed is not None:
            elapsed = elapsed + (1.0 if step.elapsed is None else step.elapsed)
            step = step.replace(info={**step.info, "episode_elapsed": elapsed})
        running = _select(step.done, jax.tree.map(jnp.zeros_like, (running, elapsed)), (running, elapsed))
        return obs, EpisodeStatsState(world, *running[0], *last, episode_elapsed=running[1]), step


@dataclass(frozen=True)
class Vectorize(Wrapper):
    """``num_envs`` independent copies of a world: one key, but every other array has a leading axis [env].

    Environment ``i`` evolves as a single one would with the key ``env_keys(key, num_envs)[i]``, whatever
    ``num_envs`` is. Opponents of groups (:func:`garrison.core.opponents.met`) are met by as many groups of
    environments, one behind the other.
    """

    num_envs: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_envs < 1:
            raise ValueError(f"num_envs is {self.num_envs}; it must be at least 1")

    def inner(self, state: State) -> State:
        raise ValueError(
            "one environment at a time: ask the inner world, e.g. world.world.describe(env_slice(state, 0))"
        )

    def reset(self, key: PRNGKeyArray) -> tuple[Float32[Array, "env agent feature"], State]:
        keys = env_keys(key, self.num_envs)
        return opponents.map_envs(lambda world, key: world.reset(key), self.world, keys)

    def step(
        self, key: PRNGKeyArray, state: State, actions: Array
    ) -> tuple[Float32[Array, "env agent feature"], State, Step]:
        actions = check_actions(self, actions, lead=(self.num_envs,))
        keys = env_keys(key, self.num_envs)
        return opponents.map_envs(
            lambda world, *now: world.step(*now), self.world, keys, state, jnp.asarray(actions)
        )

    def legal(self, state: State) -> Bool[Array, "env agent action"]:
        return jax.vmap(self.world.legal)(state)

    def drawn(self, state: State) -> dict[str, Integer[Array, "env"]]:
        return jax.vmap(self.world.drawn)(state)

    def global_state(
        self, state: State, obs: Float32[Array, "env agent feature"], kind: str = "concat"
    ) -> Float32[Array, "env number"]:
        return jax.vmap(partial(self.world.global_state, kind=kind))(state, obs)


def innermost(world: World, state: State) -> State:
    """The state of the world that all wrappers are around, with :class:`Vectorize` of many environments."""
    if isinstance(world, Vectorize):
        world = world.world
    while isinstance(world, Wrapper):
        world, state = world.world, world.inner(state)
    return state


def env_keys(key: PRNGKeyArray, num_envs: int) -> Key[Array, "{num_envs}"]:
    """One key per environment; the key of an environment does not depend on how many there are."""
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, jnp.arange(num_envs))


def env_slice(tree: Any, index: int) -> Any:
    """One environment of a tree of arrays with a leading axis [env]."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def _renewed(world: World, done: Bool[Array, ""], key: PRNGKeyArray, now: tuple[Obs, State]) -> Any:
    """First observation and state of a new episode where ``done``, else ``now``.

    Of many environments (``jax.vmap``) none is reset in a step in which no episode ends.
    """
    leaves, tree = jax.tree.flatten(world)
    places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, jax.Array)]

    def reset(key: PRNGKeyArray, arrays: list[Array]) -> tuple[Obs, State]:
        own = list(leaves)
        for place, array in zip(places, arrays, strict=True):
            own[place] = array
        return tree.unflatten(own).reset(key)

    return _renewing(reset)(done, key, now, [leaves[place] for place in places])


def _renewing(reset: Any) -> Any:
    """``reset`` only if any episode is done, however often it is vectorized.

    ``jax.vmap`` of a branch computes both sides; by this rule it asks whether all environments go on.
    """

    @jax.custom_batching.custom_vmap
    def renew(done: Bool[Array, "*env"], key: Any, now: Any, arrays: list[Array]) -> Any:
        return jax.lax.cond(jnp.any(done), lambda: _select(done, reset(key, arrays), now), lambda: now)

    @renew.def_vmap
    def _(axis_size: int, batched: Any, done: Any, key: Any, now: Any, arrays: Any) -> tuple[Any, Any]:
        def every(tree: Any, has: Any) -> Any:
            return jax.tree.map(
                lambda x, b: x if b else jnp.broadcast_to(x, (axis_size, *x.shape)), tree, has
            )

        own = [0 if has else None for has in batched[3]]
        mapped = jax.vmap(reset, in_axes=(0, own))
        done, key, now = every((done, key, now), tuple(batched[:3]))
        return _renewing(mapped)(done, key, now, arrays), jax.tree.map(lambda _: True, now)

    return renew


def _select(condition: Bool[Array, "*env"], yes: Any, no: Any) -> Any:
    """``yes`` where ``condition`` holds, else ``no``, leaf by leaf; leaves begin with its axes."""

    def pick(a: Array, b: Array) -> Array:
        return jnp.where(condition.reshape(condition.shape + (1,) * (a.ndim - condition.ndim)), a, b)

    return jax.tree.map(pick, yes, no)
