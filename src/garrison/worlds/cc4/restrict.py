"""Choices of blue that a world's options forbid, on either simulator and in exported teams (§7.1).

They restrict the action space beyond the challenge's own mask: results with and without them are of different
tasks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Float32, Integer
from garrison.worlds.cc4 import observe, rich
from garrison.worlds.cc4 import tables as T

#: ``"policy"``: Block is legal where the policy wants a block and there is none, Allow where there is one;
#: ``"off"``: neither is
TRAFFIC = ("free", "policy", "off")
#: ``"off"``: no Monitor, and no Sleep while another action could be chosen
IDLE = ("free", "off")

_KIND = T.BLUE_ACTIONS[:, :, 0]
_BLOCK, _ALLOW = _KIND == T.Blue.BLOCK, _KIND == T.Blue.ALLOW
_SLEEP = _KIND == T.Blue.SLEEP
_IDLE = _SLEEP | (_KIND == T.Blue.MONITOR)
_FROM, _TO = (np.minimum(T.BLUE_ACTIONS[:, :, i], T.NUM_SUBNETS - 1) for i in (2, 3))
_COLUMN = np.argsort(T.ALPHABETICAL)  # of each subnet in vectors and in tables.POLICY
POLICY_AFTER_BLOCKED = 9  # places between the two bits of a link in the stock vector (§7.2)


def _blocked_bits() -> np.ndarray:
    """Place of a traffic action's link in its agent's stock vector, ``int[blue, action]``; 0 for others."""
    bits = np.zeros(_KIND.shape, int)
    for agent, zones in enumerate(T.BLUE_SUBNETS):
        for action in np.flatnonzero((_BLOCK | _ALLOW)[agent]):
            block = 1 + T.BLOCK_SIZE * zones.index(_TO[agent, action])
            bits[agent, action] = block + 9 + _COLUMN[_FROM[agent, action]]
    return bits


BLOCKED_BITS = _blocked_bits()


def restricted(mask: Any, busy: Any, blocked: Any, wanted: Any, traffic: str, idle: str) -> Any:
    """``mask`` without what the options forbid; for arrays of NumPy or JAX.

    Args:
        mask: ``bool[blue, action]``: on hosts that exist.
        busy: ``bool[blue]``.
        blocked: ``bool[blue, action]``: whether the link of a traffic action is blocked; of others any.
        wanted: likewise whether the policy wants a block there.
        traffic, idle: of :data:`TRAFFIC` and :data:`IDLE`.
    """
    if traffic == "off":
        mask = mask & ~(_BLOCK | _ALLOW)
    elif traffic == "policy":
        mask = mask & (~_BLOCK | (wanted & ~blocked)) & (~_ALLOW | blocked)
    if idle == "off":
        mask = mask & (~_IDLE | (_SLEEP & busy[:, None]))
    return mask


def of_state(
    blocked: Bool[Array, "to_subnet from_subnet"], phase: Integer[Array, ""]
) -> tuple[Bool[Array, "blue action"], Bool[Array, "blue action"]]:
    """``blocked`` and ``wanted`` of :func:`restricted`, from the engine's state."""
    wanted = jnp.asarray(T.POLICY[:, _TO, _COLUMN[_FROM]])[phase]
    return blocked[_TO, _FROM] > 0, wanted > 0


def of_vectors(vectors: Any) -> tuple[Any, Any]:
    """The same from stock vectors ``[blue, feature]``, of NumPy or JAX."""
    rows = np.arange(T.NUM_BLUE)[:, None]
    return vectors[rows, BLOCKED_BITS] > 0, vectors[rows, BLOCKED_BITS + POLICY_AFTER_BLOCKED] > 0


class Restriction(NamedTuple):
    """What the options forbid, from rich observations; see :meth:`garrison.core.world.World.restriction`."""

    busy: str
    traffic: str
    idle: str

    def __call__(
        self, obs: Float32[Array, "blue feature"], mask: Bool[Array, "blue action"]
    ) -> Bool[Array, "blue action"]:
        busy = obs[:, rich.START + rich.AgentFeature.BUSY] > 0
        blocked, wanted = of_vectors(obs)
        mask = restricted(mask, busy, blocked, wanted, self.traffic, self.idle)
        return mask if self.busy == "free" else observe.sleep_while_busy(mask, busy)
