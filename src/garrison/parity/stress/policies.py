"""Blue policies that reach corners of CC4's rules and fill the engine's bounded lists.

They know what no blue agent knows: where red has sessions, and which agents are busy. So they are privileged
(:data:`garrison.core.policy.STATE`) and get the state of a world of CC4, or, on CybORG, a :class:`Known`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import STATE, Memoryless, Policy
from garrison.core.struct import Struct, static
from garrison.worlds.cc4 import BLUE_POLICIES, Episode, sessions
from garrison.worlds.cc4 import tables as T

_KIND = T.BLUE_ACTIONS[:, :, 0]
_HOST = np.minimum(T.BLUE_ACTIONS[:, :, 1], T.NUM_HOSTS)  # NUM_HOSTS: none
_ON_HOST = np.isin(_KIND, (T.Blue.REMOVE, T.Blue.RESTORE, T.Blue.DECOY))
_TRAFFIC = np.isin(_KIND, (T.Blue.BLOCK, T.Blue.ALLOW))
_LONG = T.BLUE_DURATION[_KIND] > 1


class Known(Struct):
    """What the rules look at."""

    held: jax.Array  # bool[host]: red has a session there
    busy: jax.Array  # bool[blue]: an action is in progress


def known(episode: Episode) -> Known:
    """What the rules look at, in an episode on Garrison's engine."""
    state = episode.state
    place = jnp.where(sessions.live(state), state.session_host, T.NUM_HOSTS).astype(jnp.int32)
    held = jnp.zeros(T.NUM_HOSTS, bool).at[place].set(True, mode="drop")
    return Known(held, state.blue_ticks > 0)


#: ``rule(key, known, mask) -> int32[blue]``
Rule = Callable[[jax.Array, Known, jax.Array], jax.Array]


class RandomRule(Memoryless, Struct):
    """A privileged policy that draws its actions by a rule of this module."""

    rule: Rule = static()

    observation = STATE

    def act(self, key: jax.Array, obs: Any, mask: jax.Array, memory: Any) -> tuple[jax.Array, Any]:
        seen = obs if isinstance(obs, Known) else known(obs)
        return self.rule(key, seen, mask), memory


def _any_of(key: jax.Array, possible: jax.Array) -> jax.Array:
    """One of the ``possible`` actions ``bool[blue, action]`` of each agent, uniformly."""
    draws = jnp.where(possible, jax.random.uniform(key, possible.shape), -1)
    return jnp.argmax(draws, axis=1).astype(jnp.int32)


def _first_of(*preferred: jax.Array) -> jax.Array:
    """For each agent the first of ``preferred`` (bool[blue, action]) in which it has any action."""
    chosen = preferred[-1]
    for possible in preferred[-2::-1]:
        chosen = jnp.where(jnp.any(possible, axis=1, keepdims=True), possible, chosen)
    return chosen


def _on(hosts: jax.Array) -> jax.Array:
    """Actions ``bool[blue, action]`` on hosts ``bool[host]``."""
    return jnp.append(hosts, False)[_HOST]


def _chance(key: jax.Array, chance: float) -> jax.Array:
    """``bool[blue, 1]``: true for each agent with this chance."""
    return jax.random.uniform(key, (T.NUM_BLUE, 1)) < chance


def random(key: jax.Array, known: Known, mask: jax.Array) -> jax.Array:
    """Any legal action, busy or not."""
    return _any_of(key, mask)


def heavy(key: jax.Array, known: Known, mask: jax.Array) -> jax.Array:
    """With 0.8 a Remove, Restore or DeployDecoy, where red has a session if it has one; else any action."""
    often, which = jax.random.split(key)
    acting = mask & _ON_HOST
    return _any_of(which, jnp.where(_chance(often, 0.8), _first_of(acting & _on(known.held), acting), mask))


def removes(key: jax.Array, known: Known, mask: jax.Array) -> jax.Array:
    """Remove and DeployDecoy where red is, never a Restore: stale process numbers pile up (Q6, Q7)."""
    acting = mask & np.isin(_KIND, (T.Blue.REMOVE, T.Blue.DECOY))
    return _any_of(key, _first_of(acting & _on(known.held), acting))


def decoys(key: jax.Array, known: Known, mask: jax.Array) -> jax.Array:
    """DeployDecoy over and over on one host per agent, with 0.1 a Remove there instead."""
    return _decoys(key, mask, 1, (T.Blue.REMOVE,))


def two_decoys(key: jax.Array, known: Known, mask: jax.Array) -> jax.Array:
    """DeployDecoy over and over on two hosts per agent, with 0.1 a Remove or Restore of them instead."""
    return _decoys(key, mask, 2, (T.Blue.REMOVE, T.Blue.RESTORE))


def _decoys(key: jax.Array, mask: jax.Array, hosts: int, mending: tuple[int, ...]) -> jax.Array:
    rarely, which = jax.random.split(key)
    deploy = mask & (_KIND == T.Blue.DECOY)
    deploy &= jnp.cumsum(deploy, axis=1) <= hosts
    used = jnp.zeros(T.NUM_HOSTS + 1, bool).at[jnp.where(deploy, _HOST, T.NUM_HOSTS)].set(True)
    mend = mask & np.isin(_KIND, mending) & _on(used[: T.NUM_HOSTS])
    return _any_of(which, jnp.where(_chance(rarely, 0.1), mend, deploy))


def storm(key: jax.Array, known: Known, mask: jax.Array) -> jax.Array:
    """Blocks and allows, all of them, in every step; a Restore where red is with 0.1."""
    rarely, which = jax.random.split(key)
    restore = mask & (_KIND == T.Blue.RESTORE) & _on(known.held)
    return _any_of(which, _first_of(restore & _chance(rarely, 0.1), mask & _TRAFFIC))


def restores(key: jax.Array, known: Known, mask: jax.Array) -> jax.Array:
    """Restore in every step, also during other actions: of red's hosts with 0.5, else of any."""
    often, free, which = jax.random.split(key, 3)
    restore = mask & (_KIND == T.Blue.RESTORE)
    other = mask & _LONG & ~known.busy[:, None] & _chance(free, 0.5)  # for the restores to interrupt
    return _any_of(which, _first_of(restore & _on(known.held) & _chance(often, 0.5), other, restore))


def restless(key: jax.Array, known: Known, mask: jax.Array) -> jax.Array:
    """Never idle: always an action that takes several steps, on red's hosts with 0.5."""
    often, which = jax.random.split(key)
    long = mask & _LONG
    return _any_of(which, _first_of(long & _on(known.held) & _chance(often, 0.5), long))


RULES = (random, heavy, removes, decoys, two_decoys, storm, restores, restless)
#: The policies of this module by name.
STRESS: dict[str, Policy] = {rule.__name__: RandomRule(rule) for rule in RULES}
#: Policies that fill the bounded lists most. ``reactive`` and ``firewall`` fill that of suspicious pids: red
#: comes back to what they restore again and again, and they never use Remove.
FILLING: dict[str, Policy] = {
    **{name: STRESS[name] for name in ("random", "heavy", "removes", "decoys")},
    **{name: BLUE_POLICIES[name] for name in ("reactive", "firewall")},
}
