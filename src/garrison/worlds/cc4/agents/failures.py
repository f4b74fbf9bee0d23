"""Reds that remember on which hosts they failed, and how (§5.7)."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from garrison.core.struct import Struct
from garrison.core.typing import Array, Float32, Int32, UInt8, UInt16
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import is_index
from garrison.worlds.cc4.state import State

POLICIES = ("failure_tracker", "combined")
_MANY = 3  # failures on a host after which its exploit is another matter
_LEAST = np.float32(0.01)  # of a kind's weight under ``combined``
#: weight of a host by its number of failures; the last one for all from there on
_WEIGHTS = np.maximum(0.1, 1.5 ** -np.arange(7.0)).astype(np.float32)
#: bool[state, kind]: CybORG's table has an entry, if only 0
_ENTRY = T.FSM_PROBABILITY > 0
_ENTRY[[T.Fsm.U, T.Fsm.UD, T.Fsm.R, T.Fsm.RD], T.Red.WITHDRAW] = True


class FailureMemory(Struct):
    """What the six agents remember of results."""

    hosts: UInt8[Array, "*env red host"]  # decisions about the host that failed, whatever kind; up to 255
    tries: UInt16[Array, "*env red host kind"]  # actions of the kind on the host that had a result
    failed: UInt16[Array, "*env red host kind"]  # of these


def initial_memory() -> FailureMemory:
    by_host = (T.NUM_RED, T.NUM_HOSTS)
    by_kind = (*by_host, 1 + T.NUM_RED_KINDS)
    return FailureMemory(
        hosts=jnp.zeros(by_host, jnp.uint8),
        tries=jnp.zeros(by_kind, jnp.uint16),
        failed=jnp.zeros(by_kind, jnp.uint16),
    )


def remember(memory: FailureMemory, state: State) -> FailureMemory:
    """The memories of active agents after their last results. An invalid action fails, but is of no kind."""
    failed = state.red_active & (state.seen_outcome == T.Outcome.FALSE)
    done = failed | (state.red_active & (state.seen_outcome == T.Outcome.TRUE))
    counted = done & (state.seen_kind != T.Red.SLEEP)
    place = jnp.arange(T.NUM_RED), state.seen_host, state.seen_kind

    def counts(which: Array) -> UInt16[Array, "red"]:
        return (counted & which).astype(jnp.uint16)

    more = failed[:, None] & is_index(state.seen_host, T.NUM_HOSTS) & (memory.hosts < 255)
    return FailureMemory(
        hosts=memory.hosts + more.astype(jnp.uint8),
        tries=memory.tries.at[place].add(counts(done)),
        failed=memory.failed.at[place].add(counts(failed)),
    )


def host_weight(memory: FailureMemory) -> Float32[Array, "red host"]:
    """Hosts are the less likely, the more often the agent failed on them: max(0.1, 1.5^-n)."""
    return jnp.asarray(_WEIGHTS)[jnp.minimum(memory.hosts, len(_WEIGHTS) - 1)]


def action_weight(
    policy: str,
    weight: Float32[Array, "red kind"],
    memory: FailureMemory,
    host: Int32[Array, "red"],
    at: UInt8[Array, "red"],
) -> Float32[Array, "red kind"]:
    """What becomes of the weights of actions on ``host``, which is in the state ``at``."""
    agents = jnp.arange(T.NUM_RED)
    again = (memory.hosts[agents, host] >= _MANY) & ((at == T.Fsm.S) | (at == T.Fsm.SD))
    kinds = np.arange(1 + T.NUM_RED_KINDS)[None]
    if policy == "failure_tracker":
        return jnp.where(again[:, None] & (kinds == T.Red.EXPLOIT), 0, weight)
    weight = weight * _by_success(memory.tries[agents, host], memory.failed[agents, host])
    more = np.where(kinds == T.Red.EXPLOIT, 2, np.where(kinds == T.Red.DECEPTION, 0.1, 1)).astype(np.float32)
    weight = jnp.where(again[:, None], weight * more, weight)
    return jnp.where(jnp.asarray(_ENTRY)[at], jnp.maximum(weight, _LEAST), weight)


def _by_success(
    tries: UInt16[Array, "red kind"], failed: UInt16[Array, "red kind"]
) -> Float32[Array, "red kind"]:
    """Factors by the share of actions that succeeded, in whole numbers, as bounds may be met exactly."""
    tries = tries.astype(jnp.int32)
    good = tries - failed.astype(jnp.int32)
    factor = jnp.where(10 * good > 7 * tries, jnp.float32(1.5), jnp.float32(1))
    factor = jnp.where(2 * good < tries, jnp.float32(0.5), factor)
    return jnp.where(10 * good < 3 * tries, jnp.float32(0.1), factor)
