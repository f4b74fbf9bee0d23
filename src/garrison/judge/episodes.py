"""The scan over whole episodes, with a fold over their steps.

Everything that plays whole episodes of fixed policies and keeps figures of them uses :func:`scan`. Arrays
have leading axes [policy, episode]: all policies get the same episodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from garrison.core.struct import Struct
from garrison.core.world import State, Step, World


class EpisodeKeys(Struct):
    """Random keys of episodes; axis [episode]. All policies get the same."""

    reset: jax.Array
    step: jax.Array  # folded with the number of the step
    init: jax.Array  # of the policies
    act: jax.Array  # of the policies; folded with the number of the step


class Transition(Struct):
    """One step of all episodes; axes [policy, episode, ...]."""

    t: jax.Array  # int32[]: number of the step
    alive: jax.Array  # bool[policy, episode]: the step belongs to the episode, which is not over yet
    state: State  # before the step
    actions: jax.Array  # int32[policy, episode, agent]
    after: State
    step: Step


class Deciders(Protocol):
    """Who decides: ``size`` policies. :class:`garrison.judge.lineup.Lineup` is one."""

    @property
    def size(self) -> int: ...

    def init(self, keys: jax.Array, num_agents: int) -> Any:
        """Memories at the start; ``keys[episode]``."""
        ...

    def act(
        self, keys: jax.Array, obs: jax.Array, state: State, mask: jax.Array, memories: Any
    ) -> tuple[jax.Array, Any]:
        """``int32[policy, episode, agent]`` and the next memories; all but ``keys`` are [policy, episode]."""
        ...


#: ``fold(figures, transition) -> (figures, output)``; outputs are stacked on an axis [step]
Fold = Callable[[Any, Transition], tuple[Any, Any]]


def episode_keys(seeds: jax.Array) -> EpisodeKeys:
    """The keys of the episodes with these seeds, ``uint32[episode]``."""
    keys = jax.vmap(lambda seed: jax.random.split(jax.random.key(seed), 4))(seeds)
    reset, step, init, act = (keys[:, i] for i in range(4))
    return EpisodeKeys(reset, step, init, act)


def scan(
    world: World,
    policies: Deciders,
    keys: EpisodeKeys,
    fold: Fold,
    figures: Any | Callable[[State, Step], Any],
) -> tuple[Any, Any]:
    """Play ``world.max_steps`` steps of each episode and fold them. To be called under ``jit``.

    Worlds do not reset within it: ``Transition.alive`` says which steps belong to an episode. Where episodes
    may end early, nothing is computed once all have ended; outputs of the steps that are left are zeros.

    Args:
        figures: what the fold starts from, or a function of the states at reset and of the shapes of a step
            (``jax.ShapeDtypeStruct``), both with axes [policy, episode, ...].

    Returns:
        The folded figures, and the fold's outputs with a leading axis [step].
    """
    obs, state = jax.vmap(world.reset)(keys.reset)
    obs, state = jax.tree.map(lambda x: jnp.broadcast_to(x, (policies.size, *x.shape)), (obs, state))
    legal = jax.vmap(jax.vmap(world.legal))
    step_world = jax.vmap(jax.vmap(world.step), in_axes=(None, 0, 0))
    at = jax.vmap(jax.random.fold_in, (0, None))

    def one(carry: Any, t: jax.Array) -> tuple[Any, Any]:
        obs, state, memories, alive, figures = carry
        actions, memories = policies.act(at(keys.act, t), obs, state, legal(state), memories)
        obs, after, step = step_world(at(keys.step, t), state, actions)
        figures, output = fold(figures, Transition(t, alive, state, actions, after, step))
        return (obs, after, memories, alive & ~step.done, figures), output

    def if_any(carry: Any, t: jax.Array) -> tuple[Any, Any]:
        nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(one, carry, t)[1])
        return jax.lax.cond(jnp.any(carry[3]), lambda: one(carry, t), lambda: (carry, nothing))

    rows = obs.shape[:2]
    if callable(figures):
        actions = jnp.zeros((*rows, world.num_agents), jnp.int32)
        figures = figures(state, jax.eval_shape(step_world, keys.step, state, actions)[2])
    carry = (obs, state, policies.init(keys.init, world.num_agents), jnp.ones(rows, bool), figures)
    play = one if world.fixed_horizon else if_any
    carry, outputs = jax.lax.scan(play, carry, jnp.arange(world.max_steps, dtype=jnp.int32))
    return carry[-1], outputs
