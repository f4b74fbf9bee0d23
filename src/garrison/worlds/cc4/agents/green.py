"""Scripted green: the choices of users (§4.3)."""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core.typing import Array, UInt8
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import pick
from garrison.worlds.cc4.draws import Draws

POLICIES = ("enterprise", "sleep")


def decide(policy: str, draws: Draws) -> UInt8[Array, "green"]:
    """Kinds of tables.Green: access, work or sleep with equal chances; ``"sleep"`` always sleeps."""
    if policy == "sleep":
        return jnp.full(T.NUM_GREEN, T.Green.SLEEP, jnp.uint8)
    return pick(draws.green_action, jnp.int32(len(T.Green))).astype(jnp.uint8)
