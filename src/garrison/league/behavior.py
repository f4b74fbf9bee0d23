"""How differently two policies of a side decide."""

from __future__ import annotations

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from garrison.core.policy import Policy, act
from garrison.core.world import World, observed_by
from garrison.judge.episodes import EpisodeKeys, episode_keys
from garrison.judge.lineup import with_jax_arrays


def distance(world: World, policy: Policy, other: Policy, episodes: int, seed: int) -> float:
    """L1 distance of two policies' decisions: 0 where they always agree, 2 where they never do.

    ``policy`` plays; ``other`` decides in the same places with the same random numbers. Counted are decisions
    of agents that have a choice. Under common random numbers the distance is at least that of the policies'
    probabilities; equal policies have 0.

    Args:
        world: a world of one side.
    """
    world = with_jax_arrays(observed_by(world, [policy, other]))
    seeds = jnp.arange(seed, seed + episodes, dtype=jnp.uint32)
    differ, choices = _counted(world, with_jax_arrays(policy), with_jax_arrays(other), seeds)
    return 2 * float(differ) / max(1, int(choices))


@eqx.filter_jit
def _counted(world: World, policy: Any, other: Any, seeds: jax.Array) -> tuple[jax.Array, jax.Array]:
    counted = jax.vmap(partial(_of_episode, world, policy, other))(episode_keys(seeds))
    return jnp.sum(counted[0]), jnp.sum(counted[1])


def _of_episode(world: World, policy: Any, other: Any, keys: EpisodeKeys) -> tuple[jax.Array, jax.Array]:
    obs, state = world.reset(keys.reset)
    memories = tuple(one.init(keys.init, world.num_agents) for one in (policy, other))

    def one(carry: Any, t: jax.Array) -> tuple[Any, tuple[jax.Array, jax.Array]]:
        obs, state, memories, alive = carry
        mask, key = world.legal(state), jax.random.fold_in(keys.act, t)
        actions, memory = act(policy, key, obs, state, mask, memories[0])
        others, other_memory = act(other, key, obs, state, mask, memories[1])
        counts = alive & (jnp.sum(mask, axis=-1) > 1)
        found = jnp.sum(counts & (actions != others)), jnp.sum(counts)
        obs, state, step = world.step(jax.random.fold_in(keys.step, t), state, actions)
        return (obs, state, (memory, other_memory), alive & ~step.done), found

    carry = (obs, state, memories, jnp.ones((), bool))
    _, (differ, choices) = jax.lax.scan(one, carry, jnp.arange(world.max_steps, dtype=jnp.int32))
    return jnp.sum(differ), jnp.sum(choices)
