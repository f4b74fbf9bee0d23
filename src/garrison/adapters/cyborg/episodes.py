"""One episode of a policy on CybORG; :mod:`garrison.core.processes` plays many at a time.

An episode depends on its world, policy and seed alone, not on the process that plays it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.adapters.cyborg.world import CybORGWorld
from garrison.core.policy import observation_size_of
from garrison.core.world import Step


def play_episode(world: CybORGWorld, policy: Any, seed: int) -> dict[str, Any]:
    """Play one episode.

    A policy with a method ``episode(world, seed)`` plays by itself; it yields what :func:`_steps` does.

    Returns:
        ``returns`` and ``scores``, the sums of all rewards and of those that the official score counts;
        ``lengths``; ``parts``, sums of the reward's parts by name, ``float[phase]``; ``decisions``,
        ``int[*axes]``: see :mod:`garrison.worlds.cc4.behavior`.
    """
    behavior = world.behavior()
    decisions = np.zeros(tuple(map(len, behavior.axes.values())), np.int32)
    rewards: list[float] = []
    parts: dict[str, np.ndarray] = {}
    own = getattr(policy, "episode", None)
    for step, phase in _steps(world, policy, seed) if own is None else own(world, seed):
        rewards.append(float(np.mean(step.reward)))
        for name, part in step.info["reward_parts"].items():
            parts.setdefault(name, np.zeros(len(behavior.phases)))[phase] += part
        decided = step.info["decided"]
        np.add.at(decisions, tuple(place[decided] for place in step.info["places"]), 1)
    return {
        "returns": sum(rewards),
        "scores": sum(rewards[: world.score_steps]),
        "lengths": len(rewards),
        "parts": parts,
        "decisions": decisions,
    }


def _steps(world: CybORGWorld, policy: Any, seed: int) -> Iterator[tuple[Step, int]]:
    """Each step of an episode, and its phase."""
    begin_key, act_key = jax.random.split(jax.random.key(seed))
    memory = policy.init(begin_key, world.num_agents)
    obs, state = world.reset(seed)
    for t in count():
        read = obs[:, : observation_size_of(policy)]
        actions, memory = _act(policy, act_key, t, read, world.legal(state), memory)
        obs, state, step = world.step(None, state, np.asarray(actions))
        yield step, state.phase
        if state.done:
            return


def _act(policy: Any, key: jax.Array, t: int, obs: np.ndarray, mask: np.ndarray, memory: Any) -> Any:
    at = jax.random.fold_in(key, jnp.uint32(t))
    return _compiled(policy, at, jnp.asarray(obs), jnp.asarray(mask), memory)


@eqx.filter_jit
def _compiled(policy: Any, key: jax.Array, obs: jax.Array, mask: jax.Array, memory: Any) -> Any:
    """Compiled once for all policies of one structure."""
    return policy.act(key, obs, mask, memory)
