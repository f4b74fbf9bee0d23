"""How full the engine's bounded lists get under play that fills them most, and whether any overflows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.world import Step
from garrison.parity.stress.episodes import EpisodeRunner
from garrison.parity.stress.policies import FILLING as POLICIES
from garrison.worlds import cc4
from garrison.worlds.cc4 import Episode
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.capacity import CAPACITY, used

REDS = ("fsm", "discovery", "random_select")

FLAGS = {flag.name: int(flag) for flag in T.Overflow}


@dataclass(frozen=True)
class Use:
    """What one red and one blue policy made of the lists."""

    red: str
    blue: str
    episodes: int
    overflowed: dict[str, int]  # episodes that set each flag
    largest: dict[str, int]  # of CAPACITY, over all episodes
    median: dict[str, float]  # of each episode's largest


def study(episodes: int, seed: int, batch: int, reds: Sequence[str] = REDS) -> Iterator[Use]:
    """Play ``episodes`` of each red against each blue policy."""
    for red in reds:
        world: Any = cc4.make(red=red)
        runner = EpisodeRunner(world, POLICIES, _start, _fold, batch)
        for blue in runner.policies:
            figures = runner.all(blue, episodes, seed)
            yield Use(
                red,
                blue,
                episodes,
                {name: int(np.sum(figures["overflow"] & bit > 0)) for name, bit in FLAGS.items()},
                {name: int(n) for name, n in zip(CAPACITY, figures["largest"].max(0), strict=True)},
                {name: float(n) for name, n in zip(CAPACITY, np.median(figures["largest"], 0), strict=True)},
            )


# ---------------------------------------------------------------- use


def _start(episode: Episode) -> dict[str, jax.Array]:
    num_envs = episode.state.overflow.shape[0]
    return {
        "overflow": episode.state.overflow,
        "largest": jnp.zeros((num_envs, len(CAPACITY)), jnp.int32),
        "tickets": episode.state.red_next_order,
    }


def _fold(figures: dict[str, Any], t: jax.Array, episode: Episode, step: Step) -> dict[str, Any]:
    now = jax.vmap(used)(figures["tickets"], episode.state)
    return {
        "overflow": figures["overflow"] | episode.state.overflow,
        "largest": jnp.maximum(figures["largest"], now),
        "tickets": episode.state.red_next_order,
    }
