"""Red players by name. All of them enter by the same door: a RedAction per step."""

from __future__ import annotations

import jax.numpy as jnp

from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedAction
from garrison.worlds.cc4.agents import fsm
from garrison.worlds.cc4.choose import nth, nth_host
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.state import NO_RANK, State

POLICIES = ("fsm", "discovery", "random_select", "sleep")


def decide(policy: str, draws: Draws, options: Options, state: State) -> tuple[RedAction, State]:
    """The decisions of all six agents and the state with their memories updated."""
    if policy == "fsm":
        return fsm.decide(draws, options, state, discovery=False)
    if policy == "discovery":
        return fsm.decide(draws, options, state, discovery=True)
    if policy == "random_select":
        return random_select(draws, state), state
    return sleep(), state


def sleep() -> RedAction:
    nothing = jnp.zeros(T.NUM_RED, jnp.uint8)
    return RedAction(kind=nothing, session=nothing, host=nothing, subnet=nothing, hostname=nothing)


def random_select(draws: Draws, state: State) -> RedAction:
    """RandomSelectRedAgent: any command whose parameters are known, each parameter at random (§5.5)."""
    session = jnp.any(state.red_known_session != NO_RANK, axis=1)
    subnet = jnp.any(state.red_known_subnet, axis=1)
    ip = jnp.any(state.red_known_ip, axis=1)
    name = jnp.any(state.red_known_hostname, axis=1)
    possible = {
        T.Red.DISCOVER: subnet,
        T.Red.ESCALATE: name,
        T.Red.DEGRADE: name,
        T.Red.IMPACT: name,
        T.Red.WITHDRAW: ip & name,
    }
    commands = jnp.stack(
        [session & possible.get(kind, ip) for kind in T.RED_ORDER] + [jnp.ones_like(ip)], axis=1
    )
    kind = jnp.array([*T.RED_ORDER, T.Red.SLEEP])[nth(commands, draws.red_action)]
    by_name = jnp.asarray(T.RED_TARGET_BY_NAME)[kind]
    known = jnp.where(by_name[:, None], state.red_known_hostname, state.red_known_ip)
    return RedAction(
        kind=jnp.where(state.red_active, kind, T.Red.SLEEP).astype(jnp.uint8),
        session=fsm.nth_known_session(state, draws.red_session),
        host=nth_host(known, draws.red_host).astype(jnp.uint8),
        subnet=nth(state.red_known_subnet, draws.red_subnet).astype(jnp.uint8),
        hostname=nth_host(state.red_known_hostname, draws.red_group).astype(jnp.uint8),
    )
