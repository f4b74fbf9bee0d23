"""Fixed blue policies by name; they read the observation vector and the action mask only (§7).

They choose in every step. The engine discards the choices of busy agents, but a Restore costs its -1 even
then (Q2).
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions, Constant, Mask, Memoryless, Obs, Random
from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, Int32, PRNGKeyArray
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents.guard import Guard

_SUBNETS = max(len(s) for s in T.BLUE_SUBNETS)


SLEEP = tuple(int(i) for i in T.FIRST_BLUE_ACTION[T.Blue.SLEEP])


def _places(width: int, offset: int) -> np.ndarray:
    """Observation indices ``[blue, own subnet · width]`` of a part of each subnet's block."""
    out = np.full((T.NUM_BLUE, _SUBNETS, width), T.MAX_BLUE_OBSERVATION, int)
    for agent, subnets in enumerate(T.BLUE_SUBNETS):
        for k in range(len(subnets)):
            out[agent, k] = 1 + T.BLOCK_SIZE * k + offset + np.arange(width)
    return out.reshape(T.NUM_BLUE, -1)


_BLOCKED, _POLICY = _places(9, 9), _places(9, 18)
_PROCESS, _NETWORK = _places(16, 27), _places(16, 43)


def _traffic_index(kind: int) -> np.ndarray:
    """Action index ``[blue, own subnet · 9]`` for each source subnet in alphabetical order; own: Sleep."""
    out = np.tile(np.array(SLEEP)[:, None, None], (1, _SUBNETS, 9))
    for agent, subnets in enumerate(T.BLUE_SUBNETS):
        for k, target in enumerate(subnets):
            sources = [s for s in T.ALPHABETICAL if s != target]
            for rank, source in enumerate(sources):
                column = int(np.argmax(T.ALPHABETICAL == source))
                out[agent, k, column] = T.FIRST_BLUE_ACTION[kind][agent] + 8 * k + rank
    return out.reshape(T.NUM_BLUE, -1)


_BLOCK, _ALLOW = _traffic_index(T.Blue.BLOCK), _traffic_index(T.Blue.ALLOW)
_FOREIGN = _BLOCK != np.array(SLEEP)[:, None]  # pairs that an agent can block at all


def _read(obs: Float32[Array, "blue feature"], places: np.ndarray) -> Bool[Array, "blue place"]:
    """Bits of the stock observation, with which a rich one begins; past it: False."""
    padded = jnp.pad(obs[:, : T.MAX_BLUE_OBSERVATION], ((0, 0), (0, 1)))
    return jnp.take_along_axis(padded, jnp.asarray(places), axis=1) > 0


def reactive(obs: Float32[Array, "blue feature"], mask: Bool[Array, "blue action"]) -> Int32[Array, "blue"]:
    """Restore the first host with a process flag, else a decoy on the first with a network flag."""
    host = np.arange(16 * _SUBNETS)
    action = jnp.array(SLEEP, jnp.int32)
    for places, kind in ((_NETWORK, T.Blue.DECOY), (_PROCESS, T.Blue.RESTORE)):
        index = np.minimum(T.FIRST_BLUE_ACTION[kind][:, None] + host, T.MAX_BLUE_ACTIONS - 1)
        flagged = _read(obs, places) & jnp.take_along_axis(mask, jnp.asarray(index), axis=1)
        chosen = T.FIRST_BLUE_ACTION[kind] + jnp.argmax(flagged, axis=1)
        action = jnp.where(jnp.any(flagged, axis=1), chosen, action)
    return action.astype(jnp.int32)


def firewall(obs: Float32[Array, "blue feature"], mask: Bool[Array, "blue action"]) -> Int32[Array, "blue"]:
    """Make the blocks match the policy in the observation, one pair at a time, then :func:`reactive`."""
    action = reactive(obs, mask)
    should, is_blocked = _read(obs, _POLICY), _read(obs, _BLOCKED)
    for wrong, index in ((~should & is_blocked, _ALLOW), (should & ~is_blocked, _BLOCK)):
        wrong = wrong & jnp.asarray(_FOREIGN)
        chosen = jnp.take_along_axis(jnp.asarray(index), jnp.argmax(wrong, axis=1)[:, None], axis=1)[:, 0]
        action = jnp.where(jnp.any(wrong, axis=1), chosen, action)
    return action.astype(jnp.int32)


class Reactive(Memoryless, Struct):
    """The policy of :func:`reactive`."""

    observation = "stock"
    observation_size = T.MAX_BLUE_OBSERVATION

    def act(self, key: PRNGKeyArray, obs: Obs, mask: Mask, memory: Any) -> tuple[Actions, Any]:
        return reactive(obs, mask), memory


class Firewall(Memoryless, Struct):
    """The policy of :func:`firewall`."""

    observation = "stock"
    observation_size = T.MAX_BLUE_OBSERVATION

    def act(self, key: PRNGKeyArray, obs: Obs, mask: Mask, memory: Any) -> tuple[Actions, Any]:
        return firewall(obs, mask), memory


POLICIES = {
    "idle": Constant(SLEEP),
    "random": Random(),
    "reactive": Reactive(),
    "firewall": Firewall(),
    "guard": Guard(),
}
