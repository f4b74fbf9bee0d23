"""Scripted red policies by name. All of them enter the engine by the same door: a RedAction per step.

Their randomness is in the draws of the step, so that recordings replay, and their memory is an
:class:`~garrison.worlds.cc4.agents.fsm.FsmMemory` that all of them share, None where nobody keeps one.
"""

from __future__ import annotations

from collections.abc import Iterable

import jax.numpy as jnp

from garrison.worlds.cc4 import reds
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedAction
from garrison.worlds.cc4.agents import failures, fsm
from garrison.worlds.cc4.agents.fsm import FsmMemory
from garrison.worlds.cc4.choose import has, nth, nth_host
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.state import NO_RANK, State

_NO_DATA = ("discovery", "random_select", "sleep")
POLICIES = ("fsm", *_NO_DATA, *(name for name in reds.REDS if name != "fsm"), *failures.POLICIES)
_REMEMBERING = (*reds.REDS, "discovery", *failures.POLICIES)


def initial_memory(policies: Iterable[str]) -> FsmMemory | None:
    """The memory with which an episode begins in which these policies decide."""
    if not remembers(policies):
        return None
    memory, policies = fsm.initial_memory(), set(policies)
    return memory.replace(failures=failures.initial_memory()) if policies & set(failures.POLICIES) else memory


def remembers(policies: Iterable[str]) -> bool:
    """Whether any of these policies keeps a memory of hosts."""
    return bool(set(policies) & set(_REMEMBERING))


def remember(memory: FsmMemory | None, state: State) -> FsmMemory | None:
    """The memory brought up to date before a decision."""
    return None if memory is None else fsm.remember(memory, state)


def choose(policy: str, draws: Draws, options: Options, state: State, memory: FsmMemory | None) -> RedAction:
    """The decisions of all six agents, from a memory that is up to date.

    A policy of :data:`reds.REDS` decides by ``options`` alone, whatever its name.
    """
    if policy in _REMEMBERING:
        assert memory is not None  # as initial_memory made one for this policy
        return fsm.choose(draws, options, state, memory, "fsm" if policy in reds.REDS else policy)
    return random_select(draws, state) if policy == "random_select" else sleep()


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
    by_name = has(kind, T.RED_TARGET_BY_NAME)
    known = jnp.where(by_name[:, None], state.red_known_hostname, state.red_known_ip)
    return RedAction(
        kind=jnp.where(state.red_active, kind, T.Red.SLEEP).astype(jnp.uint8),
        session=fsm.nth_known_session(state, draws.red_session),
        host=nth_host(known, draws.red_host).astype(jnp.uint8),
        subnet=nth(state.red_known_subnet, draws.red_subnet).astype(jnp.uint8),
        hostname=nth_host(state.red_known_hostname, draws.red_group).astype(jnp.uint8),
    )
