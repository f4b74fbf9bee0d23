"""Rewards of CC4 for learning: the team's reward split among blue's agents.

Judges use the team's reward, which these worlds report as ``info["team_reward"]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Obs
from garrison.core.typing import Array, Float32, PRNGKeyArray
from garrison.core.world import State, Step
from garrison.core.wrappers import Wrapper
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.reward import losses
from garrison.worlds.cc4.state import State as EngineState

#: ``"team"``: each agent gets the team's reward. ``"area"``: each pays for what happens in its subnets, and
#: for its Restores. ``"cause"``: the same, but who blocked the traffic pays for an access that failed.
REWARDS = ("team", "area", "cause")
#: ``"leave_out"``: Impacts in the contractor network, which no defender can prevent, count for nobody
CONTRACTOR = ("count", "leave_out")

_SIZES = np.array([len(zones) for zones in T.BLUE_SUBNETS], np.float32)
_WEIGHT = _SIZES / _SIZES.sum()  # f32[blue]: of what is nobody's, and of the team's reward
_OWNER = np.zeros((T.NUM_SUBNETS, T.NUM_BLUE), np.float32)  # one-hot; zero where nobody defends
for _agent, _zones in enumerate(T.BLUE_SUBNETS):
    _OWNER[list(_zones), _agent] = 1
_USERS = T.HOST_SUBNET[T.GREEN_HOST]


def reward_shares(
    options: Options, state: EngineState, events: Events, by: str, contractor: str
) -> tuple[Float32[Array, "blue"], Float32[Array, ""]]:
    """What each agent answers for, and what is nobody's.

    Their sum is the sum of :func:`~garrison.worlds.cc4.reward.reward_parts`, less what ``contractor`` leaves
    out.

    Args:
        by: ``"area"`` or ``"cause"``.
    """
    loss = losses(options, state, events)
    if contractor == "leave_out":
        loss = loss.at[T.CON, T.Part.RIA].set(0.0)
    owner = jnp.asarray(_OWNER)
    own = jnp.sum(loss, axis=1) @ owner
    if by == "cause":
        failed = (events.green_outcome == T.Outcome.FALSE) & (events.green_kind == T.Green.ACCESS)
        price = jnp.asarray(options.reward)[state.phase, _USERS, T.Part.ASF]
        access = jnp.where(failed, price, 0.0)
        own = own + access @ _who_blocked(state, events) - loss[:, T.Part.ASF] @ owner
    return own, jnp.sum(loss) - jnp.sum(own)


def _who_blocked(state: EngineState, events: Events) -> Float32[Array, "green blue"]:
    """Who answers for each user's failed access: halves where two agents blocked it."""
    server = jnp.asarray(T.HOST_SUBNET)[jnp.minimum(events.green_target, T.NUM_HOSTS - 1)]
    owner = jnp.asarray(_OWNER)
    there = (state.blocked[server, _USERS] > 0)[:, None] * owner[server]
    back = (state.blocked[_USERS, server] > 0)[:, None] * owner[_USERS]
    both = there + back
    total = jnp.sum(both, axis=1, keepdims=True)
    return jnp.where(total > 0, both / jnp.maximum(total, 1.0), owner[_USERS])


@dataclass(frozen=True)
class SharedRewards(Wrapper):
    """A world of CC4's blue side whose agents learn from shares of the team's reward.

    An agent that defends n of the 7 subnets gets ``1 - team_share`` of its own share, and n/7 of
    ``team_share`` of the team's reward and of what is nobody's. So rewards of the agents add up to the
    team's, less what ``contractor`` leaves out; with ``by="team"`` each gets all of that.
    """

    by: str = "team"
    team_share: float = 0.0
    contractor: str = "count"

    def step(self, key: PRNGKeyArray, state: State, actions: Array) -> tuple[Obs, State, Step]:
        obs, after, step = self.world.step(key, state, actions)
        episode = _episode(self.world, after)
        by = "area" if self.by == "team" else self.by
        own, nobody = reward_shares(episode.options, episode.state, step.info["events"], by, self.contractor)
        team = jnp.sum(own) + nobody
        if self.by == "team":
            reward = jnp.broadcast_to(team, own.shape)
        else:
            weight = jnp.asarray(_WEIGHT)
            reward = (1 - self.team_share) * (own + weight * nobody) + self.team_share * weight * team
        info = {**step.info, "team_reward": step.reward[0]}
        return obs, after, step.replace(reward=reward.astype(jnp.float32), info=info)


def _episode(world: Any, state: Any) -> Any:
    """The engine's episode within the states of wrappers."""
    while isinstance(world, Wrapper):
        world, state = world.world, world.inner(state)
    return state
