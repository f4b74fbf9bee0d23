"""BlockTrafficZone and AllowTrafficZone (§4.2): they run before everything else in a step (Q26)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import is_index
from garrison.worlds.cc4.state import State


def control_traffic(
    state: State, kind: jax.Array, source: jax.Array, target: jax.Array
) -> tuple[State, jax.Array]:
    """Change ``blocked``. Returns the state and the success ``bool[blue]`` (False for other kinds).

    Agents own different target subnets, so their changes never meet.
    """
    pair = is_index(target, T.NUM_SUBNETS)[:, :, None] & is_index(source, T.NUM_SUBNETS)[:, None, :]
    already = jnp.any(pair & state.blocked[None], axis=(1, 2))
    block = (kind == T.Blue.BLOCK) & ~already
    allow = (kind == T.Blue.ALLOW) & already
    added = jnp.any(pair & block[:, None, None], axis=0)
    removed = jnp.any(pair & allow[:, None, None], axis=0)
    return state.replace(blocked=(state.blocked | added) & ~removed), block | allow
