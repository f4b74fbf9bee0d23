"""Whole episodes as one number each: two versions of the engine that agree in it did the same in every step.

After every step all of the state, red's memory, the events, the observations and the rewards enter. So a
change that should only make the engine faster is compared with what was there before, on as many episodes as
one likes.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.world import Step
from garrison.parity.stress.episodes import EpisodeRunner
from garrison.parity.stress.overflow import POLICIES, REDS
from garrison.worlds import cc4
from garrison.worlds.cc4 import Episode
from garrison.worlds.cc4.agents import fsm

_SEED, BATCH = 7, 64
#: events that follow from the submitted action index
_DERIVED = {"blue_submitted_host", "blue_submitted_from", "blue_submitted_to"}
_PRIME = jnp.uint32(16777619)  # of the FNV hash


def play(episodes: int) -> Iterator[tuple[str, str, list[str]]]:
    """Red, blue, and a checksum of each 64 episodes, for three reds and the blues of the overflow study."""
    for red in REDS:
        world: Any = cc4.make(red=red)
        runner = EpisodeRunner(world, POLICIES, _start, _fold, BATCH)
        for blue in POLICIES:
            yield red, blue, [_digest(figures) for figures in runner.play(blue, episodes, _SEED)]


def _start(episode: Episode) -> dict[str, jax.Array]:
    zero = jnp.zeros(episode.state.step.shape, jnp.uint32)
    return {"s": zero, "r": zero}


def _fold(figures: dict[str, jax.Array], t: jax.Array, episode: Episode, step: Step) -> dict[str, jax.Array]:
    memory = episode.red_memory
    if memory is None:  # counts as an empty one, as when it was the end of the state
        memory = jax.tree.map(lambda leaf: leaf[None], fsm.initial_memory())
    events = step.info["events"]  # those of version 1, in the order of their fields
    events = [getattr(events, x.name) for x in dataclasses.fields(events) if x.name not in _DERIVED]
    acted = (episode.state, memory, events, step.final_obs)
    rewarded = (step.reward, step.info["reward_parts"])
    return {"s": figures["s"] * _PRIME + _sum(acted), "r": figures["r"] * _PRIME + _sum(rewarded)}


def _sum(tree: Any) -> jax.Array:
    """``uint32[env]``: all words of a tree of arrays [env, ...], each with an odd factor of its own."""
    total = jnp.uint32(0)
    for number, leaf in enumerate(jax.tree.leaves(tree)):
        words = leaf.reshape(leaf.shape[0], -1)
        if words.dtype == jnp.float32:
            words = jax.lax.bitcast_convert_type(words, jnp.uint32)
        place = jnp.arange(words.shape[1], dtype=jnp.uint32)
        factor = place * jnp.uint32(2654435761) + jnp.uint32(number * 40503 + 1)
        factor = (factor ^ (factor >> 15)) * jnp.uint32(0x2C1B3C6D) | 1
        total = total + jnp.sum(words.astype(jnp.uint32) * factor[None], axis=1, dtype=jnp.uint32)
    return total


def _digest(figures: dict[str, np.ndarray]) -> str:
    return hashlib.sha256(figures["s"].tobytes() + figures["r"].tobytes()).hexdigest()[:16]
