"""The behavior of each side as judges count it: decisions by kind, subnet and red's foothold there."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions
from garrison.core.typing import Array, Bool, Int32, Integer, UInt8
from garrison.core.world import Step
from garrison.worlds.cc4 import sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.state import State

#: red's foothold on a host; NO_TARGET for actions without a target host
CLEAN, USER_SHELL, ROOT, NO_TARGET = range(4)

DEFENDED = tuple(s for s in range(T.NUM_SUBNETS) if T.SUBNET_BLUE[s] != T.NO_AGENT)
_PLACE = np.full(T.NUM_SUBNETS + 1, len(DEFENDED))  # place of each subnet, and of none, on the axis "subnet"
_PLACE[list(DEFENDED)] = range(len(DEFENDED))


class Blue:
    """The five defenders. States are episodes of :class:`~garrison.worlds.cc4.env.CC4`, of one environment.

    A decision is the submission of an idle agent; those of busy agents are discarded by the engine (§3.2.4).
    The subnet of a traffic action is the one whose incoming traffic it changes.
    """

    axes = {
        "action": T.BLUE_NAMES,
        "subnet": (*(T.SUBNETS[s].removesuffix("_subnet") for s in DEFENDED), "none"),
        "attacker": ("none", "user shell", "root", "no target host"),
    }
    phases = tuple(f"phase {number}" for number in range(T.NUM_PHASES))

    def decisions(
        self, state: Any, actions: Actions, after: Any, result: Step
    ) -> tuple[Bool[Array, "blue"], tuple[Integer[Array, "blue"], ...]]:
        """Which agents decided, and the kind, subnet and foothold of each."""
        events = result.info["events"]
        host = events.blue_submitted_host
        zone = jnp.asarray(T.HOST_SUBNET)[jnp.minimum(host, T.NUM_HOSTS - 1)]
        subnet = jnp.where(host != T.NO_HOST, zone, events.blue_submitted_to)
        foothold = red_foothold(state.state, host)
        places = (events.blue_submitted, jnp.asarray(_PLACE)[subnet], foothold)
        return state.state.blue_ticks == 0, places

    def phase(self, state: Any, after: Any) -> UInt8[Array, ""]:
        """The phase in which the step was played: a step raises the phase before anything else (§6.1)."""
        return after.state.phase


class Red:
    """The six attackers, whoever decides for them: a network, a script or the world's own code.

    A decision is what an active agent without an action in progress sets out to do. It is read from the state
    after the step, where it is kept until it is due; what is not valid is InvalidAction, without a target.
    """

    axes = {
        "action": T.RED_NAMES,
        "subnet": (*(name.removesuffix("_subnet") for name in T.SUBNETS), "none"),
        "foothold": ("none", "user shell", "root", "no target host"),  # red's own foothold, of all its agents
    }
    phases = Blue.phases

    def decisions(
        self, state: Any, actions: Actions, after: Any, result: Step
    ) -> tuple[Bool[Array, "red"], tuple[Integer[Array, "red"], ...]]:
        """Who decided, and the kind, subnet and red's foothold of each."""
        before, begun = state.state, after.state
        kind = begun.red_kind
        on_host = (kind >= T.Red.AGGRESSIVE) & (kind <= T.Red.WITHDRAW)
        host = jnp.where(on_host, begun.red_host, T.NO_HOST).astype(jnp.uint8)
        zone = jnp.asarray(T.HOST_SUBNET)[jnp.minimum(host, T.NUM_HOSTS - 1)]
        subnet = jnp.where(kind == T.Red.DISCOVER, begun.red_subnet, T.NUM_SUBNETS)
        places = (kind, jnp.where(on_host, zone, subnet).astype(jnp.int32), red_foothold(before, host))
        return before.red_active & (before.red_ticks == 0), places

    def phase(self, state: Any, after: Any) -> UInt8[Array, ""]:
        """As of :class:`Blue`."""
        return after.state.phase


#: Axes of what red's agents execute: kind, subnet of the target, and outcome.
EXECUTED = {
    "action": T.RED_NAMES,
    "subnet": Red.axes["subnet"],
    "outcome": tuple(outcome.name.lower() for outcome in T.Outcome),
}


def red_executed(events: Events) -> tuple[Bool[Array, "red"], tuple[Integer[Array, "red"], ...]]:
    """Which attackers executed an action in a step, and the place of each on the axes of :data:`EXECUTED`.

    Left out are Sleep, steps in the middle of an action, and actions whose session was gone.
    """
    kind, outcome = events.red_kind, events.red_outcome
    zone = jnp.asarray(T.HOST_SUBNET)[jnp.minimum(events.red_host, T.NUM_HOSTS - 1)]
    on_host = (kind >= T.Red.AGGRESSIVE) & (kind <= T.Red.WITHDRAW) & (events.red_host != T.NO_HOST)
    subnet = jnp.where(kind == T.Red.DISCOVER, events.red_subnet, T.NUM_SUBNETS)
    subnet = jnp.minimum(jnp.where(on_host, zone, subnet), T.NUM_SUBNETS)
    executed = (kind != T.Red.SLEEP) & (outcome != T.Outcome.NONE) & (outcome != T.Outcome.IN_PROGRESS)
    return executed, (kind, subnet, outcome)


def red_foothold(state: State, host: UInt8[Array, "which"]) -> Int32[Array, "which"]:
    """Red's foothold on hosts: CLEAN, USER_SHELL, ROOT; NO_TARGET for NO_HOST."""
    held, rooted = (flags[jnp.minimum(host, T.NUM_HOSTS - 1)] for flags in footholds(state))
    found = jnp.where(rooted, ROOT, jnp.where(held, USER_SHELL, CLEAN))
    return jnp.where(host == T.NO_HOST, NO_TARGET, found)


def footholds(state: State) -> tuple[Bool[Array, "host"], Bool[Array, "host"]]:
    """Hosts on which red has a session, and those on which it has root."""
    live = sessions.live(state).reshape(-1)
    host = jnp.where(live, state.session_host.reshape(-1), T.NUM_HOSTS)
    root = live & (state.session_user.reshape(-1) == T.User.ROOT)
    nowhere = jnp.zeros(T.NUM_HOSTS + 1, bool)
    return nowhere.at[host].max(live)[: T.NUM_HOSTS], nowhere.at[host].max(root)[: T.NUM_HOSTS]


BLUE = Blue()
RED = Red()
