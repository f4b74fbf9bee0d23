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
from garrison.worlds.cc4 import Episode, sessions
from garrison.worlds.cc4 import draws as D
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.state import State

REDS = ("fsm", "discovery", "random_select")

#: what is bounded, and how much there is room for; the first five set a flag when they overflow
CAPACITY = {
    "sessions of a red agent": T.MAX_SESSIONS,
    "session ids of a red agent": T.MAX_SESSION_ID,
    "scans remembered by a red agent": T.MAX_SCANS,
    "suspicious pids of a blue agent": T.MAX_SUSPICIOUS,
    "orphaned decoys on a host, not suspicious": T.MAX_ORPHANS,
    "suspicious pids that name a decoy, of a blue agent": D.MAX_REPIDS,
    "new sessions in a step, those given away twice": 62,  # places between report.HANDED and report.OWN
    "sessions of a red agent so far": np.iinfo(np.int16).max,
    "network events on a host": np.iinfo(np.int16).max,
    "copies of cmd.sh on a host": np.iinfo(np.uint8).max,
    "copies of escalate.sh on a host": np.iinfo(np.uint8).max,
}
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
        runner = EpisodeRunner(cc4.make(red=red), POLICIES, _start, _fold, batch)
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
    lanes = episode.state.overflow.shape[0]
    return {
        "overflow": episode.state.overflow,
        "largest": jnp.zeros((lanes, len(CAPACITY)), jnp.int32),
        "tickets": episode.state.red_next_order,
    }


def _fold(figures: dict[str, Any], t: jax.Array, episode: Episode, step: Step) -> dict[str, Any]:
    now = jax.vmap(use)(figures["tickets"], episode.state)
    return {
        "overflow": figures["overflow"] | episode.state.overflow,
        "largest": jnp.maximum(figures["largest"], now),
        "tickets": episode.state.red_next_order,
    }


def use(tickets: jax.Array, state: State) -> jax.Array:
    """How much of each bounded list is used, ``int32[len(CAPACITY)]``, by one lane.

    ``tickets`` is ``red_next_order`` one step earlier.
    """
    live = sessions.live(state)
    listed = state.suspicious_host != T.NO_HOST
    decoy_pids = state.host_decoy_pid[jnp.minimum(state.suspicious_host, T.NUM_HOSTS - 1)]
    names_decoy = listed & jnp.any(decoy_pids == state.suspicious_pid[:, :, None], axis=2)
    used = {
        "sessions of a red agent": jnp.sum(live, axis=1),
        "session ids of a red agent": jnp.where(live, state.session_id.astype(jnp.int32) + 1, 0),
        "scans remembered by a red agent": jnp.sum(state.scan_session != T.NO_HOST, axis=1),
        "suspicious pids of a blue agent": jnp.sum(listed, axis=1),
        "orphaned decoys on a host, not suspicious": state.host_orphans,
        "suspicious pids that name a decoy, of a blue agent": jnp.sum(names_decoy, axis=1),
        "new sessions in a step, those given away twice": jnp.sum(state.red_next_order - tickets),
        "sessions of a red agent so far": state.red_next_order,
        "network events on a host": state.host_network_events,
        "copies of cmd.sh on a host": state.host_cmd_files,
        "copies of escalate.sh on a host": state.host_escalate_files,
    }
    return jnp.stack([jnp.max(used[name]).astype(jnp.int32) for name in CAPACITY])
