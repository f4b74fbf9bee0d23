"""Probe worlds for what the agents of a team tell each other, and for how they are paid.

| world | what a right learner reaches | the part it proves |
|---|---|---|
| ``toy/signal`` | return 1 (without messages: 1/2) | messages arrive, and are learned from |
| ``toy/shares`` | the quiet agent right, if each is paid its own | rewards of agents are kept apart |
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions, Obs
from garrison.core.spaces import check_actions
from garrison.core.typing import Array, Float32, PRNGKeyArray, Shaped
from garrison.core.world import Step
from garrison.worlds.toy.probes import Probe, ProbeState

#: ``"action"``: the number of the action, from 1; ``"state"``: what the agent sees of the cue
MESSAGES = ("none", "action", "state")
#: ``"team"``: each agent gets the sum of what all earn; ``"individual"``: what it earns itself
REWARDS = ("team", "individual")

_NOISE = 20.0  # standard deviation
_PLACES = np.array([1, 0])  # the most significant bit first


class SignalState(ProbeState):
    sent: Float32[Array, "*env agent bit"]  # with the last action; zeros at the start


@dataclass(frozen=True)
class Signal(Probe):
    """The speaker sees a cue in the first of two steps; both get 1 if the listener names it in the second.

    Each agent sends two bits with its action, which the other reads in the next observation, as in ``cc4``:
    ``messages`` says which (:data:`MESSAGES`). The default sends zeros. Raises ``ValueError`` for another
    kind.
    """

    messages: str = "none"

    name = "toy/signal"
    agents = ("speaker", "listener")
    max_steps = 2
    cues = 2
    features = ("left will pay", "right will pay", "message, bit 1", "message, bit 0", "now")

    def __post_init__(self) -> None:
        _check_choice(self, "messages", self.messages, MESSAGES)

    def reset(self, key: PRNGKeyArray) -> tuple[Obs, SignalState]:
        cue = jax.random.randint(key, (), 0, self.cues)
        silence = jnp.zeros((self.num_agents, len(_PLACES)), jnp.float32)
        state = SignalState(time=jnp.zeros((), jnp.int32), cue=cue, sent=silence)
        return self._observations(state), state

    def step(self, key: PRNGKeyArray, state: SignalState, actions: Array) -> tuple[Obs, ProbeState, Step]:
        actions = check_actions(self, actions)
        sent = jnp.zeros_like(state.sent)
        if self.messages == "action":
            sent = ((actions + 1)[:, None] >> _PLACES[None] & 1).astype(jnp.float32)
        elif self.messages == "state":
            sent = self._shown(state)
        return super().step(key, state.replace(sent=sent), actions)

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        right = (actions[1] == state.cue) & (state.time == 1)
        return jnp.tile(right, self.num_agents)

    def _shown(self, state: ProbeState) -> Float32[Array, "agent bit"]:
        """What each agent sees of the cue."""
        cue = jax.nn.one_hot(state.cue, self.cues, dtype=jnp.float32) * (state.time == 0)
        return jnp.stack([cue, jnp.zeros_like(cue)])

    def _observations(self, state: SignalState) -> Array:
        now = jnp.full((self.num_agents, 1), state.time == 1).astype(jnp.float32)
        return jnp.concatenate([self._shown(state), state.sent[::-1], now], axis=1)


@dataclass(frozen=True)
class Shares(Probe):
    """One step in which going right earns each agent 1; the second also gets noise of deviation 20.

    ``rewards`` says who is paid for what (:data:`REWARDS`). If both are paid the sum, the first agent's own
    action is lost in the noise of the second. Raises ``ValueError`` for another kind.
    """

    rewards: str = "team"

    name = "toy/shares"
    agents = ("quiet", "noisy")

    def __post_init__(self) -> None:
        _check_choice(self, "rewards", self.rewards, REWARDS)

    def step(self, key: PRNGKeyArray, state: ProbeState, actions: Array) -> tuple[Obs, ProbeState, Step]:
        obs, after, step = super().step(key, state, actions)
        quiet, noisy = (jnp.asarray(actions) == 1).astype(jnp.float32)
        noisy = noisy + _NOISE * jax.random.normal(key, dtype=jnp.float32)
        team = quiet + noisy
        reward = jnp.stack([quiet, noisy] if self.rewards == "individual" else [team, team])
        info = {"reward_parts": {"quiet": quiet, "noisy": noisy}, "team_reward": team}
        return obs, after, step.replace(reward=reward, info=info)


def _check_choice(world: Probe, option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(
            f"{option} of world {world.name!r} is {value!r}; it must be one of: {', '.join(choices)}"
        )
