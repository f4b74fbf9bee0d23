"""One episode of a policy on CybORG; :mod:`garrison.core.processes` plays many at a time.

An episode depends on its world, policy and seed alone, not on the process that plays it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.adapters.cyborg.world import CybORGWorld
from garrison.core.policy import observation_size_of
from garrison.core.world import Step


class PlayedStep(NamedTuple):
    """A step of an episode, its phase, and what :meth:`garrison.judge.assets.Assets.harm` gives, if asked."""

    step: Step
    phase: int
    harm: tuple[np.ndarray, ...] | None


def play_episode(world: CybORGWorld, policy: Any, seed: int, resilience: bool = False) -> dict[str, Any]:
    """Play one episode.

    A policy with a method ``episode(world, seed, resilience)`` plays by itself; it yields what :func:`_steps`
    does.

    Returns:
        ``returns`` and ``scores``, the sums of all rewards and of those that the official score counts;
        ``lengths``; ``parts``, sums of the reward's parts by name, ``float[phase]``; ``decisions``,
        ``int[*axes]``: see :mod:`garrison.worlds.cc4.behavior`; and with ``resilience`` also ``harm``, the
        parts of :class:`garrison.judge.assets.Harm`, each with an axis [step].
    """
    behavior = world.behavior()
    decisions = np.zeros(tuple(map(len, behavior.axes.values())), np.int32)
    rewards: list[float] = []
    parts: dict[str, np.ndarray] = {}
    harm: list[tuple[Any, ...]] = []
    own = getattr(policy, "episode", None)
    played = _steps(world, policy, seed, resilience) if own is None else own(world, seed, resilience)
    for step, phase, found in played:
        rewards.append(float(np.mean(step.reward)))
        for name, part in step.info["reward_parts"].items():
            parts.setdefault(name, np.zeros(len(behavior.phases)))[phase] += part
        decided = step.info["decided"]
        np.add.at(decisions, tuple(place[decided] for place in step.info["places"]), 1)
        if found is not None:
            harm.append((*found, np.uint8(phase)))
    return {
        "returns": sum(rewards),
        "scores": sum(rewards[: world.score_steps]),
        "lengths": len(rewards),
        "parts": parts,
        "decisions": decisions,
    } | ({"harm": tuple(map(np.stack, zip(*harm, strict=True)))} if resilience else {})


def _steps(world: CybORGWorld, policy: Any, seed: int, resilience: bool) -> Iterator[PlayedStep]:
    """Each step of an episode."""
    begin_key, act_key = jax.random.split(jax.random.key(seed))
    memory = policy.init(begin_key, world.num_agents)
    obs, state = world.reset(seed)
    assets: Any = world.assets() if resilience else None
    fixed = None if assets is None else assets.start(state)
    for t in count():
        read = obs[:, : observation_size_of(policy)]
        actions, memory = _act(policy, act_key, t, read, world.legal(state), memory)
        actions = np.asarray(actions)
        obs, state, step = world.step(None, state, actions)
        harm = None if assets is None else assets.harm(fixed, state, actions, state, step)
        yield PlayedStep(step, state.phase, harm)
        if state.done:
            return


def _act(policy: Any, key: jax.Array, t: int, obs: np.ndarray, mask: np.ndarray, memory: Any) -> Any:
    at = jax.random.fold_in(key, jnp.uint32(t))
    return _compiled(policy, at, jnp.asarray(obs), jnp.asarray(mask), memory)


@eqx.filter_jit
def _compiled(policy: Any, key: jax.Array, obs: jax.Array, mask: jax.Array, memory: Any) -> Any:
    """Compiled once for all policies of one structure."""
    return policy.act(key, obs, mask, memory)
