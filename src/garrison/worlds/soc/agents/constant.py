"""Players that take one kind of action whenever it is legal (``soc-rules.md §7.5``): controls for all others.

They have names, ``always-Restore`` (on its targets in turn) and ``first-Restore`` (on the first legal one),
but are too many to be listed among a world's policies.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions, Mask, Obs
from garrison.core.struct import Struct, static
from garrison.core.typing import Array, Bool, Int32, Integer, PRNGKeyArray
from garrison.worlds.soc.legal import WAIT, action_list
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R

NOTHING = 31  #: a kind that no action has: a player of it waits
TURNS = {"always": False, "first": True}


class Constant(Struct):
    """Takes one kind of action, and waits where it is not legal. Its memory is each agent's last index."""

    kinds: tuple[tuple[int, ...], ...] = static()  # of each agent's actions, padded; see :func:`kinds`
    kind: Integer[Array, ""]  # of the side's table
    first: Bool[Array, ""]  # the first legal target, not the next one after the last

    def init(self, key: PRNGKeyArray, num_agents: int) -> Int32[Array, "agent"]:
        return jnp.zeros(num_agents, jnp.int32)

    def act(
        self, key: PRNGKeyArray, obs: Obs, mask: Mask, memory: Int32[Array, "agent"]
    ) -> tuple[Actions, Int32[Array, "agent"]]:
        fits = mask & (jnp.asarray(np.array(self.kinds)) == self.kind)
        after = fits & (np.arange(mask.shape[1])[None] > memory[:, None])
        after = jnp.where(jnp.any(after, axis=1, keepdims=True) & ~self.first, after, fits)
        found = jnp.where(jnp.any(fits, axis=1), jnp.argmax(after, axis=1), WAIT).astype(jnp.int32)
        memory = jnp.where(jnp.any(fits, axis=1), found, memory)
        return jnp.where(mask[:, 0], 0, found), memory


def kinds(sizes: Static, side: str) -> tuple[tuple[int, ...], ...]:
    """Kinds of the actions of a side's agents, padded with :data:`NOTHING`."""
    agents = range(T.NUM_BLUE) if side == "blue" else range(T.NUM_BLUE, sizes.num_agents)
    lists = [action_list(sizes, agent)[:, 0].tolist() for agent in agents]
    width = max(map(len, lists))
    return tuple((*own, *[NOTHING] * (width - len(own))) for own in lists)


def named(sizes: Static, side: str, name: str) -> Constant | None:
    """The player of a side with a name; None where it is not one of these."""
    turn, _, action = name.partition("-")
    rows: Any = B.ROWS if side == "blue" else R.ROWS
    found = [kind for kind, row in rows.items() if row.name == action]
    if turn not in TURNS or not found:
        return None
    return Constant(kinds(sizes, side), jnp.int32(int(found[0])), jnp.asarray(TURNS[turn]))
