"""Scripted green: what each user chooses to do (§4.3)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.green import users
from garrison.worlds.cc4.choose import pick
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.topology import Topology

POLICIES = ("enterprise", "sleep")


def decide(policy: str, draws: Draws, topology: Topology) -> jax.Array:
    """tables.Green ``uint8[green]``: access, work or sleep with equal chances; SLEEP where nobody sits."""
    chosen = pick(draws.green_action, jnp.int32(len(T.Green)))
    idle = ~users(topology.host_exists) if policy == "enterprise" else True
    return jnp.where(idle, T.Green.SLEEP, chosen).astype(jnp.uint8)
