"""Scripted green: the choices of users (§4.3)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import pick
from garrison.worlds.cc4.draws import Draws

POLICIES = ("enterprise", "sleep")


def decide(policy: str, draws: Draws) -> jax.Array:
    """tables.Green ``uint8[green]``: access, work or sleep with equal chances; ``"sleep"`` always sleeps."""
    if policy == "sleep":
        return jnp.full(T.NUM_GREEN, T.Green.SLEEP, jnp.uint8)
    return pick(draws.green_action, jnp.int32(len(T.Green))).astype(jnp.uint8)
