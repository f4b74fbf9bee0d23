"""BlockTrafficZone and AllowTrafficZone (§4.2): they run before everything else in a step (Q26)."""

from __future__ import annotations

import jax.numpy as jnp

from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.blue import BlueContext, BlueEffect
from garrison.worlds.cc4.choose import is_index
from garrison.worlds.cc4.state import State


def control_traffic(context: BlueContext, state: State) -> tuple[State, BlueEffect]:
    """Change ``blocked``. Blocking a blocked pair and allowing an open one fail.

    Agents own different target subnets, so their changes never conflict.
    """
    kind, source, target = context.action.kind, context.action.source, context.action.target
    pair = is_index(target, T.NUM_SUBNETS)[:, :, None] & is_index(source, T.NUM_SUBNETS)[:, None, :]
    already = jnp.any(pair & state.blocked[None], axis=(1, 2))
    block = (kind == T.Blue.BLOCK) & ~already
    allow = (kind == T.Blue.ALLOW) & already
    added = jnp.any(pair & block[:, None, None], axis=0)
    removed = jnp.any(pair & allow[:, None, None], axis=0)
    is_traffic = (kind == T.Blue.BLOCK) | (kind == T.Blue.ALLOW)
    effect = BlueEffect(failed=is_traffic & ~(block | allow))
    return state.replace(blocked=(state.blocked | added) & ~removed), effect
