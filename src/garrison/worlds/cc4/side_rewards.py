"""What the two sides of CC4 learn from. Judges count the game's own rewards (``info["true_reward"]``).

Blue's reward is r_B = -r_R - λC: r_R = -(LWF + RIA) is what red does to blue, and C = -(ASF + Restores) what
blue does to itself. With λ = 1 that is the team's reward.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Obs
from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, PRNGKeyArray
from garrison.core.world import Step, World
from garrison.core.wrappers import Wrapper
from garrison.worlds.cc4 import rich, sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.behavior import footholds
from garrison.worlds.cc4.choose import is_index
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.state import State

#: ``"zero_sum"``: what blue loses. ``"coupled"``: of that, what red does to blue. ``"shaped"``: steps of an
#: attack, once per host and incident, to begin with; then ``"zero_sum"``.
RED_REWARDS = ("zero_sum", "coupled", "shaped")
SHAPED_UNTIL = 0.3  # share of the training after which "shaped" is "zero_sum"

FOOTHOLD, ROOT, ZONE, EXFILTRATION, NOTICED, STEP, SABOTAGE = 0.2, 0.3, 0.5, 1.0, -0.1, -0.01, 0.2
_WEIGHTS = {
    "foothold": FOOTHOLD,
    "root": ROOT,
    "zone": ZONE,
    "exfiltration": EXFILTRATION,
    "noticed": NOTICED,
    "sabotage": SABOTAGE,
}
_OWN_COSTS = ("ASF", "action_cost")
_ENDS = (T.Blue.REMOVE, T.Blue.RESTORE)
_ZONE_OF = np.eye(T.NUM_SUBNETS, dtype=bool)[T.HOST_SUBNET]  # bool[host, subnet]


class Paid(Struct):
    """What red was paid for by ``"shaped"``. A host counts again after blue's Remove or Restore there."""

    foothold: Bool[Array, "*env host"]
    root: Bool[Array, "*env host"]
    exfiltration: Bool[Array, "*env host"]
    sabotage: Bool[Array, "*env host"]
    noticed: Bool[Array, "*env host"]
    zone: Bool[Array, "*env subnet"]


class SideRewardsState(Struct):
    world: Any  # of the wrapped world
    paid: Paid | None  # None but under "shaped"


@dataclass(frozen=True)
class SideRewards(Wrapper):
    """CC4 with both sides, whose agents learn from other rewards than the game's.

    Args:
        red: of :data:`RED_REWARDS`.
        cost_weight: λ, the weight in blue's reward of what it does to itself.
        shaping: weight of the shaped reward against the game's, as :meth:`during` sets it.
    """

    red: str = "zero_sum"
    cost_weight: float = 1.0
    shaping: Any = 1.0

    leaf_fields = ("world", "shaping")

    def inner(self, state: SideRewardsState) -> Any:
        return state.world

    def reset(self, key: PRNGKeyArray, **more: Any) -> tuple[Obs, SideRewardsState]:
        obs, state = self.world.reset(key, **more)
        return obs, SideRewardsState(state, initial(state.state) if self.red == "shaped" else None)

    def step(
        self, key: PRNGKeyArray, state: SideRewardsState, actions: Array
    ) -> tuple[Obs, SideRewardsState, Step]:
        obs, after, step = self.world.step(key, state.world, actions)
        blue, red = self.learned(step.info["reward_parts"])
        paid = state.paid
        if paid is not None:
            shaped, paid = progress_of(paid, state.world.state, step.info["events"], after.state)
            red = self.shaping * shaped + (1 - self.shaping) * red
        reward = jnp.where(np.arange(self.num_agents) < T.NUM_BLUE, blue, red)
        info = {**step.info, "true_reward": step.reward}
        reward = reward.astype(jnp.float32)
        return obs, SideRewardsState(after, paid), step.replace(reward=reward, info=info)

    def learned(
        self, parts: Mapping[str, Float32[Array, ""]]
    ) -> tuple[Float32[Array, ""], Float32[Array, ""]]:
        """Rewards of blue and of red from the parts of blue's, but for what is shaped."""
        inflicted, own = coupled(parts)
        blue = inflicted + self.cost_weight * own
        return blue, -inflicted if self.red == "coupled" else -(inflicted + own)

    def during(self, progress: Any) -> Self:
        if self.red != "shaped":
            return self
        return replace(self, shaping=jnp.maximum(1 - progress / SHAPED_UNTIL, 0.0))

    def with_native(self, side: str, policy: str) -> World:
        """As of the wrapped world, with the game's own rewards."""
        return self.world.with_native(side, policy)


def coupled(parts: Mapping[str, Float32[Array, "*batch"]]) -> tuple[Any, Any]:
    """Of blue's reward what red does to it (-r_R), and what it does to itself (-C)."""
    own: Any = sum(parts[name] for name in _OWN_COSTS)
    inflicted: Any = sum(part for name, part in parts.items() if name not in _OWN_COSTS)
    return inflicted, own


def initial(state: State) -> Paid:
    """At the start of an episode, where red holds its first host."""
    held, rooted = footholds(state)
    never = jnp.zeros(T.NUM_HOSTS, bool)
    return Paid(
        foothold=held, root=rooted, exfiltration=never, sabotage=never, noticed=never, zone=_zones(held)
    )


def progress_of(paid: Paid, before: State, events: Events, after: State) -> tuple[Float32[Array, ""], Paid]:
    """The shaped reward of a step, and what has been paid for after it."""
    held, rooted = footholds(after)
    succeeded = events.red_ran & (events.red_outcome == T.Outcome.TRUE)
    on_host = is_index(events.red_host, T.NUM_HOSTS)
    impact = (events.red_kind == T.Red.IMPACT) & events.red_ran & holds_root(before, events)
    degraded = (events.red_kind == T.Red.DEGRADE) & succeeded
    now = Paid(
        foothold=held,
        root=rooted,
        exfiltration=_any(on_host, impact),
        sabotage=_any(on_host, degraded),
        noticed=jnp.any(events.red_noticed, axis=0) | _any(on_host, events.red_alert),
        zone=_zones(held),
    )
    total: Any = STEP
    for name, weight in _WEIGHTS.items():
        first = getattr(now, name) & ~getattr(paid, name)
        total = total + weight * jnp.sum(first, dtype=jnp.float32)
    over = jnp.any(jnp.stack([rich.carried_out(events, kind) for kind in _ENDS]), axis=0) & ~held
    ever = jax.tree.map(jnp.logical_or, now, paid)
    hosts = {name: getattr(ever, name) & ~over for name in _WEIGHTS if name != "zone"}
    return total, ever.replace(**hosts)


def _zones(held: Bool[Array, "host"]) -> Bool[Array, "subnet"]:
    return jnp.any(held[:, None] & jnp.asarray(_ZONE_OF), axis=0)


def _any(on_host: Bool[Array, "red host"], which: Bool[Array, "red"]) -> Bool[Array, "host"]:
    return jnp.any(on_host & which[:, None], axis=0)


def holds_root(state: State, events: Events) -> Bool[Array, "red"]:
    """Whether each agent itself holds root on the target of its action."""
    here = sessions.live(state) & (state.session_host == events.red_host[:, None])
    return jnp.any(here & (state.session_user == T.User.ROOT), axis=1)
