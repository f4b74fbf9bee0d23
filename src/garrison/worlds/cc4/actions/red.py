"""Who a red action comes from and where it goes: what all of red's actions look up first (§4.4)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.core.struct import struct
from garrison.worlds.cc4 import sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.state import State


@struct
class RedAction:
    """One decision per red agent, all ``uint8[red]``; fields that a kind does not use are ignored."""

    kind: jax.Array  # tables.Red
    session: jax.Array  # id of the source session
    host: jax.Array  # target, by address or by name
    subnet: jax.Array  # of DiscoverRemoteSystems
    hostname: jax.Array  # host named by Withdraw, whose address is ``host``


@struct
class Source:
    """The source sessions of red's executing actions, all ``[red]``."""

    slot: jax.Array  # bool[red, session]
    exists: jax.Array  # bool: it may have died since the action was submitted, or in this step
    abstract: jax.Array  # bool: a RedAbstractSession, which alone can scan, exploit and escalate (Q11)
    host: jax.Array  # int32: where it runs
    blocked: jax.Array  # bool: traffic from its subnet to the target's is blocked (Q12: end subnets only)


def source_of(state: State, session: jax.Array, target: jax.Array) -> Source:
    """Look up the source sessions ``uint8[red]`` of actions on hosts ``[red]``."""
    slot = sessions.find(state, session)
    host = sessions.pick_value(slot, state.session_host)
    subnet = jnp.asarray(T.HOST_SUBNET)
    return Source(
        slot=slot,
        exists=jnp.any(slot, axis=1),
        abstract=jnp.any(slot & (state.session_kind == T.Session.ABSTRACT), axis=1),
        host=host,
        blocked=state.blocked[subnet[target], subnet[host]],
    )


def own_sessions_on(state: State, host: jax.Array) -> jax.Array:
    """``bool[red, session]``: each agent's own sessions on a host of its choice ``[red]``."""
    return sessions.live(state) & (state.session_host == host[:, None])
