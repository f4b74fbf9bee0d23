"""The programs that are timed.

``env``       the world alone: random legal actions; observations, masks and rewards are computed and used
``rollout``   a learner's policy plays, and all that it learns from is kept
``training``  a whole iteration of the learner: rollout, advantages, update

Make them, and run them, within ``shard.devices(num_envs, devices)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.policy import Random
from garrison.core.world import State, World
from garrison.core.wrappers import AutoReset
from garrison.learn import shard
from garrison.training import seeds
from garrison.training.config import Training

WHAT = ("env", "rollout", "training")
#: ``choose(key, mask) -> int32[agent]`` for one environment
Choose = Callable[[jax.Array, jax.Array], jax.Array]


def _again(arguments: tuple[Any, ...], results: Any) -> tuple[Any, ...]:
    return arguments


@dataclass(frozen=True)
class Program:
    """Something to compile, and to run again and again: ``function(*arguments)``.

    ``start(seed)`` are the arguments of the first run, ``advance(arguments, results)`` those of the next.
    """

    what: str
    num_envs: int
    steps: int  # of each environment in one run
    start: Any  # jitted
    function: Any  # jitted
    advance: Callable[[tuple[Any, ...], Any], tuple[Any, ...]] = _again
    parameters: int = 0  # of a learner's network


def env(world: World, num_envs: int, steps: int | None = None, choose: Choose | None = None) -> Program:
    """``steps`` steps of ``num_envs`` environments from their reset on; by default a whole episode.

    ``choose(key, mask)`` draws the actions of an environment; by default :func:`random_legal`.

    Raises ``ValueError`` if the world's episodes all end together before that.
    """
    steps = world.max_steps if steps is None else steps
    if not world.fixed_horizon:
        world = AutoReset(world)
    elif steps > world.max_steps:
        raise ValueError(f"steps is {steps}; an episode of world {world.name!r} has {world.max_steps}")

    def start(seed: jax.Array) -> tuple[jax.Array, State]:
        keys = jax.random.split(jax.random.key(seed), num_envs)
        return keys, shard.map_envs(lambda keys: jax.vmap(world.reset)(keys)[1])(keys)

    play = shard.map_envs(partial(_play, world, steps, choose or random_legal))
    return Program("env", num_envs, steps, jax.jit(start), jax.jit(play))


def _play(world: World, steps: int, choose: Choose, keys: jax.Array, state: State) -> dict[str, Any]:
    """Play environments with random legal actions; all results are [env, ...]."""

    def one(carry: tuple[State, jax.Array, jax.Array], keys: jax.Array) -> tuple[Any, None]:
        state, total, seen = carry
        with jax.named_scope("actions"):
            actions = jax.vmap(choose)(keys, jax.vmap(world.legal)(state))
        obs, state, step = jax.vmap(world.step)(keys, state, actions)
        with jax.named_scope("used"):
            total, seen = total + step.reward, seen + jnp.sum(obs, axis=(1, 2))
        return (state, total, seen), None

    num_envs = len(keys)
    zeros = jnp.zeros((num_envs, world.num_agents), jnp.float32), jnp.zeros(num_envs, jnp.float32)
    step_keys = jax.vmap(lambda key: jax.random.split(key, steps), out_axes=1)(keys)
    (state, total, seen), _ = jax.lax.scan(one, (state, *zeros), step_keys)
    return {"return": total, "seen": seen, "overflow": _overflow(state)}


def jax_random(key: jax.Array, mask: jax.Array) -> jax.Array:
    """A random legal action of each agent by ``jax.random``, as a loop of one's own would draw it."""
    blind = jnp.zeros((len(mask), 0), jnp.float32)  # it does not look at observations
    return Random().act(key, blind, mask, ())[0]


def random_legal(key: jax.Array, mask: jax.Array) -> jax.Array:
    """A random action of each agent, by a hash of the key's words: cheaper than a generator.

    Args:
        key: one typed key, which may serve for other draws too. mask: ``bool[agent, action]``.

    Returns:
        ``int32[agent]``: as good as uniform over the legal actions, 0 where there are none.
    """
    size, low = mask.size, (1 << (mask.shape[-1] - 1).bit_length()) - 1
    word = jax.random.key_data(key)[-1] ^ jax.random.key_data(key)[0] * jnp.uint32(0x9E3779B9)
    mixed = word ^ jnp.arange(size, dtype=jnp.uint32) * jnp.uint32(0x85EBCA6B)
    mixed = (mixed ^ (mixed >> 16)) * jnp.uint32(0x21F0AAAD)
    mixed = (mixed ^ (mixed >> 15)) * jnp.uint32(0x735A2D97)  # constants: Wellons' "lowbias32"
    mixed = (mixed ^ (mixed >> 15)).reshape(mask.shape)
    # Each action's random number in the upper bits, the action itself in the lower: the largest one wins.
    ranked = (mixed & jnp.uint32(~low & 0xFFFFFFFF)) | jnp.arange(mask.shape[-1], dtype=jnp.uint32)[None]
    return (jnp.max(jnp.where(mask, ranked, jnp.uint32(0)), axis=-1) & jnp.uint32(low)).astype(jnp.int32)


def _overflow(state: State) -> dict[str, jax.Array]:
    """The flags of full lists in a state, by their path: by convention fields called ``overflow``."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    named = {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}
    return {name: leaf for name, leaf in named.items() if name.rpartition(".")[2] == "overflow"}


def learner(training: Training, world: World, what: str) -> Program:
    """The ``rollout`` or the ``training`` iteration of a preset's learner, for one seed.

    Raises ``ValueError`` for the rollout of an algorithm that does not play rollouts.
    """
    algorithm, config = training.algo, training.settings
    collects: Any = algorithm  # with a function that the protocol does not ask for
    steps = algorithm.steps_per_iteration(config, world) // config.num_envs
    if what == "rollout" and not hasattr(algorithm, "collect"):
        raise ValueError(f"{training.algorithm} has no rollout to measure; measure training")

    def start(seed: jax.Array) -> tuple[Any]:
        return (jax.lax.map(partial(algorithm.init, config, world), jax.random.key(seed)[None]),)

    (first,) = jax.eval_shape(start, jnp.int32(0))
    about: dict[str, Any] = {"parameters": sum(leaf.size for leaf in jax.tree.leaves(first.net))}
    if what == "rollout":
        collect = jax.jit(lambda states: collects.collect(config, world, seeds.select(states, 0))[1])
        return Program(what, config.num_envs, steps, jax.jit(start), collect, **about)
    iterate = jax.jit(lambda states: seeds.iteration(algorithm, config, world, states, 1), donate_argnums=0)
    return Program(
        what, config.num_envs, steps, jax.jit(start), iterate, lambda _, results: results[:1], **about
    )
