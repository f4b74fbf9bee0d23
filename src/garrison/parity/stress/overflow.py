"""How full the engine's bounded lists get under play that fills them most, and whether any overflows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.world import Step
from garrison.parity.stress.episodes import Act, Player, memoryless
from garrison.worlds import cc4
from garrison.worlds.cc4 import Episode, sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.capacity import CAPACITY, used
from garrison.worlds.cc4.state import State

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
        player = Player(cc4.make(red=red), POLICIES, _start, _fold, batch)
        for blue in player.policies:
            figures = player.all(blue, episodes, seed)
            yield Use(
                red,
                blue,
                episodes,
                {name: int(np.sum(figures["overflow"] & bit > 0)) for name, bit in FLAGS.items()},
                {name: int(n) for name, n in zip(CAPACITY, figures["largest"].max(0), strict=True)},
                {name: float(n) for name, n in zip(CAPACITY, np.median(figures["largest"], 0), strict=True)},
            )


# ---------------------------------------------------------------- blue

_KIND = T.BLUE_ACTIONS[:, :, 0]
_ON_HOST = np.isin(_KIND, (T.Blue.REMOVE, T.Blue.RESTORE, T.Blue.DECOY))
_HOST = np.minimum(T.BLUE_ACTIONS[:, :, 1], T.NUM_HOSTS)


def _any_of(key: jax.Array, possible: jax.Array) -> jax.Array:
    """One of the ``possible`` actions ``bool[blue, action]`` of each agent."""
    return jnp.argmax(jnp.where(possible, jax.random.uniform(key, possible.shape), -1), axis=1).astype(
        jnp.int32
    )


def _random(keys: jax.Array, obs: jax.Array, mask: jax.Array, episode: Episode) -> jax.Array:
    """Any legal action."""
    return jax.vmap(_any_of)(keys, mask)


def _heavy(keys: jax.Array, obs: jax.Array, mask: jax.Array, episode: Episode) -> jax.Array:
    """With 0.8 a Remove, Restore or DeployDecoy, where red has a session if it has one; else any action."""

    def lane(key: jax.Array, mask: jax.Array, state: State) -> jax.Array:
        often, which = jax.random.split(key)
        heavy = _where_red_is(mask & jnp.asarray(_ON_HOST), state)
        choose = jax.random.uniform(often, (T.NUM_BLUE, 1)) < 0.8
        return _any_of(which, jnp.where(choose, heavy, mask))

    return jax.vmap(lane)(keys, mask, episode.state)


def _removes(keys: jax.Array, obs: jax.Array, mask: jax.Array, episode: Episode) -> jax.Array:
    """A Remove or DeployDecoy, where red has a session if it has one; never a Restore."""

    def lane(key: jax.Array, mask: jax.Array, state: State) -> jax.Array:
        return _any_of(key, _where_red_is(mask & np.isin(_KIND, (T.Blue.REMOVE, T.Blue.DECOY)), state))

    return jax.vmap(lane)(keys, mask, episode.state)


def _decoys(keys: jax.Array, obs: jax.Array, mask: jax.Array, episode: Episode) -> jax.Array:
    """DeployDecoy over and over on one host per agent, with 0.1 a Remove there instead."""

    def lane(key: jax.Array, mask: jax.Array) -> jax.Array:
        rarely, which = jax.random.split(key)
        deploy = mask & (_KIND == T.Blue.DECOY)
        deploy &= jnp.cumsum(deploy, axis=1) == 1
        host = jnp.max(jnp.where(deploy, _HOST, 0), axis=1)
        mend = mask & (_KIND == T.Blue.REMOVE) & (_HOST == host[:, None])
        choose = jax.random.uniform(rarely, (T.NUM_BLUE, 1)) < 0.1
        return _any_of(which, jnp.where(choose, mend, deploy))

    return jax.vmap(lane)(keys, mask)


def _where_red_is(possible: jax.Array, state: State) -> jax.Array:
    """Of ``bool[blue, action]`` those on hosts with a session of red; all for agents that have none such."""
    place = jnp.where(sessions.live(state), state.session_host, T.NUM_HOSTS).astype(jnp.int32)
    infected = jnp.zeros(T.NUM_HOSTS + 1, bool).at[place].set(True).at[T.NUM_HOSTS].set(False)
    best = possible & infected[_HOST]
    return jnp.where(jnp.any(best, axis=1, keepdims=True), best, possible)


#: Blue policies that fill the lists. ``reactive`` and ``firewall`` fill that of suspicious pids: red comes
#: back to what they restore again and again, and they never use Remove.
POLICIES: dict[str, Act] = {
    "random": _random,
    "heavy": _heavy,
    "removes": _removes,
    "decoys": _decoys,
    "reactive": memoryless(cc4.BLUE_POLICIES["reactive"]),
    "firewall": memoryless(cc4.BLUE_POLICIES["firewall"]),
}


# ---------------------------------------------------------------- use


def _start(episode: Episode) -> dict[str, jax.Array]:
    lanes = episode.state.overflow.shape[0]
    return {
        "overflow": episode.state.overflow,
        "largest": jnp.zeros((lanes, len(CAPACITY)), jnp.int32),
        "tickets": episode.state.red_next_order,
    }


def _fold(figures: dict[str, Any], t: jax.Array, episode: Episode, step: Step) -> dict[str, Any]:
    now = jax.vmap(used)(figures["tickets"], episode.state)
    return {
        "overflow": figures["overflow"] | episode.state.overflow,
        "largest": jnp.maximum(figures["largest"], now),
        "tickets": episode.state.red_next_order,
    }
